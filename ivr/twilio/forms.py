"""What Twilio's webhooks tell, as events. Nothing of a form is believed that we don't know from
our own store: who was rung, for how long a wait was, which recording it is.

Parameters: Twilio, "TwiML for Programmable Voice" (requests to your application), and the page of
each verb.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from callflows.events import (
    ConferenceEnded,
    DialEnded,
    DialResult,
    DigitsCollected,
    Event,
    HoldEnded,
    NoInput,
    RecordingFinished,
    ReservationNoticed,
)
from callflows.verbs import CRISIS_KEY, Confer, Dial, Gather, Hold, Record, Verb

Form = Mapping[str, str]

_CALL_SID = re.compile(r"CA[0-9a-f]{32}\Z")
_RECORDING_SID = re.compile(r"RE[0-9a-f]{32}\Z")
_KEYS = re.compile(r"[0-9*#A-D]{0,64}\Z")
_NUMBER = re.compile(r"\+[0-9]{3,15}\Z")

ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
"""States in which a call is over (Twilio, "Call resource", CallStatus)."""
ANONYMOUS = frozenset({"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"})
"""What Twilio gives for a number it wasn't told: ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN and
UNAVAILABLE on a keypad (Twilio, "Why am I getting calls from these strange numbers?")."""


class BadForm(ValueError):
    """A signed request that doesn't say what Twilio always says."""


def call_sid(form: Form) -> str:
    """Raises BadForm."""
    sid = form.get("CallSid", "")
    if not _CALL_SID.match(sid):
        raise BadForm("CallSid")
    return sid


def recording_sid(form: Form) -> str:
    """Raises BadForm."""
    sid = form.get("RecordingSid", "")
    if not _RECORDING_SID.match(sid):
        raise BadForm("RecordingSid")
    return sid


def caller_number(form: Form) -> str | None:
    """E.164; None for a withheld number, a browser or a SIP address."""
    number = form.get("From", "")
    return number if _NUMBER.match(number) and number not in ANONYMOUS else None


def keys(form: Form) -> str:
    digits = form.get("Digits", "")
    return digits if _KEYS.match(digits) else ""


def seconds(form: Form, name: str) -> int:
    value = form.get(name, "")
    return int(value) if value.isdecimal() and len(value) < 9 else 0


def event_of(verb: Verb, form: Form, reference: str, at: datetime) -> Event:
    """What a turn's last verb came to, by the request to its action. What it means that a caller
    has left the queue is another matter: `out_of_queue`."""
    match verb:
        case Gather():
            return _gathered(verb, keys(form), at)
        case Record():
            return _recorded(form, reference, at)
        case Dial():
            return DialEnded(at, dial_result(form), None, seconds(form, "DialCallDuration"))
        case Confer():
            return ConferenceEnded(at)
        case _:
            raise BadForm(f"nothing waits for an answer to {type(verb).__name__}")


def out_of_queue(verb: Hold, waited: float, reserved: bool, at: datetime) -> Event | None:
    """What ends a wait; None: it goes on."""
    if reserved:
        return ReservationNoticed(at)
    return HoldEnded(at, "elapsed") if waited >= verb.seconds else None


def key_pressed(verb: Verb, pressed: str, at: datetime) -> Event | None:
    """What a key means while words were spoken before `verb`; None: nothing."""
    key = pressed[:1]
    if key == CRISIS_KEY:
        return DigitsCollected(at, key)
    if isinstance(verb, Hold) and key and key in verb.keys:
        return HoldEnded(at, "key", key)
    return None


def key_while_waiting(verb: Hold, pressed: str, at: datetime) -> Event | None:
    """What a key means in the queue; None: nothing."""
    key = pressed[:1]
    return HoldEnded(at, "key", key) if key and key in verb.keys + CRISIS_KEY else None


def _gathered(verb: Gather, digits: str, at: datetime) -> Event:
    if CRISIS_KEY in digits:
        return DigitsCollected(at, digits[: digits.index(CRISIS_KEY) + 1])
    if verb.finish_on:
        digits = digits.partition(verb.finish_on)[0]
    return DigitsCollected(at, digits) if digits else NoInput(at)


def _recorded(form: Form, reference: str, at: datetime) -> RecordingFinished:
    """`Digits` is the key that ended it, or the word hangup ("TwiML Voice: Record")."""
    pressed = form.get("Digits", "")
    hung_up = pressed == "hangup"
    key = None if hung_up else pressed[:1] or None
    length = seconds(form, "RecordingDuration")
    return RecordingFinished(at, reference if length else "", length, key, hung_up)


def dial_result(form: Form) -> DialResult:
    """Answered means bridged: `completed` is also said of who picked up and didn't accept
    ("TwiML Voice: Dial", DialCallStatus, DialBridged)."""
    match form.get("DialCallStatus", ""):
        case "completed" | "answered":
            bridged = form.get("DialBridged", "true") == "true"
            return DialResult.ANSWERED if bridged else DialResult.NO_ANSWER
        case "busy":
            return DialResult.BUSY
        case "no-answer" | "canceled":
            return DialResult.NO_ANSWER
        case _:
            return DialResult.UNREACHABLE
