"""A scripted or typed caller, served by the very engine on a virtual clock.

Nobody waits for anything here: each verb's time is added to the clock as a caller would live
it, and the house is told that time has passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
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
from callflows.verbs import CRISIS_KEY, Answer, Dial, Gather, Hangup, Hold, Record, Say
from ivr.pending import OfferedCall, Pending

ANSWER_SECONDS = 3
TALK_SECONDS = 60
MESSAGE_SECONDS = 20
PATIENCE = timedelta(minutes=30)


class House(Protocol):
    """What the simulator needs of the controller."""

    def offered(self, call: OfferedCall, at: datetime) -> Pending: ...

    def advanced(self, call_id: str, turn: int, event: Event) -> Pending: ...

    def hung_up(self, call_id: str, at: datetime) -> None: ...

    def reservation_waiting(self, call_id: str) -> bool: ...

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
    """Plays one call. `keys` yields what the caller does at each chance: keys, or "" for
    silence; when it ends, the caller only listens, and hangs up after a talk."""

    house: House
    keys: Iterator[str]
    tell: Callable[[Line], None]
    at: datetime
    _began: datetime = field(init=False)
    _talked: bool = False

    def call(self, call: OfferedCall) -> None:
        """Play `call` from its offer to its end."""
        self._began = self.at
        pending = self.house.offered(call, self.at)
        while True:
            event = self._perform(pending)
            if event is None:
                return
            if isinstance(event, CallerHungUp):
                self._tell("caller", "hangs up")
                self.house.hung_up(pending.call_id, self.at)
                return
            pending = self.house.advanced(pending.call_id, pending.turn, event)

    def _tell(self, who: str, text: str) -> None:
        self.tell(Line(int((self.at - self._began).total_seconds()), who, text))

    def _pass(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def _say(self, say: Say) -> None:
        self._tell("line", say.text)
        self._pass(speech.seconds(say.text, say.language))

    def _perform(self, pending: Pending) -> Event | None:
        """Perform the verbs; the event that ends the last, None when the line hung up."""
        if self.at - self._began > PATIENCE:
            return CallerHungUp(self.at)
        for verb in pending.verbs:
            match verb:
                case Answer():
                    pass
                case Say():
                    self._say(verb)
                case Gather():
                    return self._gather(verb)
                case Hold():
                    return self._hold(pending.call_id, verb)
                case Record():
                    return self._record(verb)
                case Dial():
                    return self._dial(verb)
                case Hangup():
                    self._tell("line", "hangs up")
                    return None
                case _:
                    assert_never(verb)
        return CallerHungUp(self.at)

    def _gather(self, verb: Gather) -> Event:
        for say in verb.says:
            self._say(say)
        keys = next(self.keys, None)
        if keys is None and self._talked:
            return CallerHungUp(self.at)
        if not keys:
            self._pass(verb.timeout_seconds)
            return NoInput(self.at)
        self._tell("caller", f"presses {keys}")
        self._pass(len(keys) * 0.5)
        if CRISIS_KEY in keys:
            return DigitsCollected(self.at, keys[: keys.index(CRISIS_KEY) + 1])
        return DigitsCollected(self.at, keys[: verb.max_digits].rstrip(verb.finish_on or None))

    def _hold(self, call_id: str, verb: Hold) -> Event:
        self._tell("line", "music")
        key = next(self.keys, "")
        ends = self.at + timedelta(seconds=verb.seconds)
        while self.at < ends:
            if self.house.reservation_waiting(call_id):
                return ReservationNoticed(self.at)
            self._pass(min(1.0, (ends - self.at).total_seconds()))
            self.house.tick(self.at)
            if key and key in verb.keys + CRISIS_KEY:
                self._tell("caller", f"presses {key}")
                return HoldEnded(self.at, "key", key)
        return HoldEnded(self.at, "elapsed")

    def _record(self, verb: Record) -> Event:
        key = next(self.keys, "")
        if key == CRISIS_KEY:
            self._tell("caller", "presses *")
            return RecordingFinished(self.at, "", 0, CRISIS_KEY)
        seconds = min(MESSAGE_SECONDS, verb.max_seconds)
        self._tell("caller", f"leaves a message of {seconds} s and hangs up")
        self._pass(seconds)
        return RecordingFinished(self.at, "simulated", seconds, hung_up=True)

    def _dial(self, verb: Dial) -> Event:
        who = self.house.who(verb.kind, verb.target)
        self._tell("house", "rings " + ", ".join(name for _, name in who))
        self._pass(ANSWER_SECONDS)
        first, name = who[0]
        self._tell("house", f"{name} answers")
        self._pass(TALK_SECONDS)
        self._talked = True
        return DialEnded(self.at, DialResult.ANSWERED, first, TALK_SECONDS)
