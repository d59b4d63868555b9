"""Who is on the other ends of a simulated call: its caller, and the telephones that are rung."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from callflows.events import DialResult
from callflows.verbs import CRISIS_KEY, Gather, Hold, Record, Verb

ANSWER_SECONDS = 3.0
TALK_SECONDS = 60.0
MESSAGE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Act:
    """What a caller does: after so many seconds presses `keys`, or hangs up, or stops talking."""

    after: float = 0.0
    keys: str = ""
    hangs_up: bool = False


SILENCE = Act()


class Caller(Protocol):
    def act(self, verb: Verb, words: float, talked: bool) -> Act:
        """What the caller does while this verb waits, counted from the first word before it; into
        a message from its tone. What the verb doesn't last for is not done.

        :param words: for how many seconds is spoken before and in the verb.
        :param talked: the caller has talked with somebody.
        """


@dataclass(frozen=True, slots=True)
class Telephone:
    """One that is rung: answers or declines `after` seconds, talks for `talks` seconds; one that is
    lost answers, too."""

    result: DialResult = DialResult.ANSWERED
    after: float = ANSWER_SECONDS
    talks: float = TALK_SECONDS

    @property
    def answers(self) -> bool:
        return self.result in (DialResult.ANSWERED, DialResult.LOST)

    def ends(self, rings: float) -> float:
        """When it stops ringing, of `rings` seconds at the most."""
        match self.result:
            case DialResult.ANSWERED | DialResult.LOST | DialResult.DECLINED:
                return min(self.after, rings)
            case DialResult.NO_ANSWER | DialResult.ABANDONED:
                return rings
            case _:
                return 0.0


class Telephones(Protocol):
    def rung(self, who: Sequence[str]) -> Sequence[Telephone]:
        """How the telephone of each of `who` behaves this time."""


@dataclass(slots=True)
class TypedCaller:
    """`keys` yields what is pressed at each chance, "" for silence; when it ends, the caller only
    listens, and hangs up after a talk."""

    keys: Iterator[str]

    def act(self, verb: Verb, words: float, talked: bool) -> Act:
        match verb:
            case Gather():
                keys = next(self.keys, None)
                return Act(words, keys or "", hangs_up=keys is None and talked)
            case Hold():
                return Act(words + 1.0, next(self.keys, ""))
            case Record():
                if next(self.keys, "") == CRISIS_KEY:
                    return Act(0.0, CRISIS_KEY)
                return Act(min(MESSAGE_SECONDS, verb.max_seconds), hangs_up=True)
            case _:
                return SILENCE


@dataclass(slots=True)
class TelephonesInTurn:
    """What comes of one Dial after the other; everybody answers once `results` has ended."""

    results: Iterator[DialResult]

    def rung(self, who: Sequence[str]) -> Sequence[Telephone]:
        return [Telephone(next(self.results, DialResult.ANSWERED))] * len(who)
