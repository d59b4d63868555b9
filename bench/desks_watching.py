"""Desks that watch who is there: connections by TLS, all in one process of their own, which tells
when each of them has been shown something."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe

LONGEST = 20.0
"""Seconds until a change is given up."""


class Desks:
    """So many streams of presence; `pipe` leads to the process that has them."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    def open(self) -> float:
        """All of them; how many seconds until each has been shown who is there."""
        return self._done("open")

    def close(self) -> None:
        self._done("close")

    def expect(self, word: str) -> None:
        """Returns when all wait for the next message that holds `word`."""
        self._pipe.send(("expect", word))
        self._pipe.recv()

    def shown(self) -> list[float]:
        """When each was shown it, by `time.monotonic`, sorted; those that weren't are left out."""
        times: list[float] = self._pipe.recv()
        return times

    def _done(self, what: str) -> float:
        self._pipe.send((what, ""))
        took: float = self._pipe.recv()
        return took


@contextmanager
def desks(port: int, cookies: Sequence[str]) -> Iterator[Desks]:
    """One desk a cookie; none is connected yet."""
    spawned = get_context("spawn")
    here, there = spawned.Pipe()
    process = spawned.Process(target=_watch, args=(port, cookies, there), daemon=True)
    process.start()
    try:
        yield Desks(here)
    finally:
        process.terminate()
        process.join()


def _watch(port: int, cookies: Sequence[str], told: Pipe) -> None:
    asyncio.run(_Room(port, cookies, told).run())


class _Room:
    def __init__(self, port: int, cookies: Sequence[str], told: Pipe) -> None:
        self._port = port
        self._cookies = cookies
        self._told = told
        self._tasks: list[asyncio.Task[None]] = []
        self._word = b""
        self._times: list[float] = []
        self._shown = 0
        self._all = asyncio.Event()
        self._context = ssl.create_default_context()
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE

    async def run(self) -> None:
        while True:
            what, word = await asyncio.to_thread(self._told.recv)
            began = time.monotonic()
            if what == "expect":
                self._word = word.encode()
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
                self._tasks = [asyncio.create_task(self._desk(each)) for each in self._cookies]
                await asyncio.wait_for(self._all.wait(), LONGEST)
                self._told.send(time.monotonic() - began)
            else:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)
                self._told.send(time.monotonic() - began)

    async def _desk(self, cookie: str) -> None:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=self._context, ssl_handshake_timeout=LONGEST, limit=2**20
        )
        writer.write(
            f"GET /presence/stream HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode()
        )
        first, seen = True, b""
        try:
            while message := await reader.readuntil(b"\n\n"):
                if first and b"data:" in message:
                    first = False
                    self._shown += 1
                    if self._shown == len(self._cookies):
                        self._all.set()
                if self._word and self._word in message and seen != self._word:
                    seen = self._word
                    self._times.append(time.monotonic())
                    if len(self._times) == len(self._cookies):
                        self._all.set()
        finally:
            writer.close()
