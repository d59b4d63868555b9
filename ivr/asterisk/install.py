"""Finds an Asterisk, or lays one into a folder of our own where the host has none.

The private one is Debian's package of its next release, extracted without being installed: it
runs unprivileged and in place, by its own dynamic loader. Its version moves with that release,
so it is for trial and tests; production uses a package that somebody maintains.
"""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SUITE = "forky"
OLDEST = 20
"""The oldest major version that we know to work."""


class InstallFailed(Exception):
    """Says why in one line, with the way out."""


@dataclass(frozen=True, slots=True)
class Installation:
    """An Asterisk that can be run.

    :param program: how to begin a command line.
    :param modules: where its `.so` files are.
    :param documentation: where its `core-en_US.xml` is: it doesn't start without.
    """

    program: tuple[str, ...]
    modules: Path
    documentation: Path

    def command(self, conf_dir: Path) -> list[str]:
        """Run in the foreground with the configuration in `conf_dir`, as whoever starts it."""
        return [*self.program, "-C", str(conf_dir / "asterisk.conf"), "-f"]

    def tell(self, conf_dir: Path, command: str) -> str:
        """What the running Asterisk answers to a console command.

        :raises InstallFailed: it doesn't run.
        """
        done = subprocess.run(
            [*self.program, "-C", str(conf_dir / "asterisk.conf"), "-rx", command],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        if done.returncode:
            raise InstallFailed(f"Asterisk doesn't run with {conf_dir}")
        return done.stdout

    def version(self) -> str:
        """`22.10.1`, as the program itself says."""
        try:
            said = subprocess.run(
                [*self.program, "-V"], capture_output=True, text=True, timeout=10, check=True
            ).stdout
        except (OSError, subprocess.SubprocessError) as error:
            raise InstallFailed(f"{self.program[-1]} doesn't run: {error}") from error
        match = re.search(r"Asterisk (?:certified/|GIT-)?(\d[\w.~-]*)", said)
        return match.group(1).partition("~")[0] if match else said.strip()

    def major(self) -> int:
        leading = re.match(r"\d+", self.version())
        return int(leading.group()) if leading else 0


def private(directory: Path) -> Installation | None:
    """The private installation in `directory`, None where there is none."""
    program = directory / "usr/sbin/asterisk"
    libraries = next(directory.glob("usr/lib/*-linux-*/asterisk"), None)
    if not program.exists() or libraries is None:
        return None
    library = libraries.parent
    loader = next(library.glob("ld-linux*.so*"), None)
    if loader is None:
        return None
    return Installation(
        (str(loader), "--library-path", str(library), str(program)),
        libraries / "modules",
        directory / "usr/share/asterisk/documentation",
    )


def on_host() -> Installation | None:
    """The host's own Asterisk, None where there is none or it is too old."""
    program = shutil.which("asterisk") or shutil.which("asterisk", path="/usr/sbin:/usr/local/sbin")
    modules = _first("usr/lib*/asterisk/modules", "usr/lib/*/asterisk/modules")
    documentation = _first("usr/share/asterisk/documentation", "var/lib/asterisk/documentation")
    if program is None or modules is None or documentation is None:
        return None
    found = Installation((program,), modules, documentation)
    return found if found.major() >= OLDEST else None


def _first(*patterns: str) -> Path | None:
    return next((path for pattern in patterns for path in Path("/").glob(pattern)), None)


def find(directory: Path) -> Installation | None:
    """The Asterisk to run: the private one of `directory` first, else the host's."""
    return private(directory) or on_host()


def install(directory: Path, say: Callable[[str], None]) -> Installation:
    """Lay Asterisk into `directory`, unless it is there. Whole or not at all: it is built beside
    and renamed; two at once wait for each other.

    :raises InstallFailed: no mmdebstrap, no network, no such package.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_name(f"{directory.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = private(directory)
        if found is None:
            say(f"Fetching Asterisk from Debian {SUITE} into {directory} (270 MB) …")
            _fetch(directory)
            found = private(directory)
            if found is None:
                raise InstallFailed(f"what was fetched into {directory} holds no Asterisk")
        say(f"Asterisk {found.version()} is in {directory}")
        return found


def _fetch(directory: Path) -> None:
    if shutil.which("mmdebstrap") is None:
        raise InstallFailed("mmdebstrap is missing: apt-get install mmdebstrap")
    new = directory.with_name(f"{directory.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    done = subprocess.run(
        [
            "mmdebstrap",
            "--variant=extract",
            "--include=asterisk",
            '--aptopt=Acquire::Check-Valid-Until "false"',
            SUITE,
            str(new),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        shutil.rmtree(new, ignore_errors=True)
        reason = next((line for line in done.stderr.splitlines() if line.startswith("E:")), "")
        raise InstallFailed(f"mmdebstrap could not fetch Asterisk: {reason or done.stderr[-300:]}")
    shutil.rmtree(directory, ignore_errors=True)
    new.rename(directory)
