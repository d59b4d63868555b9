"""A browser's connection, kept for an answer that goes on after the web server has given it.

No thread waits beside it: whoever has something to tell writes it, and what stands before the pages
sends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

OUTLET = "console.outlet"
"""Where a request's environment has it."""
GONE_AFTER_MS = 20_000
"""A browser whose network takes nothing for so long is gone."""
MOST_UNREAD = 2**20
"""Bytes that wait for a browser before it is hung up; it connects again and is shown what is."""
CHUNK = 65_536
BLANK_LINE = b"\r\n\r\n"


class Outlet:
    """Of one connection: `take`, `write` and `end` from any thread, the rest in its loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, writer: asyncio.StreamWriter) -> None:
        self._loop = loop
        self._writer = writer
        self._left: Callable[[], None] | None = None
        self._before_its_head: list[bytes] | None = []
        self._over = asyncio.Event()

    @property
    def taken(self) -> bool:
        return self._left is not None

    def take(self, left: Callable[[], None]) -> None:
        """The answer that is about to be given goes on: from its head on, what is written follows.

        :param left: told once the browser has gone or the end has come; returns at once.
        """
        self._left = left

    def write(self, told: bytes) -> None:
        self._soon(self._write, told)

    def end(self) -> None:
        self._soon(self._over.set)

    def begin(self, head: bytes) -> None:
        """:param head: of the web server's answer, without its blank line."""
        self._writer.write(_endless(head))
        gone_without_a_word(self._writer)
        before, self._before_its_head = self._before_its_head, None
        for told in before or ():
            self._write(told)

    async def last(self, reader: asyncio.StreamReader) -> None:
        """Returns when the browser has gone, or the end has come."""
        gone = asyncio.create_task(_gone(reader))
        gone.add_done_callback(lambda _: self._over.set())
        try:
            await self._over.wait()
        finally:
            self._over.set()
            gone.cancel()

    def leave(self) -> None:
        if self._left is not None:
            self._left()

    def _soon(self, act: Callable[..., None], *of: object) -> None:
        with contextlib.suppress(RuntimeError):  # The console stops: nobody is there any more.
            self._loop.call_soon_threadsafe(act, *of)

    def _write(self, told: bytes) -> None:
        if self._before_its_head is not None:
            self._before_its_head.append(told)
            return
        if self._over.is_set():
            return
        self._writer.write(told)
        if self._writer.transport.get_write_buffer_size() > MOST_UNREAD:
            self._writer.transport.abort()
            self._over.set()


def gone_without_a_word(writer: asyncio.StreamWriter) -> None:
    """Have the connection end once its browser takes nothing any more."""
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, GONE_AFTER_MS)


async def _gone(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(OSError):
        while await reader.read(CHUNK):
            pass


def _endless(head: bytes) -> bytes:
    """The head of an answer that is over when its connection is."""
    first, *lines = head.split(b"\r\n")
    ends = (b"content-length:", b"transfer-encoding:", b"connection:")
    kept = [line for line in lines if not line.lower().startswith(ends)]
    return b"\r\n".join((first, *kept, b"Connection: close")) + BLANK_LINE
