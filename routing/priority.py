"""In which order waiting calls are served: the law that nobody starves by.

A class rises only by four causes: `*` (crisis), key 5 (silent), a supervisor's word about the
number, or a number that matches an open order at risk; it falls only for a number slowed after
harassment. Nothing else counts but waiting time; age is unknown while a telephone rings.

1. Crisis goes before silent, silent before all others; within each by time of coming.
2. All others stand in one line by time of coming, in which a class has a head start: so much later
   it may come and still be served first. Slowed is last for as long as a normal caller waits, and
   not for ever.

So where a counselor could take either of two calls, an ordinary call is overtaken only by urgent
calls, by each at most once; and by ordinary ones of a higher class that came after it by less than
the difference of their head starts. Nobody who comes later than that goes first, however many they
are, and of one class none at all: the line before an ordinary call grows, beside urgent calls, for
50 minutes at the most. That urgent calls go first without any bound is a duty: each may be a
life, and they are few.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

SLOWED = 0
NORMAL = 1
AT_RISK = 2
SILENT_CONFIRMED = 3
CRISIS = 4

HEAD_START = {
    AT_RISK: timedelta(minutes=10),
    NORMAL: timedelta(),
    SLOWED: timedelta(minutes=-40),
}
"""Longer than anybody waits when all is well; a class that isn't here is urgent."""


class Place(NamedTuple):
    """Where a call stands: the lowest is served first. `before_all`: 0 for ordinary calls, the
    lower the more urgent. `since`: when it came, by its head start earlier."""

    before_all: int
    since: datetime
    call_id: str


def place_of(priority: int, enqueued_at: datetime, call_id: str) -> Place:
    """The place of a call that came at `enqueued_at`."""
    head_start = HEAD_START.get(priority)
    if head_start is None:
        return Place(-priority, enqueued_at, call_id)
    return Place(0, enqueued_at - head_start, call_id)
