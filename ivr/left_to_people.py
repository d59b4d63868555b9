"""What a call leaves for people to see to at once: danger that dropped, a message to be heard."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, select

from agents.counselor import State
from agents.roster import Role, counselors
from workorders import alarms
from workorders.life import Case
from workorders.log import Log
from workorders.order import station_in_charge

c = counselors.c


def dropped(outcome: str) -> bool:
    """Has a call in danger ended with nobody else to help? Whether a talk ended well no machine
    can tell: the counselor says so before (`alarms.safe_to_end`)."""
    return outcome != "transferred"


def raise_alarms(
    connection: Connection,
    log: Log,
    in_danger: Mapping[str, datetime],
    messages: Mapping[str, datetime],
) -> None:
    """After everything else is written: the orders are there now. By order number, when a caller
    in danger was gone, or had left a message."""
    for order_no, at in in_danger.items():
        alarms.crisis_dropped(Case(connection, log, order_no, at, "engine"))
    for order_no, at in messages.items():
        case = Case(connection, log, order_no, at, "engine")
        alarms.message_waits(case, staffed(connection, station_in_charge(case.row)))


def staffed(connection: Connection, station: str | None) -> bool:
    """Is anybody there who could hear a message?"""
    there = select(c.id).where(
        c.station == station, c.state != State.LOGGED_OUT, c.role != Role.DUTY_PHONE
    )
    return connection.execute(there.limit(1)).first() is not None
