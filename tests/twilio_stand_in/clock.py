"""Time for the stand-in: virtual, moved only by a test, or real, in a thread of its own."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

BEGIN = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


class Timer:
    """An action at a moment; cancelled, it does nothing."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self._action = None

    def fire(self) -> None:
        action, self._action = self._action, None
        if action is not None:
            action()

    @property
    def cancelled(self) -> bool:
        return self._action is None


class Clock:
    """Virtual time: nothing sleeps, work outside takes no time of its own."""

    def __init__(self, begin: datetime = BEGIN) -> None:
        self.begin = begin
        self.lock = threading.RLock()
        self._elapsed = 0.0
        self._order = itertools.count()
        self._timers: list[tuple[float, int, Timer]] = []

    @property
    def elapsed(self) -> float:
        """Seconds since the clock began."""
        return self._elapsed

    def now(self) -> datetime:
        return self.begin + timedelta(seconds=self.elapsed)

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        timer = Timer(action)
        heapq.heappush(self._timers, (self.elapsed + seconds, next(self._order), timer))
        return timer

    def in_background(self, work: Callable[[], None]) -> None:
        """Do what may take real time: here at once, the clock standing still."""
        work()

    def run_for(self, seconds: float) -> None:
        end = self._elapsed + seconds
        while (moment := self._next()) is not None and moment <= end:
            self._step()
        self._elapsed = end

    def run_until(self, condition: Callable[[], bool], within: float = 600.0) -> None:
        """Go on until the condition holds; a test that waits in vain fails."""
        end = self._elapsed + within
        while not condition():
            moment = self._next()
            if moment is None or moment > end:
                raise AssertionError(f"nothing more happens within {within} s")
            self._step()

    def run(self, within: float = 86400.0) -> None:
        """Go on until nothing is left to happen."""
        end = self._elapsed + within
        while (moment := self._next()) is not None:
            if moment > end:
                raise AssertionError(f"still busy after {within} s")
            self._step()

    def _next(self) -> float | None:
        while self._timers and self._timers[0][2].cancelled:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def _step(self) -> None:
        moment, _, timer = heapq.heappop(self._timers)
        self._elapsed = max(self._elapsed, moment)
        with self.lock:
            timer.fire()


class RealClock(Clock):
    """Real time: a thread fires timers under `lock`, work outside runs in threads without it."""

    def __init__(self) -> None:
        super().__init__(datetime.now(UTC))
        self._started = time.monotonic()
        self._changed = threading.Condition(self.lock)
        self._working = 0
        self._closed = False
        self._failures: list[BaseException] = []
        threading.Thread(target=self._loop, daemon=True).start()

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._started

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        with self._changed:
            timer = super().after(seconds, action)
            self._changed.notify_all()
            return timer

    def in_background(self, work: Callable[[], None]) -> None:
        def worker() -> None:
            try:
                work()
            except BaseException as failure:  # a thread's failure must reach the test
                self._failures.append(failure)
            with self._changed:
                self._working -= 1
                self._changed.notify_all()

        with self._changed:
            self._working += 1
        threading.Thread(target=worker, daemon=True).start()

    def run_for(self, seconds: float) -> None:
        time.sleep(seconds)
        self._raise_failure()

    def run_until(self, condition: Callable[[], bool], within: float = 600.0) -> None:
        end = self.elapsed + within
        with self._changed:
            while not condition():
                self._raise_failure()
                if self.elapsed > end:
                    raise AssertionError(f"nothing more happens within {within} s")
                self._changed.wait(0.05)
        self._raise_failure()

    def run(self, within: float = 86400.0) -> None:
        self.run_until(lambda: self._next() is None and not self._working, within)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _loop(self) -> None:
        with self._changed:
            while not self._closed:
                moment = self._next()
                left = None if moment is None else moment - self.elapsed
                if left is not None and left <= 0:
                    _, _, timer = heapq.heappop(self._timers)
                    try:
                        timer.fire()
                    except BaseException as failure:  # likewise
                        self._failures.append(failure)
                    self._changed.notify_all()
                else:
                    self._changed.wait(left)

    def _raise_failure(self) -> None:
        if self._failures:
            raise self._failures.pop(0)
