"""What one leg does, as a generator that waits for time, for signals and for work outside."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.twilio_stand_in.clock import Clock, Timer


@dataclass(frozen=True)
class Wait:
    """Yielded: go on after so many seconds (None: never) with None, or earlier with a signal."""

    seconds: float | None


@dataclass(frozen=True)
class Work:
    """Yielded: do this outside and go on, so many seconds later, with its result."""

    do: Callable[[], object]
    latency: float = 0.0


Result = TypeVar("Result")
Steps = Generator[Wait | Work, Any, Result]


class Process:
    """Runs the steps. A signal wakes a wait; an interruption is thrown in wherever they stand."""

    def __init__(self, clock: Clock, steps: Steps[None]) -> None:
        self._clock = clock
        self._steps = steps
        self._signals: deque[object] = deque()
        self._interruptions: deque[Exception] = deque()
        self._timer: Timer | None = None
        self._turn = 0
        self._running = False
        self.waiting = False
        self.over = False

    def start(self) -> None:
        self._go_on()

    def signal(self, signal: object) -> None:
        if self.waiting:
            self._go_on(signal)
        elif not self.over:
            self._signals.append(signal)

    def interrupt(self, interruption: Exception) -> None:
        if self._running:
            self._interruptions.append(interruption)
        elif not self.over:
            self._go_on(None, interruption)

    def stop(self) -> None:
        """End without another word, unless it is itself what asks: then it returns by itself."""
        if not self._running:
            self._forget_wait()
            self.over = True
            self._steps.close()

    def _forget_wait(self) -> None:
        self._turn += 1
        self.waiting = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_on(self, value: object = None, error: BaseException | None = None) -> None:
        while True:
            self._forget_wait()
            self._running = True
            try:
                request = self._steps.send(value) if error is None else self._steps.throw(error)
            except StopIteration:
                self.over = True
                return
            except BaseException:
                self.over = True
                raise
            finally:
                self._running = False
            value = error = None
            if self._interruptions:
                error = self._interruptions.popleft()
            elif isinstance(request, Work):
                return self._work(request)
            elif self._signals:
                value = self._signals.popleft()
            else:
                self.waiting = True
                if request.seconds is not None:
                    self._timer = self._clock.after(request.seconds, self._go_on)
                return

    def _work(self, work: Work) -> None:
        turn = self._turn

        def outside() -> None:
            value: object = None
            error: Exception | None = None
            try:
                value = work.do()
            except OSError as failure:
                error = failure
            with self._clock.lock:
                if self._turn != turn:  # interrupted meanwhile: nobody waits for the result
                    return
                if work.latency > 0:
                    self._timer = self._clock.after(work.latency, lambda: self._go_on(value, error))
                else:
                    self._go_on(value, error)

        self._clock.in_background(outside)


def sleep(seconds: float, clock: Clock) -> Steps[None]:
    """Wait, deaf to signals."""
    end = clock.elapsed + seconds
    while (left := end - clock.elapsed) > 0:
        yield Wait(left)
