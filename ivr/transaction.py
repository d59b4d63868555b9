"""One turn's transaction, and what is told to others once it is committed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from agents.offer_results import Alert
from workorders.log import Entry, Opening


@dataclass(frozen=True, slots=True)
class Woken:
    """A waiting call that got a reservation at `turn`: once its turn has moved, it knows."""

    call_id: str
    channel: str
    turn: int


@dataclass(slots=True)
class Transaction:
    """`woken`: whom to wake. `alerts`: what an operator must act on. `openings` and `entries`:
    orders to open and what orders are to say, by order number; written at the end, all at once.
    `out_of_queue`: calls that hold neither place nor counselor any more. `gone`: calls whose
    caller has hung up, while the flow hears first how the Dial ended. `dropped` and `messages`:
    orders whose caller in danger is gone, or left a message, and when; told of after `entries`."""

    connection: Connection
    woken: list[Woken] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    openings: dict[str, Opening] = field(default_factory=dict)
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    out_of_queue: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    dropped: dict[str, datetime] = field(default_factory=dict)
    messages: dict[str, datetime] = field(default_factory=dict)
