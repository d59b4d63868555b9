"""Another machine, for a test: a network namespace joined to ours by one cable.

All of it is ours alone without any privilege where the kernel lets users have namespaces of their
own: `alone()` says how a program is run in such.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HERE, THERE = "198.51.100.1", "198.51.100.2"
"""Our end of the cable and theirs (RFC 5737: nobody's)."""
NOWHERE = "02:00:00:00:00:99"
"""A network card that isn't there."""


def alone(command: Sequence[str]) -> list[str]:
    """The command that runs another in namespaces of its own, as their root."""
    return ["unshare", "--user", "--map-root-user", "--net", "--", *command]


class Elsewhere:
    """The other machine, from `plugged_in()`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._at = process.pid

    def program(self, path: str, folder: Path) -> str:
        """A program that runs another there."""
        wrapper = folder / "elsewhere"
        wrapper.write_text(f'#!/bin/sh\nexec nsenter -t {self._at} -n {path} "$@"\n', "utf-8")
        wrapper.chmod(0o700)
        return str(wrapper)

    def unplug(self) -> None:
        """Pull the cable out: either end sees that it is gone."""
        _ip("link", "set", "here", "down")

    def plug(self) -> None:
        _ip("link", "set", "here", "up")

    def go_silent(self) -> None:
        """Nothing that is sent arrives, and nobody is told: as if a switch between were dead."""
        _ip("neigh", "replace", THERE, "lladdr", NOWHERE, "nud", "permanent", "dev", "here")
        self._ip("neigh", "replace", HERE, "lladdr", NOWHERE, "nud", "permanent", "dev", "there")

    def speak_again(self) -> None:
        _ip("neigh", "del", THERE, "dev", "here")
        self._ip("neigh", "del", HERE, "dev", "there")

    def _ip(self, *words: str) -> None:
        _run("nsenter", "-t", str(self._at), "-n", "ip", *words)


@contextmanager
def plugged_in() -> Iterator[Elsewhere]:
    """To be called in `alone()`."""
    _ip("link", "set", "lo", "up")
    command = ["unshare", "--net", "--", "sh", "-c", "echo; exec sleep infinity"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # It is there.
        there = Elsewhere(process)
        try:
            _ip("link", "add", "here", "type", "veth", "peer", "there", "netns", str(process.pid))
            _ip("addr", "add", f"{HERE}/24", "dev", "here")
            there._ip("link", "set", "lo", "up")
            there._ip("addr", "add", f"{THERE}/24", "dev", "there")
            there._ip("link", "set", "there", "up")
            there.plug()
            yield there
        finally:
            process.kill()


def _ip(*words: str) -> None:
    _run("ip", *words)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
