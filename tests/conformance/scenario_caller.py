"""The caller and the telephones of a golden conversation, made from the events it tells.

A conversation's seconds are kept where they can be. Whether a key comes while words are spoken or
after them is told by how long the words would take; here every text takes a second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from callflows import speech
from callflows.events import (
    CallbackImpossible,
    CallbackKept,
    CallbackPossible,
    CallerHungUp,
    CounselorReserved,
    DialEnded,
    DigitsCollected,
    DirectoryEntryFound,
    DirectoryEntryMissing,
    Event,
    HoldEnded,
    NoneAvailable,
    Queued,
    QueueLeft,
    RecordingFinished,
    RegionFound,
    RegionUnknown,
    ReservationNoticed,
    SurveyImpossible,
    SurveyKept,
    SurveyPossible,
)
from callflows.verbs import Dial, Gather, Hangup, Hold, Record, Verb
from ivr.simulated_caller import SILENCE, Act, Telephone
from tests.conformance.line import VOICE_SECONDS, Line, words_of
from tests.conformance.scripted_house import Script
from tests.conformance.world import PEOPLE
from tests.golden import Scenario, event_of

ANSWERS = (
    CounselorReserved,
    Queued,
    NoneAvailable,
    RegionFound,
    RegionUnknown,
    DirectoryEntryFound,
    DirectoryEntryMissing,
    QueueLeft,
    CallbackPossible,
    CallbackImpossible,
    CallbackKept,
    SurveyPossible,
    SurveyImpossible,
    SurveyKept,
)
COUNSELORS = {person.id for person in PEOPLE}
AT = datetime(2026, 1, 1, tzinfo=UTC)
"""Of events whose instant says nothing."""
INTO_WORDS = 0.4
AFTER_WORDS = 1.5
INTO_MUSIC = 2.5
"""Any carrier plays music by then."""
PICKS_UP_AFTER = 3.0


class Happening(NamedTuple):
    """What a carrier tells, so many seconds after the last, and the verbs that come of it; None
    where the conversation breaks off before."""

    after: float
    event: Event
    then: Sequence[str] | None


def happenings(scenario: Scenario) -> list[Happening]:
    told: list[Happening] = []
    for turn in scenario["turns"]:
        event = event_of(turn, AT)
        said = turn["then"]
        then: list[str] | None = [line for line in said if not line.startswith("outcome ")]
        if said and said[-1].startswith("ask "):
            then = None
        if isinstance(event, ANSWERS):
            told[-1] = told[-1]._replace(then=then)
        else:
            told.append(Happening(turn.get("after", 0), event, then))
    return told


def script_of(scenario: Scenario) -> Script:
    answers: deque[tuple[str, Event]] = deque()
    rung: dict[str, str] = {}
    offer, asked = "", ""
    for turn in scenario["turns"]:
        event = event_of(turn, AT)
        if isinstance(event, ANSWERS):
            answers.append((asked, event))
        if isinstance(event, CounselorReserved):
            offer = event.offer_id
            rung[offer] = f"r{len(rung) + 1}"
        if isinstance(event, DialEnded) and event.answered_by in COUNSELORS:
            rung[offer] = event.answered_by
        asked = turn["then"][-1] if turn["then"] else ""
    return Script(answers, rung, dict(scenario.get("values", {})))


@dataclass
class ScenarioCaller:
    """Does what brings about one happening after the other, then hangs up."""

    left: deque[Happening]
    script: Script

    def told(self, line: Line, call_id: str, event: Event, verbs: tuple[Verb, ...]) -> Act:
        if self.left:
            self.left.popleft()
        words = len(words_of(verbs)) * VOICE_SECONDS
        last = verbs[-1]
        if isinstance(last, Hangup):
            return SILENCE
        if not self.left:
            return Act(_within(last, words, 0), hangs_up=True)
        after, coming, _ = self.left[0]
        # From the end of the words, if they were spoken at a person's pace.
        spoken = sum(speech.seconds(say.text, say.language) for say in words_of(verbs))
        waits = max(0.0, after - spoken)
        at = _within(last, words, waits)
        match coming:
            case DigitsCollected():
                return Act(INTO_WORDS if after < spoken else at, coming.digits)
            case HoldEnded(key=str(key)):
                return Act(at, key)
            case CallerHungUp():
                return Act(at, hangs_up=True)
            case RecordingFinished():
                return Act(coming.seconds, coming.key or "", coming.hung_up)
            case ReservationNoticed():
                self._reserve(line, call_id, _within(last, words, after - words))
                return SILENCE
            case DialEnded():
                assert isinstance(last, Dial)
                self._telephones(line, last, after, coming)
                return SILENCE
            case _:
                return SILENCE

    def _reserve(self, line: Line, call_id: str, after: float) -> None:
        def now() -> None:
            self.script.due.append(call_id)
            line.controller.counselors_changed(lambda connection: None, line.clock.now())

        line.after(after, now)

    def _telephones(self, line: Line, dial: Dial, after: float, ended: DialEnded) -> None:
        rings = after - ended.talk_seconds
        if rings <= 0 or rings >= dial.ring_seconds:
            rings = PICKS_UP_AFTER
        who = self.script.rung[dial.target] if dial.kind == "offer" else dial.target
        line.telephones[who] = Telephone(ended.result, rings, ended.talk_seconds)


def _within(verb: Verb, words: float, waits: float) -> float:
    """A moment in the verb, `waits` seconds after its words if it lasts so long."""
    match verb:
        case Gather():
            longest = verb.timeout_seconds - 0.5
            return words + min(max(waits, min(AFTER_WORDS, longest)), longest)
        case Hold():
            return words + min(max(waits, INTO_MUSIC), max(INTO_MUSIC, verb.seconds - 1))
        case Record():
            return 5.0
        case _:
            return words + 2.0
