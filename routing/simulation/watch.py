"""Whoever watches the stations while a day goes by, and says which are weak or dead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from routing.simulation.desks import Desk

ASSESS_SECONDS = 15.0

DesksOf = Callable[[str], Iterable[Desk]]


@dataclass(frozen=True, slots=True)
class StateChange:
    """`at`: seconds of the day. `why`: the figures, in words."""

    at: float
    station: str
    topic: str
    state: str
    why: str


class Watch(Protocol):
    def offer_ended(
        self, station: str, home: str, topic: str, answered: bool, at: datetime
    ) -> None:
        """A counselor of `station` was rung alone for a call of `home`, and answered or didn't."""

    def call_ended(
        self,
        home: str,
        topic: str,
        answering: str | None,
        waited: float,
        here: bool,
        urgent: bool,
        at: datetime,
    ) -> None:
        """A call of `home` was answered after so many seconds, or abandoned: `answering` None.
        `here`: somebody of its home who knows the topic is free or talking."""

    def assess(self, seconds: float, at: datetime, desks_of: DesksOf) -> Sequence[StateChange]:
        """To be called every ASSESS_SECONDS; what has changed."""

    def weak(self, topic: str) -> frozenset[str]: ...

    def dead(self, topic: str) -> frozenset[str]: ...


class Nobody:
    """Nobody watches: every station is taken for strong."""

    def offer_ended(
        self, station: str, home: str, topic: str, answered: bool, at: datetime
    ) -> None:
        pass

    def call_ended(
        self,
        home: str,
        topic: str,
        answering: str | None,
        waited: float,
        here: bool,
        urgent: bool,
        at: datetime,
    ) -> None:
        pass

    def assess(self, seconds: float, at: datetime, desks_of: DesksOf) -> Sequence[StateChange]:
        return ()

    def weak(self, topic: str) -> frozenset[str]:
        return frozenset()

    def dead(self, topic: str) -> frozenset[str]:
        return frozenset()
