"""A real Asterisk with our generated configuration, on ports of its own."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import threading
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ivr.asterisk import conf
from ivr.asterisk.conf_settings import Account, AsteriskSettings, LastResortPrompts, Trunk
from ivr.asterisk.install import Installation, find, install
from tests.e2e.sipp import free_port

ROOT = Path(os.environ.get("TEST_ASTERISK_ROOT", Path(__file__).parents[2] / "var/asterisk-root"))
"""Where the private Asterisk is kept between test runs."""
GUANGZHOU = Trunk("guangzhou", "02012355", ("127.0.0.11",), "127.0.0.11:5060")
WUHAN = Trunk("wuhan", "02712355", ("127.0.0.12",), "127.0.0.12:5060", "tcp")
STARTED_SECONDS = 20.0


def installed() -> Installation:
    """The Asterisk to test: the private one, made at the first run."""
    return find(ROOT) or install(ROOT, print)


def free_settings(
    directory: Path, prompts: LastResortPrompts, engines: int = 1
) -> AsteriskSettings:
    """Settings whose ports nobody has; each trunk's peer is a free port too."""
    local = "127.0.0.1"
    return AsteriskSettings(
        directory=directory,
        ami_secret="secret-of-the-manager",
        prompts=prompts,
        trunks=tuple(
            replace(trunk, peer=f"{source}:{free_port(source)}")
            for trunk in (GUANGZHOU, WUHAN)
            for source in trunk.sources
        ),
        engines=tuple(f"{local}:{free_port(local)}" for _ in range(engines)),
        sip_port=free_port(local),
        tls_port=free_port(local),
        ws_port=free_port(local),
        ami_port=free_port(local),
        patience_seconds=4,
        ring_seconds=2,
    )


class RunningAsterisk:
    """Writes the configuration and runs Asterisk until `stop()` or `kill()`."""

    def __init__(
        self,
        settings: AsteriskSettings,
        accounts: tuple[Account, ...],
        additions: Mapping[str, str] | None = None,
    ) -> None:
        """`additions`: lines that a test adds at the end of a configuration file, or files."""
        self.settings = settings
        self.accounts = accounts
        self.installation = installed()
        self.conf_dir = settings.directory / "etc"
        self._process: subprocess.Popen[bytes] | None = None
        conf.write(settings, accounts, self.installation, self.conf_dir)
        for name, text in (additions or {}).items():
            with (self.conf_dir / name).open("a", encoding="utf-8") as file:
                file.write(text)

    @property
    def sip(self) -> tuple[str, int]:
        return self.settings.bind, self.settings.sip_port

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when Asterisk itself says that it is ready (sd_notify)."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            place = self.settings.directory / "run/ready"
            place.unlink(missing_ok=True)
            told.bind(str(place))
            told.settimeout(STARTED_SECONDS)
            self._process = subprocess.Popen(
                self.installation.command(self.conf_dir),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "NOTIFY_SOCKET": str(place)},
            )
            while b"READY=1" not in told.recv(4096):
                pass

    def tell(self, command: str) -> str:
        """What Asterisk answers on its console."""
        return self.installation.tell(self.conf_dir, command)

    def wait_for_spool(self, but: Collection[Path] = ()) -> dict[str, Any]:
        """What the dialplan wrote down of a call, `but` these."""
        for _ in range(200):
            for file in set(self.settings.calls_spool.glob("*.json")) - set(but):
                with contextlib.suppress(json.JSONDecodeError):
                    said: dict[str, Any] = json.loads(file.read_text("utf-8"))
                    return said
            threading.Event().wait(0.05)
        raise AssertionError("the spool tells nothing of this call")

    def log(self) -> str:
        return (self.settings.directory / "log/messages").read_text("utf-8", "replace")

    def kill(self) -> None:
        """As a crash would end it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.kill()
