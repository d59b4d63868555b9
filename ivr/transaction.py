"""One turn's transaction, and what is told to others once it is committed."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection

from agents.offer_results import Alert
from workorders.log import Entry


@dataclass(frozen=True, slots=True)
class Woken:
    """A waiting call that got a reservation at `turn`: once its turn has moved, it knows."""

    call_id: str
    channel: str
    turn: int


@dataclass(slots=True)
class Transaction:
    """`woken`: whom to wake. `alerts`: what an operator must act on. `entries`: what the orders
    are to say, by order number; written at the end, all at once."""

    connection: Connection
    woken: list[Woken] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    entries: dict[str, list[Entry]] = field(default_factory=dict)
