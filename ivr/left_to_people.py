"""What a call leaves for people to see to at once: danger that dropped, a message to be heard."""

from __future__ import annotations

from sqlalchemy import Connection, select

from agents.counselor import State
from agents.roster import Role, counselors
from ivr.transaction import Transaction
from workorders import alarms
from workorders.life import Case
from workorders.log import Log
from workorders.order import station_in_charge

c = counselors.c


def dropped(outcome: str) -> bool:
    """Has a call in danger ended with nobody else to help? Whether a talk ended well no machine
    can tell: the counselor says so before (`alarms.safe_to_end`)."""
    return outcome != "transferred"


def raise_alarms(tx: Transaction, log: Log) -> None:
    """After everything else is written: the orders are there now."""
    for order_no, at in tx.dropped.items():
        alarms.crisis_dropped(Case(tx.connection, log, order_no, at, "engine"))
    for order_no, at in tx.messages.items():
        case = Case(tx.connection, log, order_no, at, "engine")
        alarms.message_waits(case, staffed(tx.connection, station_in_charge(case.row)))


def staffed(connection: Connection, station: str | None) -> bool:
    """Is anybody there who could hear a message?"""
    there = select(c.id).where(
        c.station == station, c.state != State.LOGGED_OUT, c.role != Role.DUTY_PHONE
    )
    return connection.execute(there.limit(1)).first() is not None
