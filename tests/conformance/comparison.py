"""What of a call is its carrier's own, and aside from which it must be the same everywhere.

- Instants: each carrier notices things in its own time. So the seconds of a Hold, which are what
  is left until an instant, are no verb's difference.
- How long a message is: Asterisk cuts the silence that ended it, Twilio counts it ("TwiML Voice:
  Record", RecordingDuration). And what it is called.
- How long a talk is: Twilio counts from the pick-up, so that the whisper and the key by which
  somebody outside accepts are in it ("TwiML Voice: Dial", DialCallDuration).
- Who answered a Dial: Asterisk tells it with the Dial's end, Twilio by a request of the leg's own.
  The order has it from both.
- Keys before a `*`, and the key that finishes an entry: they say nothing, and a carrier may leave
  them out.
- A number that isn't ours: Twilio tells it in E.164, a trunk as it likes.
- Of an order: its call's id and channel, digests under its own key, the names of offers, and who
  noted that an offer failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from callflows.events import (
    CallOffered,
    DialEnded,
    DigitsCollected,
    Event,
    RecordingFinished,
)
from callflows.verbs import CRISIS_KEY, Verb
from tests.conformance.world import ACCESS_NUMBER
from tests.golden import describe
from workorders.views import View

TALK_LATITUDE = 3
"""A whisper or an acceptance, and what rounding makes of it."""
SILENCE_LATITUDE = 9
LATITUDES = {"talk_seconds": TALK_LATITUDE, "seconds": SILENCE_LATITUDE}
NOT_OURS = "not ours"
CARRIERS_OWN = {
    "at", "call_id", "channel", "digests", "due", "enqueued_at", "kinds", "next_due", "recording",
    "recording_ref", "risk_at", "start", "tell_at", "until",
}  # fmt: skip


def settled(told: Event, expected: Event) -> Event:
    """What was told, with `expected`'s values where the difference is the carrier's own."""
    told = replace(told, at=expected.at)
    match told, expected:
        case CallOffered(), CallOffered():
            if ACCESS_NUMBER not in (told.access_number, expected.access_number):
                return replace(told, access_number=expected.access_number)
        case DigitsCollected(), DigitsCollected():
            if _meant(told.digits) == _meant(expected.digits):
                return replace(told, digits=expected.digits)
        case RecordingFinished(), RecordingFinished():
            if 0 <= told.seconds - expected.seconds <= SILENCE_LATITUDE:
                told = replace(told, seconds=expected.seconds)
            return replace(told, recording=told.recording and expected.recording)
        case DialEnded(), DialEnded():
            if 0 <= told.talk_seconds - expected.talk_seconds <= TALK_LATITUDE:
                told = replace(told, talk_seconds=expected.talk_seconds)
            if told.answered_by is None:
                return replace(told, answered_by=expected.answered_by)
    return told


def _meant(digits: str) -> str:
    return CRISIS_KEY if CRISIS_KEY in digits else digits.removesuffix("#")


def verbs_settled(verbs: Sequence[Verb]) -> list[str]:
    """As golden conversations describe them."""
    return [line_settled(line) for verb in verbs for line in describe(verb)]


def line_settled(line: str) -> str:
    if line.startswith("hold "):
        _, _, seconds_and_keys = line.partition(" ")
        return f"hold{seconds_and_keys.partition(' s')[2]}"
    return line


def order_settled(order: View, reference: View) -> View:
    """The order without what is the carrier's own; `reference` is another carrier's, whose length
    of a talk or a message is taken where it may differ."""
    offers = {offer["offer"]: f"offer {n}" for n, offer in enumerate(_made(order), 1)}
    settled_order: View = _Settling(offers).settled(order, reference, "")
    for column in [name for name in settled_order if name.startswith("t_")]:
        settled_order[column] = settled_order[column] is not None
    return settled_order


def _made(order: View) -> list[View]:
    return [offer for offer in order["offers"] if offer["event"] == "offer_made"]


@dataclass(frozen=True)
class _Settling:
    """`offers`: how they are called instead."""

    offers: Mapping[str, str]

    def settled(self, value: Any, reference: Any, name: str) -> Any:
        if isinstance(value, dict):
            others = reference if isinstance(reference, dict) else {}
            return {
                key: self.settled(inner, others.get(key), key)
                for key, inner in value.items()
                if key not in CARRIERS_OWN
            }
        if isinstance(value, list):
            listed = reference if isinstance(reference, list) else []
            return [self.settled(*pair, "") for pair in zip_longest(value, listed[: len(value)])]
        if name == "offer":
            return self.offers.get(value, value)
        if name == "actor" and value == "asterisk":
            return "engine"
        if name == "access_number" and value != ACCESS_NUMBER:
            return NOT_OURS
        latitude = LATITUDES.get(name)
        if latitude is not None and isinstance(reference, int):
            return reference if abs(value - reference) <= latitude else value
        return value
