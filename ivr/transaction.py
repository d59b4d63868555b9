"""One turn's transaction, and what is told to others once it is committed."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection

from agents.offer_results import Alert
from ivr.order_notes import OrderNotes


@dataclass(frozen=True, slots=True)
class Woken:
    """A waiting call that got a reservation at `turn`: once its turn has moved, it knows."""

    call_id: str
    channel: str
    turn: int


@dataclass(slots=True)
class Transaction:
    """`woken`: whom to wake. `alerts`: what an operator must act on. `notes`: what orders are to
    say. `out_of_queue`: calls that hold neither place nor counselor any more. `gone`: calls whose
    caller has hung up, while the flow hears first how the Dial ended."""

    connection: Connection
    woken: list[Woken] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    notes: OrderNotes = field(default_factory=OrderNotes)
    out_of_queue: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
