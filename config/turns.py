"""A semaphore that is first come, first served.

Connection pools (and `threading.Semaphore`) let a newcomer overtake those who wait: with 60 busy
threads some waited past every limit while others went on.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class NoTurn(Exception):
    """One's turn did not come in time."""


class Turns:
    """At most `places` at once; the others wait in the order they came, up to `seconds`."""

    def __init__(self, places: int, seconds: float) -> None:
        self._free = places
        self._seconds = seconds
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Raises NoTurn."""
        self._take()
        try:
            yield
        finally:
            self._give()

    def _take(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            mine = threading.Event()
            self._waiting.append(mine)
        if mine.wait(self._seconds):
            return
        with self._lock:
            if mine in self._waiting:  # otherwise it was given just now
                self._waiting.remove(mine)
                raise NoTurn(f"no turn within {self._seconds:g} s")

    def _give(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1
