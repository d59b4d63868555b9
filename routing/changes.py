"""What the queue answers and what a change of it brings about: plain results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agents.offer_results import Alert
from routing.offers import Offer
from routing.rules import FIRST_OUTER_TIER
from routing.waiting_call import WaitingCall


@dataclass(frozen=True, slots=True)
class Reserved:
    """One counselor, in a crisis several, held for a call. `reason`: why these, for the order."""

    call_id: str
    offer_id: str
    counselor_ids: tuple[str, ...]
    stations: tuple[str, ...]
    tier: int
    reason: str
    ring_seconds: int

    @classmethod
    def of(cls, parts: Sequence[Offer]) -> Reserved:
        """What the parts of one offer hold."""
        first = parts[0]
        return cls(
            first.call_id,
            first.offer_id,
            tuple(part.counselor_id for part in parts),
            tuple(part.station for part in parts),
            first.tier,
            first.reason,
            first.ring_seconds,
        )

    @property
    def outer_tier(self) -> bool:
        return self.tier >= FIRST_OUTER_TIER


@dataclass(frozen=True, slots=True)
class Waiting:
    """`position` from 1; `expected_wait_seconds` None where there is nothing to base it on."""

    position: int
    expected_wait_seconds: int | None
    outer_tier: bool


@dataclass(frozen=True, slots=True)
class Nobody:
    """Nobody on duty could ever take the call: it holds no place."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an offer's end meant for one counselor. `result`: a DialResult's name, `not_first`
    (somebody else answered) or `expired`."""

    counselor_id: str
    station: str
    result: str


@dataclass(frozen=True, slots=True)
class Cared:
    """A call of high risk has ended, or is found to have been one: the supervisor is told.
    `calls`: how many of them in this shift. `wrap_up_until`: None where its counselor had begun
    something else. `rests`: the cap of the shift is reached."""

    order_no: str
    counselor_id: str
    station: str
    calls: int
    wrap_up_until: datetime | None
    rests: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Changes:
    """What came of a change. `answer`: to the call that asked; `joined`: that call, where it is
    new. `woken`: other calls that now hold a reservation. `outcomes`: of counselors whose offer
    ended; `rung`: all whom it rang, as they were before; `left`: its call has left the queue.
    `cared`: of counselors whose call was of high risk."""

    answer: Reserved | Waiting | Nobody | None = None
    woken: tuple[Reserved, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    alerts: tuple[Alert, ...] = ()
    joined: WaitingCall | None = None
    rung: tuple[Offer, ...] = ()
    left: bool = False
    cared: tuple[Cared, ...] = ()
