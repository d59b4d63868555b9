"""A call that waits for a counselor: plain data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from routing.priority import SILENT_CONFIRMED, Place, place_of

UNKNOWN_TOPIC = "unknown"


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """`node`: which of the carrier's machines has it. `kinds`: contact kinds the carrier reaches.
    `excluded`: counselors who have failed it. `preferred`: the counselor who handles an open order
    of the caller's number. `transferred_by`: the counselor who passes the caller on, and who is
    asked again where whoever was asked for doesn't answer; `came_at`: since when such a caller has
    its place, for it has waited before."""

    call_id: str
    order_no: str
    topic: str
    language: str
    priority: int
    home: str
    enqueued_at: datetime
    node: str
    kinds: frozenset[str]
    excluded: frozenset[str] = frozenset()
    preferred: str | None = None
    transferred_by: str | None = None
    came_at: datetime | None = None

    @property
    def urgent(self) -> bool:
        return self.priority >= SILENT_CONFIRMED

    @property
    def place(self) -> Place:
        return place_of(self.priority, self.came_at or self.enqueued_at, self.call_id)


@dataclass(frozen=True, slots=True)
class Transfer:
    """A caller who talked with `by` is passed on: to the counselor `to`, or to whoever suits.
    `since`: when the caller first waited."""

    by: str
    since: datetime
    to: str | None = None
