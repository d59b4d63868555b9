"""Whoever watches the stations while a day goes by, and says which are weak or dead."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from routing.simulation.desks import Desk

ASSESS_SECONDS = 15.0

DesksOf = Callable[[str], Collection[Desk]]


@dataclass(frozen=True, slots=True)
class StateChange:
    """`at`: seconds of the day. `why`: the figures, in words."""

    at: float
    station: str
    topic: str
    state: str
    why: str


class EndedCall(NamedTuple):
    """A call of `home`, over after `waited` seconds. `answering`: which station answered; None:
    abandoned. `rung`: its home was, in vain. `here`: somebody of its home who knows the topic is
    free or talking. `together`: answered where several rang at once."""

    home: str
    topic: str
    answering: str | None
    waited: float
    rung: bool
    here: bool
    together: bool
    urgent: bool
    at: datetime


class Watch:
    """Takes every station for strong; whoever looks closer says which aren't."""

    def offer_ended(
        self, station: str, home: str, topic: str, answered: bool, at: datetime
    ) -> None:
        """A counselor of `station` was rung alone for a call of `home`, and answered or didn't."""

    def call_ended(self, call: EndedCall) -> None:
        """A call was answered, or abandoned."""

    def assess(self, seconds: float, at: datetime, desks_of: DesksOf) -> Sequence[StateChange]:
        """To be called every ASSESS_SECONDS; what has changed."""
        return ()

    def weak(self, topic: str) -> frozenset[str]:
        return frozenset()

    def dead(self, topic: str) -> frozenset[str]:
        return frozenset()
