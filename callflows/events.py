"""What has happened to a call, told to `advance` one at a time.

Names are past tense. Every event carries `at`, the aware UTC instant it happened: the
machine has no clock of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal


class DialResult(StrEnum):
    """How an attempt to connect the caller ended; one row each in the table of offer results."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    DECLINED = "declined"
    UNREACHABLE = "unreachable"
    CONGESTION = "congestion"
    LOST = "lost"
    """Answered, and then the counselor's telephone was lost in the middle of the talk: nobody hung
    up, and the caller is there."""
    ABANDONED = "abandoned"
    """The caller hung up while it rang."""


@dataclass(frozen=True, slots=True)
class CallOffered:
    """A carrier brought a call. The caller's number stays with the house: the flow needs only
    to know whether there is one."""

    at: datetime
    access_number: str
    caller_known: bool


@dataclass(frozen=True, slots=True)
class DigitsCollected:
    at: datetime
    digits: str


@dataclass(frozen=True, slots=True)
class NoInput:
    at: datetime


@dataclass(frozen=True, slots=True)
class RecordingFinished:
    """`recording` is the vault's reference, never a path; `key` is set when a key ended it,
    `hung_up` when the caller's hanging up did."""

    at: datetime
    recording: str
    seconds: int
    key: str | None = None
    hung_up: bool = False


@dataclass(frozen=True, slots=True)
class DialEnded:
    """A Dial is over. `answered_by` is the counselor or directory entry that was bridged."""

    at: datetime
    result: DialResult
    answered_by: str | None = None
    talk_seconds: int = 0


@dataclass(frozen=True, slots=True)
class TransferRequested:
    """Whoever talked with the caller has passed the call on, and is gone: to the queue, with
    another `topic` or `station` where they are given, or to the directory's `entry_id`. `request`
    names it to the house."""

    at: datetime
    request: str
    topic: str | None = None
    station: str | None = None
    entry_id: str | None = None


@dataclass(frozen=True, slots=True)
class WarningRequested:
    """Whoever talked with the caller ends the call as harassment, and is gone: the warning is to be
    heard. Also an answer to TalkStatus."""

    at: datetime


@dataclass(frozen=True, slots=True)
class CallerParked:
    """Whoever talks with the caller talks with somebody else for a while. Also an answer to
    TalkStatus: they still do."""

    at: datetime


@dataclass(frozen=True, slots=True)
class CallerJoins:
    """The talk goes on as a conference. Also an answer to TalkStatus."""

    at: datetime


@dataclass(frozen=True, slots=True)
class ConferenceEnded:
    """Nobody else is there any more. `alone`: nobody had come."""

    at: datetime
    alone: bool = False


@dataclass(frozen=True, slots=True)
class TalkOver:
    """Answer to TalkStatus: whoever talked with the caller has hung up."""

    at: datetime
    talk_seconds: int = 0


@dataclass(frozen=True, slots=True)
class HoldEnded:
    """The wait of a `Hold` ran out, or a key the verb named ended it."""

    at: datetime
    reason: Literal["elapsed", "key"]
    key: str | None = None


@dataclass(frozen=True, slots=True)
class ReservationNoticed:
    """A counselor was reserved for this queued call while it heard a Hold, Gather or Record."""

    at: datetime


@dataclass(frozen=True, slots=True)
class CallerHungUp:
    at: datetime


# Answers to data dips.


@dataclass(frozen=True, slots=True)
class CounselorReserved:
    """Answer to JoinQueue, TakeReservation or QueueStatus: a counselor (in a crisis, several)
    is held for this call. `outer_tier` tells that help comes from another region."""

    at: datetime
    offer_id: str
    ring_seconds: int
    outer_tier: bool = False


@dataclass(frozen=True, slots=True)
class Queued:
    """Answer to JoinQueue, TakeReservation or QueueStatus: nobody free yet. `position` counts
    from 1; `expected_wait_seconds` is None where nothing is known to base it on."""

    at: datetime
    position: int
    expected_wait_seconds: int | None = None
    outer_tier: bool = False


@dataclass(frozen=True, slots=True)
class NoneAvailable:
    """Answer to JoinQueue, TakeReservation or QueueStatus: nobody is on duty who could ever
    take this call in this tier or any wider one."""

    at: datetime


@dataclass(frozen=True, slots=True)
class RegionFound:
    """`region` is a GB/T 2260 code; `confidence` one of `certain likely hint`."""

    at: datetime
    region: str
    name: str
    source: Literal["access", "number", "stated"]
    confidence: Literal["certain", "likely", "hint"]


@dataclass(frozen=True, slots=True)
class RegionUnknown:
    at: datetime


@dataclass(frozen=True, slots=True)
class DirectoryEntryFound:
    """`entry_id` names a dialable number of the configured directory."""

    at: datetime
    entry_id: str


@dataclass(frozen=True, slots=True)
class DirectoryEntryMissing:
    at: datetime


@dataclass(frozen=True, slots=True)
class QueueLeft:
    at: datetime


@dataclass(frozen=True, slots=True)
class CallbackPossible:
    at: datetime


@dataclass(frozen=True, slots=True)
class CallbackImpossible:
    """The number is withheld or isn't somebody's own, the line cannot ring it, or the call holds
    no place."""

    at: datetime


@dataclass(frozen=True, slots=True)
class CallbackKept:
    """The place waits for a call back; this call holds it no longer."""

    at: datetime


@dataclass(frozen=True, slots=True)
class SurveyPossible:
    at: datetime


@dataclass(frozen=True, slots=True)
class SurveyImpossible:
    """The risk, the cause or the end of the talk forbids it, or the caller is gone."""

    at: datetime


@dataclass(frozen=True, slots=True)
class SurveyKept:
    at: datetime


Event = (
    CallOffered
    | DigitsCollected
    | NoInput
    | RecordingFinished
    | DialEnded
    | TransferRequested
    | WarningRequested
    | CallerParked
    | CallerJoins
    | ConferenceEnded
    | TalkOver
    | HoldEnded
    | ReservationNoticed
    | CallerHungUp
    | CounselorReserved
    | Queued
    | NoneAvailable
    | RegionFound
    | RegionUnknown
    | DirectoryEntryFound
    | DirectoryEntryMissing
    | QueueLeft
    | CallbackPossible
    | CallbackImpossible
    | CallbackKept
    | SurveyPossible
    | SurveyImpossible
    | SurveyKept
)


def keys_of(event: Event) -> str:
    """The keys that the caller pressed; "" where none."""
    match event:
        case DigitsCollected(digits=digits):
            return digits
        case HoldEnded(key=key) | RecordingFinished(key=key):
            return key or ""
        case _:
            return ""
