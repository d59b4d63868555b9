"""Pages that go on being told, as something changes: who is told what, and when.

No thread a page: after each look of the watch those for whom something may have changed, or whose
beat has come, are asked what they are to be shown, by a few threads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import structlog

from console.outlet import Outlet

log = structlog.get_logger()

STREAMS = 600
"""Of one kind at once: of 300 each, and those that all of them open again before the old ones are
known to be gone."""

Messages = Generator[str | None, bool | None, None]
"""What a page is told, in its request's own context. None: nothing more until it is asked again; it
is then sent whether its beat has come."""


class Streams:
    """Of pages of one kind, which wait for one another and for no page of another kind.

    :param wanted: set as soon as there is any page.
    """

    def __init__(self, threads: int, wanted: threading.Event) -> None:
        self._open: set[_Stream] = set()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(threads, "streams")
        self._wanted = wanted

    def begin(self, messages: Messages, beat_seconds: float, outlet: Outlet) -> bool:
        """Have the page told from the next look on; False: too many are already."""
        stream = _Stream(messages, beat_seconds, outlet)
        with self._lock:
            if sum(not one.left for one in self._open) >= STREAMS:
                return False
            self._open.add(stream)
        self._wanted.set()
        outlet.take(stream.leave)
        return True

    def looked(self, version: int) -> bool:
        """Is any page left?

        :param version: of what there is to be seen.
        """
        with self._lock:
            due = [one for one in self._open if not one.busy and one.is_due(version)]
            self._open.difference_update(one for one in due if one.left)
            left = bool(self._open)
        for stream in due:
            stream.busy = True
            self._threads.submit(stream.step, version)
        return left

    def stop(self) -> None:
        self._threads.shutdown(cancel_futures=True)


class _Stream:
    """Asked by one thread at a time: whoever finds it not `busy`."""

    def __init__(self, messages: Messages, beat_seconds: float, outlet: Outlet) -> None:
        self._messages = messages
        self._context = copy_context()
        self._beat_seconds = beat_seconds
        self._outlet = outlet
        self._begun = False
        self._beat_at = 0.0
        self._version = -1
        self.busy = False
        self.left = False

    def leave(self) -> None:
        self.left = True

    def is_due(self, version: int) -> bool:
        return self.left or self._version != version or time.monotonic() >= self._beat_at

    def step(self, version: int) -> None:
        self._version = version
        try:
            self._context.run(self._tell)
        except Exception:
            log.exception("page_not_told")
            self._outlet.end()
        finally:
            self.busy = False

    def _tell(self) -> None:
        if self.left:
            self._messages.close()
            return
        beat = time.monotonic() >= self._beat_at
        if beat:
            self._beat_at = time.monotonic() + self._beat_seconds
        try:
            told = self._messages.send(beat if self._begun else None)
            self._begun = True
            while told is not None:
                self._outlet.write(told.encode())
                told = next(self._messages)
        except StopIteration:
            self._outlet.end()
