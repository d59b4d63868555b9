"""A simulated caller, served by the very engine on a virtual clock.

Nobody waits for anything here: each verb's time is added to the clock as a caller would live
it, and the house is told that time has passed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Protocol, assert_never

from callflows import speech
from callflows.events import (
    CallerHungUp,
    DialEnded,
    DialResult,
    DigitsCollected,
    Event,
    HoldEnded,
    NoInput,
    RecordingFinished,
    ReservationNoticed,
)
from callflows.verbs import (
    CRISIS_KEY,
    Answer,
    Confer,
    Dial,
    Gather,
    Hangup,
    Hold,
    Record,
    Say,
    Verb,
)
from ivr.pending import OfferedCall, Pending
from ivr.simulated_caller import SILENCE, Act, Caller, Telephones

KEY_SECONDS = 0.5
"""Between one key and the next."""
LOOK_SECONDS = 1.0
"""How often it is seen whether a counselor is reserved."""
PATIENCE = timedelta(minutes=30)

Passing = Generator[float, None, Event | None]
"""Yields seconds that pass; comes to the event that ends a verb, if one does."""


class House(Protocol):
    """What the simulator needs of the controller."""

    def offered(self, call: OfferedCall, at: datetime) -> Pending: ...

    def advanced(self, call_id: str, turn: int, event: Event) -> Pending: ...

    def hung_up(
        self, call_id: str, at: datetime, dial: DialResult | None, turn: int, talk_seconds: int
    ) -> None: ...

    def reservation_waiting(self, call_id: str) -> bool: ...

    def answered_by(self, call_id: str, who: str, at: datetime) -> None: ...

    def tick(self, at: datetime) -> None: ...

    def who(self, kind: str, target: str) -> list[tuple[str, str]]: ...


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened, `second` after the call began. `who`: caller, line or house."""

    second: int
    who: str
    text: str


