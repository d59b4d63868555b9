"""Group commit: writes of one store, one transaction at a time, several in each.

There is no thread that writes: whoever comes while nobody writes leads, and does its own work
and that of all who wait, in one transaction; who comes meanwhile waits, and the first of them
leads next. So a write that meets no other pays for no change of threads, and of many at once
none waits for more than the commits before its own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")
Work = Callable[[Connection], Any]

WRITES_A_COMMIT = 4
"""More would share one wait for the disk, but each is told only when all of them are done: in a
rush that costs more than it saves. Where many wait, a quarter of them share it."""


class Closed(Exception):
    """Nothing can be written any more."""


@dataclass(slots=True)
class Outcome:
    """What came of one work: a value, or the error that undid it alone."""

    value: Any = None
    error: BaseException | None = None


@dataclass(slots=True)
class _Write:
    work: Work
    told: threading.Event = field(default_factory=threading.Event)
    """That it is done, or that it leads."""
    outcome: Outcome | None = None


class GroupCommit:
    """:param commit: does all works in one transaction and gives each one's outcome after the
    commit; what it raises instead is told to every one of them.
    """

    def __init__(self, commit: Callable[[list[Work]], list[Outcome]]) -> None:
        self._commit = commit
        self._waiting: deque[_Write] = deque()
        self._leader: int | None = None
        """The thread that leads."""
        self._closed = False
        self._changed = threading.Condition()

    def submit(self, work: Callable[[Connection], T]) -> T:
        """The result of `work`, once it is committed. Raises what it raises, what `commit`
        raises, or Closed."""
        me = threading.get_ident()
        write = _Write(work)
        with self._changed:
            if self._leader == me:
                raise RuntimeError("a write inside a write would wait for itself")
            if self._closed:
                raise Closed
            self._waiting.append(write)
            leads = self._leader is None
            if leads:
                self._leader = me
        if not leads:
            write.told.wait()
        if write.outcome is None:
            self._lead(me)
        assert write.outcome is not None
        if write.outcome.error is not None:
            raise write.outcome.error
        result: T = write.outcome.value
        return result

    @property
    def waiting(self) -> int:
        """How many writes have not been begun."""
        return len(self._waiting)

    def close(self) -> None:
        """Returns when the writes that wait are done; there will be no more."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: self._leader is None)

    def _lead(self, me: int) -> None:
        """Do the writes that wait, one's own first, and hand over to the first that came since."""
        with self._changed:
            self._leader = me
            size = min(len(self._waiting), max(WRITES_A_COMMIT, len(self._waiting) // 4))
            writes = [self._waiting.popleft() for _ in range(size)]
        try:
            outcomes = self._commit([write.work for write in writes])
        except BaseException as error:  # every waiter must learn of it, whatever it is
            outcomes = [Outcome(error=error) for _ in writes]
        for write, outcome in zip(writes, outcomes, strict=True):
            write.outcome = outcome
            write.told.set()
        with self._changed:
            if self._waiting:
                self._leader = -1  # somebody who isn't awake yet
                self._waiting[0].told.set()
            else:
                self._leader = None
                self._changed.notify_all()
