"""Who holds a port of this machine, as Linux tells it under /proc."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
LISTENS = "0A"
"""TCP's state of that name; a UDP socket that takes from anybody is in state 07."""
UNCONNECTED = "07"


class Holder(NamedTuple):
    """A process and how it was started. `pid` 0: another user's, which only root may see."""

    pid: int
    command: str


def holder(port: int) -> Holder | None:
    """The process that listens on a TCP or UDP port, None where nobody does."""
    sockets = {
        inode
        for table, state in (
            ("tcp", LISTENS),
            ("tcp6", LISTENS),
            ("udp", UNCONNECTED),
            ("udp6", UNCONNECTED),
        )
        for inode in _sockets(PROC / "net" / table, port, state)
    }
    if not sockets:
        return None
    for process in PROC.glob("[0-9]*"):
        if sockets & _held(process):
            words = (process / "cmdline").read_bytes().split(b"\0")
            return Holder(int(process.name), b" ".join(words).decode("utf-8", "replace").strip())
    return Holder(0, "")


def _held(process: Path) -> set[str]:
    """What a process has open, as far as we may see it and it hasn't ended meanwhile."""
    held = set()
    with contextlib.suppress(OSError):
        for link in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                held.add(str(link.readlink()))
    return held


def _sockets(table: Path, port: int, state: str) -> list[str]:
    """Links as they stand under /proc/<pid>/fd of the table's sockets on `port`."""
    try:
        lines = table.read_text("ascii").splitlines()[1:]
    except OSError:
        return []
    rows = [re.split(r"\s+", line.strip()) for line in lines]
    return [
        f"socket:[{row[9]}]"
        for row in rows
        if int(row[1].rpartition(":")[2], 16) == port and row[3] == state
    ]