@dataclass
class Simulator:
    """Plays one call.

    :param at: when it begins, then what time it is.
    :param voice: how many seconds a text takes to speak in a language.
    """

    house: House
    caller: Caller
    telephones: Telephones
    tell: Callable[[Line], None]
    at: datetime
    voice: Callable[[str, str], float] = speech.seconds
    _began: datetime = field(init=False)
    _talked: bool = False
    _left: tuple[DialResult | None, int] = (None, 0)
    """What came of the Dial that the caller left, and for how long they talked."""

    def call(self, call: OfferedCall) -> None:
        """Play `call` from its offer to its end."""
        for seconds in self.play(call):
            self.at += timedelta(seconds=seconds)
            self.house.tick(self.at)

    def play(self, call: OfferedCall) -> Iterator[float]:
        """The same for who has a clock of their own: yields so many seconds that pass; before it
        goes on, `at` is to be moved and the house told."""
        self._began = self.at
        pending = self.house.offered(call, self.at)
        while True:
            event = yield from self._perform(pending)
            if event is None:
                return
            gone = isinstance(event, CallerHungUp)
            if not gone:
                pending = self.house.advanced(pending.call_id, pending.turn, event)
            if gone or (isinstance(event, RecordingFinished) and event.hung_up):
                self._tell("caller", "hangs up")
                result, talked = self._left
                self.house.hung_up(pending.call_id, self.at, result, pending.verbs_turn, talked)
                return

    def _tell(self, who: str, text: str) -> None:
        self.tell(Line(int((self.at - self._began).total_seconds()), who, text))

    def _perform(self, pending: Pending) -> Passing:
        """Perform the verbs; the event that ends the last, None when the line hung up."""
        if self.at - self._began > PATIENCE:
            return CallerHungUp(self.at)
        self._left = (None, 0)
        *before, last = pending.verbs
        says = [verb for verb in before if isinstance(verb, Say)]
        if isinstance(last, Gather):
            says += last.says
        words = sum(self.voice(say.text, say.language) for say in says)
        act = self.caller.act(last, words, self._talked)
        match last:
            case Gather():
                return (yield from self._gather(pending, last, says, act))
            case Hold():
                event = yield from self._speak(pending, says, act, last)
                return event or (yield from self._hold(pending, last, act, words))
            case Record():
                event = yield from self._speak(pending, says, SILENCE, last)
                return event or (yield from self._record(pending, last, act))
            case Dial():
                event = yield from self._speak(pending, says, act, last)
                return event or (yield from self._dial(pending, last, act, words))
            case Confer():
                raise ValueError("nobody is asked in here")
            case Hangup():
                yield from self._speak(pending, says, SILENCE, last)
                self._tell("line", "hangs up")
                return None
            case Answer() | Say():
                raise ValueError("a turn must end in a verb that waits, or in Hangup")
            case _:
                assert_never(last)

    def _pass(self, pending: Pending, seconds: float, looks: bool = True) -> Passing:
        """Let time pass, unless somebody is reserved."""
        ends = self.at + timedelta(seconds=seconds)
        while True:
            if looks and self.house.reservation_waiting(pending.call_id):
                return ReservationNoticed(self.at)
            left = (ends - self.at).total_seconds()
            if left <= 0:
                return None
            yield min(LOOK_SECONDS, left) if looks else left

    def _speak(self, pending: Pending, says: Sequence[Say], act: Act, last: Verb) -> Passing:
        """Speak what comes before `last`. Its keys count already, and `*` always does."""
        looks = isinstance(last, Hold | Record)
        heard = CRISIS_KEY + (last.keys if isinstance(last, Hold) else "")
        acts = act.hangs_up or (act.keys != "" and act.keys[0] in heard)
        left = act.after
        for say in says:
            self._tell("line", say.text)
            seconds = self.voice(say.text, say.language)
            event = yield from self._pass(pending, min(seconds, left) if acts else seconds, looks)
            if event is not None:
                return event
            if acts and left < seconds:
                return self._done(act, last)
            left -= seconds
        return None

    def _done(self, act: Act, last: Verb) -> Event:
        """What a caller's act means while words are spoken or music plays."""
        if act.hangs_up:
            return CallerHungUp(self.at)
        key = act.keys[0]
        self._tell("caller", f"presses {key}")
        if isinstance(last, Hold) and key in last.keys:
            return HoldEnded(self.at, "key", key)
        return DigitsCollected(self.at, key)

    def _gather(
        self, pending: Pending, verb: Gather, says: Sequence[Say], act: Act
    ) -> Generator[float, None, Event]:
        """The first key, or a hang-up, ends the words. So does somebody who is reserved while
        they are spoken; one who is held already waits for their end."""
        looks = not self.house.reservation_waiting(pending.call_id)
        acts = act.keys != "" or act.hangs_up
        passed = 0.0
        for say in says:
            if acts and act.after < passed:
                break
            self._tell("line", say.text)
            seconds = self.voice(say.text, say.language)
            spoken = min(seconds, act.after - passed) if acts else seconds
            event = yield from self._pass(pending, spoken, looks)
            if event is not None:
                return event
            passed += seconds
        waits = verb.timeout_seconds
        acts = acts and act.after < passed + waits
        waits = max(0.0, act.after - passed) if acts else waits
        event = yield from self._pass(pending, waits, looks)
        if event is not None:
            return event
        if not acts:
            return NoInput(self.at)
        if act.hangs_up:
            return CallerHungUp(self.at)
        return (yield from self._collect(verb, act.keys))

    def _collect(self, verb: Gather, pressed: str) -> Generator[float, None, Event]:
        self._tell("caller", f"presses {pressed}")
        digits = ""
        for key in islice(pressed, verb.max_digits):
            yield KEY_SECONDS
            if key == CRISIS_KEY:
                return DigitsCollected(self.at, key)
            if key == verb.finish_on:
                break
            digits += key
        if len(digits) < verb.max_digits and not (verb.finish_on and verb.finish_on in pressed):
            yield verb.timeout_seconds
        return DigitsCollected(self.at, digits) if digits else NoInput(self.at)

    def _hold(
        self, pending: Pending, verb: Hold, act: Act, words: float
    ) -> Generator[float, None, Event]:
        self._tell("line", "music")
        known = act.keys != "" and act.keys[0] in verb.keys + CRISIS_KEY
        after = max(0.0, act.after - words)
        acts = (known or act.hangs_up) and after < verb.seconds
        event = yield from self._pass(pending, after if acts else verb.seconds)
        if event is not None:
            return event
        if not acts:
            return HoldEnded(self.at, "elapsed")
        if act.hangs_up:
            return CallerHungUp(self.at)
        self._tell("caller", f"presses {act.keys[0]}")
        return HoldEnded(self.at, "key", act.keys[0])

    def _record(self, pending: Pending, verb: Record, act: Act) -> Generator[float, None, Event]:
        spoken = min(act.after, verb.max_seconds)
        if spoken > 0:
            self._tell("caller", f"leaves a message of {spoken:g} s")
        event = yield from self._pass(pending, spoken)
        if event is not None:
            return event
        key = act.keys[:1] or None
        if key is None and not act.hangs_up and spoken < verb.max_seconds:
            yield verb.silence_seconds
        if key is not None:
            self._tell("caller", f"presses {key}")
        reference = "simulated" if spoken else ""
        return RecordingFinished(self.at, reference, round(spoken), key, act.hangs_up)

    def _dial(
        self, pending: Pending, verb: Dial, act: Act, words: float
    ) -> Generator[float, None, Event]:
        """All ring at once, and the first to answer has the call. `*` ends the ringing where it
        means something."""
        who = self.house.who(verb.kind, verb.target)
        if not who:
            return DialEnded(self.at, DialResult.UNREACHABLE)
        self._tell("house", "rings " + ", ".join(name for _, name in who))
        telephones = self.telephones.rung([one for one, _ in who])
        rings = verb.ring_seconds
        answers = [
            (one.after, n) for n, one in enumerate(telephones) if one.answers and one.after < rings
        ]
        ends = min(answers)[0] if answers else max(one.ends(rings) for one in telephones)
        starred = act.keys == CRISIS_KEY and pending.star_counts
        after = max(0.0, act.after - words)
        if (starred or act.hangs_up) and after < ends:
            yield from self._pass(pending, after, looks=False)
            self._left = (DialResult.ABANDONED, 0)
            return self._done(act, verb)
        yield from self._pass(pending, ends, looks=False)
        if not answers:
            refused = [one.result for one in telephones if not one.answers]
            result = refused[0] if len(refused) == len(telephones) else DialResult.NO_ANSWER
            self._tell("house", f"nobody answers: {result}")
            return DialEnded(self.at, result)
        first = min(answers)[1]
        by, name = who[first]
        self._tell("house", f"{name} answers")
        self.house.answered_by(pending.call_id, by, self.at)
        self._talked = True
        result, talks = telephones[first].result, telephones[first].talks
        if act.hangs_up and after - ends < talks:
            yield from self._pass(pending, after - ends, looks=False)
            self._left = (DialResult.ANSWERED, round(after - ends))
            return CallerHungUp(self.at)
        yield from self._pass(pending, talks, looks=False)
        if result is DialResult.LOST:
            self._tell("house", f"{name} is lost")
        return DialEnded(self.at, result, by, round(talks))
