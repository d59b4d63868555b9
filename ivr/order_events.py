"""What a turn means for the work order: from the change of the session, and the event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.offer_results import Alert
from callflows.data_dips import Priority
from callflows.events import DialEnded, DialResult, Event, RecordingFinished
from callflows.session import Session
from callflows.verbs import Dial, Verb, said
from routing.changes import Cared
from workorders.callers import Cause, Known


@dataclass(frozen=True, slots=True)
class Note:
    """One event for the order's chain; `columns` are the fields of the order it changes."""

    kind: str
    actor: str
    data: Mapping[str, Any]
    columns: Mapping[str, Any] = field(default_factory=dict)


CLASS_BY_CAUSE = {
    Cause.SUPERVISOR: Priority.AT_RISK,
    Cause.OPEN_ORDER_AT_RISK: Priority.AT_RISK,
    Cause.HARASSMENT: Priority.SLOWED,
}


def notes_of_number(known: Known) -> Iterator[Note]:
    """What is known of a caller by the number. Which orders, never what is in them: nobody has
    checked yet that it is the same person."""
    if known.orders:
        yield Note("possible_earlier_contact", "system", {"orders": list(known.orders)})
    if known.cause is not None:
        before, after = Priority.NORMAL, CLASS_BY_CAUSE[known.cause]
        kind = "priority_raised" if after > before else "priority_lowered"
        change = {"from": int(before), "to": int(after), "cause": str(known.cause)}
        yield Note(kind, "system", {**change, **known.because}, {"priority": int(after)})


def note_of_care(cared: Cared) -> Note:
    """A call of high risk was somebody's: their wrap-up, and which one it was in their shift."""
    until = cared.wrap_up_until
    told = {
        "cared_for": cared.counselor_id,
        "until": until.isoformat() if until else None,
        "calls": cared.calls,
        "rests": cared.rests,
    }
    return Note("care_begun", "system", told)


def alert_of_care(cared: Cared) -> Alert:
    """For the supervisor on duty: somebody may want to be talked to."""
    who = {"counselor": cared.counselor_id, "station": cared.station}
    return Alert("high_risk_call", {**who, "order_no": cared.order_no, "calls": cared.calls})


def notes_of_change(before: Session, after: Session) -> Iterator[Note]:
    """What the caller has chosen or told since the last turn."""
    old, new = before.values, after.values
    # A topic to which the caller was passed on is the counselor's choice.
    passed_on = new.get("transfer") != old.get("transfer")
    if new.get("topic") != old.get("topic") and not passed_on:
        topic = new.get("topic", "unknown")
        yield Note("topic_chosen", "caller", {"topic": topic}, {"topic": topic})
    if new.get("language") != old.get("language"):
        language = new.get("language", "")
        yield Note("language_chosen", "caller", {"language": language}, {"language": language})
    yield from _notes_of_region(old, new)
    yield from notes_of_priority(before.priority, after.priority)


def notes_of_priority(before: Priority, after: Priority) -> Iterator[Note]:
    """What the caller has said of danger by a key."""
    if after != before:
        cause = "star" if after is Priority.CRISIS else "key_5"
        change = {"from": int(before), "to": int(after), "cause": cause}
        yield Note("priority_raised", "caller", change, {"priority": int(after)})


def _notes_of_region(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Note]:
    """A region found, confirmed or denied. What the caller confirms counts as stated."""
    names = ("region", "region_source", "region_confidence")
    if all(new.get(name) == old.get(name) for name in names):
        return
    columns = {name: new.get(name) for name in names[1:]}
    if "region" not in new:
        columns["region_stated"] = None
        yield Note("region_denied", "caller", {"region": old.get("region")}, columns)
        return
    stated = new.get("region_source") == "stated"
    if stated:
        columns["region_stated"] = new["region"]
    actor = "caller" if stated else "engine"
    yield Note("region_found", actor, {"region": new["region"]}, columns)


def notes_of_verbs(verbs: tuple[Verb, ...]) -> Iterator[Note]:
    """What the caller is about to be told that the order must show."""
    if any(say.recording_notice for say in said(verbs)):
        yield Note("notice_given", "system", {})


def notes_of_event(event: Event, dialled: Dial | None) -> Iterator[Note]:
    """What happened outside of any offer to a counselor."""
    if isinstance(event, RecordingFinished) and event.recording:
        yield Note(
            "voicemail_left",
            "caller",
            {"recording": event.recording, "seconds": event.seconds},
            {"recording_ref": event.recording},
        )
    if isinstance(event, DialEnded) and dialled is not None and dialled.kind == "directory":
        kind = "transferred" if event.result is DialResult.ANSWERED else "transfer_failed"
        yield Note(
            kind,
            "system",
            {
                "entry": dialled.target,
                "result": str(event.result),
                "talk_seconds": event.talk_seconds,
            },
        )
