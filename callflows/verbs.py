"""What a carrier is asked to perform, in order.

A turn's verbs end in one that waits (`Gather Record Dial Hold Confer`) or in `Hangup`. The key `*`
is accepted during every verb and comes back as `DigitsCollected("*")` (`HoldEnded`,
`RecordingFinished` with key `*` for those verbs): carriers must never mask it. While a call is
queued, a reservation may interrupt Gather, Hold and Record with `ReservationNoticed`; but before a
Hold never the words up to a recording notice's end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

CRISIS_KEY = "*"


@dataclass(frozen=True, slots=True)
class Answer:
    """Take the call. Performing it twice does nothing."""


@dataclass(frozen=True, slots=True)
class Say:
    """Speak a text, all variables already filled in. `prompt` is its name in the flow.
    `recording_notice` tells the log that the caller has been told of the recording."""

    text: str
    language: str
    prompt: str
    recording_notice: bool = False


@dataclass(frozen=True, slots=True)
class Gather:
    """Speak `says` (any key interrupts), then collect up to `max_digits` keys.

    Ends with `DigitsCollected` at `max_digits`, at `finish_on`, at `*`, or with what is there
    when `timeout_seconds` pass after the last prompt or key; with `NoInput` if that is nothing.
    """

    says: tuple[Say, ...]
    max_digits: int
    timeout_seconds: float
    finish_on: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """Record after a tone until hang-up, silence, limit or a key; gives `RecordingFinished`."""

    max_seconds: int
    silence_seconds: int


@dataclass(frozen=True, slots=True)
class Dial:
    """Ring what the house holds under `target`: an offer's counselors (all at once, the first
    to answer wins) or a directory entry. Numbers never pass through a flow."""

    kind: Literal["offer", "directory"]
    target: str
    ring_seconds: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Play music until `seconds` pass, one of `keys` or `*` is pressed, or a counselor is
    reserved."""

    seconds: float
    keys: str = ""


@dataclass(frozen=True, slots=True)
class Confer:
    """Talk in the conference of this order with whoever of ours is there, and whom they asked in;
    music until the first of them comes. Gives `ConferenceEnded`."""


@dataclass(frozen=True, slots=True)
class Hangup:
    pass


Verb = Answer | Say | Gather | Record | Dial | Hold | Confer | Hangup


def said(verbs: Iterable[Verb]) -> Iterator[Say]:
    """All that they speak."""
    for verb in verbs:
        if isinstance(verb, Gather):
            yield from verb.says
        elif isinstance(verb, Say):
            yield verb
