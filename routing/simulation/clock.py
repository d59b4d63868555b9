"""A clock that jumps from one event to the next."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta


class Clock:
    """`now`: seconds since `begins`; `at`: the same as an instant. Events of one second happen in
    the order in which they were asked for."""

    def __init__(self, begins: datetime) -> None:
        self.now = 0.0
        self.at = begins
        self._begins = begins
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._asked = 0

    def at_second(self, second: float, happen: Callable[[], None]) -> None:
        self._asked += 1
        heapq.heappush(self._events, (second, self._asked, happen))

    def after(self, seconds: float, happen: Callable[[], None]) -> None:
        self.at_second(self.now + seconds, happen)

    def instant(self, second: float) -> datetime:
        return self._begins + timedelta(seconds=second)

    def step(self) -> None:
        """To the next event, and through it."""
        self.now, _, happen = heapq.heappop(self._events)
        self.at = self.instant(self.now)
        happen()
