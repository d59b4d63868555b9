"""Asterisk's side of an AGI conversation, played from a transcript.

A transcript is a text file: `>` what we say, `<` what Asterisk answers, `#` a remark. It ends
where the conversation does; `< EOF` closes the connection.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ivr.asterisk.channel import Channel

TRANSCRIPTS = Path(__file__).parent / "transcripts"
ENV = {
    "agi_uniqueid": "1795470143.1",
    "agi_channel": "PJSIP/trunk-00000001",
    "agi_callerid": "13570001234",
    "agi_calleridname": "unknown",
    "agi_callingpres": "0",
    "agi_extension": "12355",
    "agi_arg_1": "020-12355",
}


class Peer(threading.Thread):
    """Answers each line we send with the transcript's next ones; keeps what it heard."""

    def __init__(self, connection: socket.socket, lines: list[str]) -> None:
        super().__init__(daemon=True)
        self._connection = connection
        self._lines = lines
        self.heard: list[str] = []

    def run(self) -> None:
        with self._connection, self._connection.makefile("rb") as commands:
            for line in self._lines:
                if line.startswith("> "):
                    command = commands.readline()
                    if not command:
                        return
                    self.heard.append("> " + command.decode().rstrip("\n"))
                elif line == "< EOF":
                    return
                elif line.startswith("< "):
                    self._connection.sendall(line[2:].encode() + b"\n")
            while command := commands.readline():
                self.heard.append("> " + command.decode().rstrip("\n"))


@contextmanager
def conversation(*lines: str) -> Iterator[tuple[Channel, Peer]]:
    """A channel whose Asterisk follows `lines`."""
    ours, theirs = socket.socketpair()
    peer = Peer(theirs, list(lines))
    peer.start()
    with ours:
        yield Channel(ours, ENV), peer
    peer.join(5)


def transcript(name: str, **values: object) -> list[str]:
    """The lines of a transcript, `{values}` filled in, remarks left out."""
    text = (TRANSCRIPTS / f"{name}.txt").read_text(encoding="utf-8")
    for value_name, value in values.items():
        text = text.replace(f"{{{value_name}}}", str(value))
    return [line for line in text.splitlines() if line[:2] in ("> ", "< ")]
