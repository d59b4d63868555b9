"""What was recorded of a talk: a link of its order's chain of recordings.

A talk is recorded where the caller has been told of it, from a counselor's answer until that Dial
or conference ends; who is passed on, or comes back, is the next link. Each is an event of the
order, with its times; `recording_ref` is the newest. No carrier says whether it recorded: the file
does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any

from callflows.session import Session
from callflows.verbs import Confer, Dial, Verb
from ivr import messages, sessions
from ivr.order_events import Note
from ivr.sessions import CallRow
from workorders.views import View

RECORDED = "talk_recorded"
MESSAGE = "voicemail_left"


@dataclass(frozen=True, slots=True)
class Recording:
    """`reference`: the name of its file, without `.wav`. `began_at` is not known of a message."""

    reference: str
    began_at: datetime | None
    ended_at: datetime
    seconds: int
    is_message: bool


def is_talk(verb: Verb) -> bool:
    """With a sister line alone the caller talks with nobody of ours."""
    return isinstance(verb, Confer) or (isinstance(verb, Dial) and verb.kind == "offer")


def notes_of_talk(row: CallRow, recordings: Path, at: datetime) -> Iterator[Note]:
    """What was recorded while the call performed its last verb, which is over."""
    verbs = sessions.verbs_from_json(row.verbs)
    if row.session is None or not verbs or not is_talk(verbs[-1]):
        return
    if not Session.from_json(row.session).notice_given:
        return
    reference = messages.reference(row.call_id, row.verbs_turn)
    seconds = ceil(messages.samples(recordings / reference) / messages.SAMPLES_A_SECOND)
    if seconds:
        began = at - timedelta(seconds=seconds)
        told = {"recording": reference, "began_at": began.isoformat(), "seconds": seconds}
        yield Note(RECORDED, row.carrier, told, {"recording_ref": reference})


def chain_of(order: View) -> list[Recording]:
    """All that was recorded of an order's call, in order."""
    return [
        _recording(event["at"], event["data"], event["kind"] == MESSAGE)
        for event in order["events"]
        if event["kind"] in (RECORDED, MESSAGE)
    ]


def _recording(at: str, data: dict[str, Any], is_message: bool) -> Recording:
    began = data.get("began_at")
    return Recording(
        data["recording"],
        datetime.fromisoformat(began) if began else None,
        datetime.fromisoformat(at),
        data["seconds"],
        is_message,
    )
