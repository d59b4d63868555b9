"""What a flow asks of the house; the answer comes back as the next event.

| dip | answers |
|---|---|
| FindRegion | RegionFound, RegionUnknown |
| JoinQueue, TakeReservation, QueueStatus | CounselorReserved, Queued, NoneAvailable |
| LeaveQueue | QueueLeft |
| TalkStatus | CallerParked, CallerJoins, TransferRequested, WarningRequested, TalkOver |
| FindDirectoryEntry | DirectoryEntryFound, DirectoryEntryMissing |
| CheckCallback | CallbackPossible, CallbackImpossible |
| KeepCallback | CallbackKept, CallbackImpossible |
| CheckSurvey | SurveyPossible, SurveyImpossible |
| KeepSurvey | SurveyKept |
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal


class Priority(IntEnum):
    """Higher is served first. Rises only by the causes of the field's safety rules."""

    SLOWED = 0
    NORMAL = 1
    AT_RISK = 2
    SILENT_CONFIRMED = 3
    CRISIS = 4


@dataclass(frozen=True, slots=True)
class FindRegion:
    """`stated` is what the caller typed (an area code or postcode), None otherwise."""

    by: Literal["access", "number", "stated"]
    stated: str | None = None


@dataclass(frozen=True, slots=True)
class JoinQueue:
    """Enter the queue, or change topic or priority in it: the enqueue time, and with it the
    place, is kept. Answered at once with a reservation where somebody is free. `front`: before
    all others of its class."""

    topic: str
    language: str
    priority: Priority
    front: bool = False


@dataclass(frozen=True, slots=True)
class TakeReservation:
    """A reservation was noticed: which?"""


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """Asked again after an offer failed or a wait ended; may find a reservation."""


@dataclass(frozen=True, slots=True)
class TalkStatus:
    """With whom is the caller to talk now, who was answered? `recalled`: the caller wants whoever
    left them with music back at once. `alone`: nobody came to the conference."""

    recalled: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True)
class LeaveQueue:
    """Give up the place and any reservation; nothing is held against anybody."""


@dataclass(frozen=True, slots=True)
class FindDirectoryEntry:
    """A sister line (`police` …) dialable for the incident's region."""

    service: str


@dataclass(frozen=True, slots=True)
class CheckCallback:
    """May and can this caller's number be rung?"""


@dataclass(frozen=True, slots=True)
class KeepCallback:
    """The caller agrees: keep the place for a call back to them. `safe_to_talk` is what whoever
    answers hears first, in `language`."""

    safe_to_talk: str
    language: str


@dataclass(frozen=True, slots=True)
class CheckSurvey:
    """May this caller be asked how the service was, as far as is known at this moment?"""


@dataclass(frozen=True, slots=True)
class KeepSurvey:
    """The caller's answer: 1 satisfied, 2 fairly, 3 not."""

    satisfaction: int


DataDip = (
    FindRegion
    | JoinQueue
    | TakeReservation
    | QueueStatus
    | TalkStatus
    | LeaveQueue
    | FindDirectoryEntry
    | CheckCallback
    | KeepCallback
    | CheckSurvey
    | KeepSurvey
)
