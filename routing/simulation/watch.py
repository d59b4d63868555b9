"""Whoever watches the stations while a day goes by, and says which are weak or dead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from routing.simulation.policy import Policy
from routing.simulation.scenario import Scenario

ASSESS_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class StateChange:
    """`at`: seconds of the day. `why`: the figures, in words."""

    at: float
    station: str
    topic: str
    state: str
    why: str = ""


class Watch(Protocol):
    """Times are instants; stations are homes of calls and of people."""

    def offer_ended(self, station: str, topic: str, answered: bool, at: datetime) -> None:
        """A counselor of `station` was rung, and answered or didn't."""

    def call_ended(
        self, home: str, topic: str, answering: str | None, waited: float, at: datetime
    ) -> None:
        """A call of `home` was answered after so many seconds, or abandoned: `answering` None."""

    def assess(self, seconds: float, at: datetime) -> Sequence[StateChange]:
        """To be called every ASSESS_SECONDS; what has changed."""

    def weak(self, topic: str) -> frozenset[str]: ...

    def dead(self, topic: str) -> frozenset[str]: ...


class Nobody:
    """Nobody watches: every station is taken for strong."""

    def offer_ended(self, station: str, topic: str, answered: bool, at: datetime) -> None:
        pass

    def call_ended(
        self, home: str, topic: str, answering: str | None, waited: float, at: datetime
    ) -> None:
        pass

    def assess(self, seconds: float, at: datetime) -> Sequence[StateChange]:
        return ()

    def weak(self, topic: str) -> frozenset[str]:
        return frozenset()

    def dead(self, topic: str) -> frozenset[str]:
        return frozenset()


def watch_for(policy: Policy, scenario: Scenario) -> Watch:
    return Nobody()
