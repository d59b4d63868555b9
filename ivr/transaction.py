"""One turn's transaction, and what is told to others once it is committed."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection

from agents.offer_results import Alert


@dataclass(slots=True)
class Transaction:
    """`woken`: waiting calls (id, channel) that got a reservation. `alerts`: what an operator
    must act on."""

    connection: Connection
    woken: list[tuple[str, str]] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
