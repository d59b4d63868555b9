"""How often a password may be guessed. The audit table is what is counted, so that a restart
forgives nothing, and all consoles on one store count together.

An account can't be locked by others: from an address of its own it may go on long after a
stranger elsewhere has been stopped.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, func, select

from console.audit import Action, audit

WITHIN = timedelta(minutes=15)
BY_ACCOUNT_AND_ADDRESS = 5
BY_ADDRESS = 30
BY_ACCOUNT = 100

c = audit.c


def too_many(connection: Connection, account_id: str, address: str, at: datetime) -> bool:
    """Has there been so many failures that the next try isn't even looked at?"""
    return (
        _failures(connection, at, c.account == account_id, c.address == address)
        >= BY_ACCOUNT_AND_ADDRESS
        or _failures(connection, at, c.address == address) >= BY_ADDRESS
        or _failures(connection, at, c.account == account_id) >= BY_ACCOUNT
    )


def _failures(connection: Connection, at: datetime, *of: ColumnElement[bool]) -> int:
    counted = select(func.count()).where(c.action == Action.LOG_IN_FAILED, c.at > at - WITHIN, *of)
    return connection.execute(counted).scalar_one()
