"""What happens on a day whatever the policy: who calls, how patient they are, who is at work.

Two policies tried on one scenario meet the same callers with the same patience and the same talks
(common random numbers), so what differs between them is theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agents.roster import Counselor
from routing.priority import CRISIS, SILENT_CONFIRMED

NORMAL = 1
DAY_SECONDS = 86400.0


@dataclass(frozen=True, slots=True)
class Call:
    """`at`: seconds from the scenario's beginning until the call queues. `patience`: seconds it
    waits from then on. `talk`: seconds the talk takes, whoever answers."""

    number: int
    at: float
    home: str
    topic: str
    priority: int
    patience: float
    talk: float

    @property
    def urgent(self) -> bool:
        return self.priority in (SILENT_CONFIRMED, CRISIS)


@dataclass(frozen=True, slots=True)
class Seat:
    """One counselor of one shift, from `begins` to `ends` in the scenario's seconds. `answers`:
    the share of offers they pick up."""

    counselor: Counselor
    begins: float
    ends: float
    answers: float = 1.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """`begins`: the instant of second 0. `seed`: of what chance decides during the day, whether
    somebody picks up and when. `pick_up`: shortest and longest seconds of ringing until somebody
    who answers does. `return_after_miss`: mean seconds until somebody paused for not answering
    logs in again. `weak`, `dead`: the stations made so, for the report alone. `centres`: in the
    order of the report."""

    begins: datetime
    seed: str
    calls: Sequence[Call]
    seats: Sequence[Seat]
    pick_up: tuple[float, float]
    return_after_miss: float
    weak: frozenset[str] = frozenset()
    dead: frozenset[str] = frozenset()
    centres: tuple[str, ...] = ()
