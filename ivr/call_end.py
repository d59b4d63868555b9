"""How a call ended, as its order says it: pure."""

from __future__ import annotations

from datetime import datetime

from callflows.data_dips import Priority
from callflows.events import (
    CallerHungUp,
    ConferenceEnded,
    DialEnded,
    DialResult,
    Event,
    RecordingFinished,
)
from callflows.session import Session
from callflows.verbs import Dial
from ivr.publications import WRONG_NUMBER


def outcome(session: Session) -> str:
    """What became of the call; a number that isn't ours is told apart, unless it was a crisis."""
    if session.callflow == WRONG_NUMBER and session.priority < Priority.SILENT_CONFIRMED:
        return "wrong_number"
    return session.outcome or "failed"


def talk_ended_at(session: Session) -> datetime | None:
    """Of a call that went on after its talk, and not to anybody else."""
    if not session.talk_is_over or session.talk_ended_at is None:
        return None
    return datetime.fromisoformat(session.talk_ended_at)


def hung_up_by(session: Session, event: Event, dialled: Dial | None) -> str:
    if isinstance(event, ConferenceEnded):
        return "counselor"
    if isinstance(event, RecordingFinished) and event.hung_up:
        return "caller"
    if dialled is None or not isinstance(event, DialEnded):
        if session.talk_is_over:
            return "counselor"
        return "caller" if isinstance(event, CallerHungUp) else "flow"
    if event.result is not DialResult.ANSWERED:
        return "flow"
    return "counselor" if dialled.kind == "offer" else "sister_line"
