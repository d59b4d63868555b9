"""Desks in browsers, as far as they are told by the console: connections by TLS, all in one process
of their own, which tells when each of them has been shown something."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe

LONGEST = 20.0
"""Seconds until a change is given up."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What a page asks for that is told as long as it is open."""

    address: str
    cookie: str


class Desks:
    """Their streams; `pipe` leads to the process that has them."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    def open(self) -> float:
        """All of them; how many seconds until each has been shown something."""
        return self._done("open")

    def close(self) -> None:
        self._done("close")

    def expect(self, word: str, many: int) -> None:
        """Returns when all wait for the next message that holds `word`, which so many should be
        shown."""
        self._pipe.send(("expect", (word, many)))
        self._pipe.recv()

    def shown(self) -> list[float]:
        """When each was shown it, by `time.monotonic`, sorted; those that weren't are left out."""
        times: list[float] = self._pipe.recv()
        return times

    def _done(self, what: str) -> float:
        self._pipe.send((what, None))
        took: float = self._pipe.recv()
        return took


@contextmanager
def desks(port: int, streams: Sequence[Stream]) -> Iterator[Desks]:
    """None is connected yet."""
    spawned = get_context("spawn")
    here, there = spawned.Pipe()
    process = spawned.Process(target=_watch, args=(port, streams, there), daemon=True)
    process.start()
    try:
        yield Desks(here)
    finally:
        process.terminate()
        process.join()


def _watch(port: int, streams: Sequence[Stream], told: Pipe) -> None:
    asyncio.run(_Room(port, streams, told).run())


class _Room:
    def __init__(self, port: int, streams: Sequence[Stream], told: Pipe) -> None:
        self._port = port
        self._streams = streams
        self._told = told
        self._tasks: list[asyncio.Task[None]] = []
        self._word, self._many = b"", 0
        self._times: list[float] = []
        self._shown = 0
        self._all = asyncio.Event()
        self._context = ssl.create_default_context()
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE

    async def run(self) -> None:
        while True:
            what, told = await asyncio.to_thread(self._told.recv)
            began = time.monotonic()
            if what == "expect":
                self._word, self._many = told[0].encode(), told[1]
                self._times.clear()
                self._all.clear()
                self._told.send(0.0)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._all.wait(), LONGEST)
                self._word = b""
                self._told.send(sorted(self._times))
            elif what == "open":
                self._shown = 0
                self._all.clear()
                self._tasks = [asyncio.create_task(self._page(each)) for each in self._streams]
                await asyncio.wait_for(self._all.wait(), LONGEST)
                self._told.send(time.monotonic() - began)
            else:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)
                self._told.send(time.monotonic() - began)

    async def _page(self, stream: Stream) -> None:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=self._context, ssl_handshake_timeout=LONGEST, limit=2**20
        )
        writer.write(
            f"GET {stream.address} HTTP/1.1\r\nHost: localhost\r\n"
            f"Cookie: {stream.cookie}\r\n\r\n".encode()
        )
        first, seen = True, b""
        try:
            while message := await reader.readuntil(b"\n\n"):
                if first and b"data:" in message:
                    first = False
                    self._shown += 1
                    if self._shown == len(self._streams):
                        self._all.set()
                if self._word and self._word in message and seen != self._word:
                    seen = self._word
                    self._times.append(time.monotonic())
                    if len(self._times) == self._many:
                        self._all.set()
        finally:
            writer.close()
