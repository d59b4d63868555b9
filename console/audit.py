"""Who has done what in the console, and read which order: a table that is only added to. The
database itself refuses anything else."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Column, Connection, Index, Integer, Table, Text, select

from config.database import Instant, metadata
from workorders.guards import forbid

audit = Table(
    "console_audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    # Keyed digest for a failed log-in to an account that doesn't exist: it may be a password.
    Column("account", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("order_no", Text),
    # Why a number was opened; which orders were listed.
    Column("detail", Text),
    # By which it was done, if not on a page.
    Column("token", Text),
    Index("console_audit_order", "order_no", "id"),
    Index("console_audit_at", "action", "at"),
    sqlite_autoincrement=True,
)
forbid(audit, "UPDATE", "DELETE")

c = audit.c
READERS_SHOWN = 50


class Action(StrEnum):
    LOGGED_IN = "logged_in"
    LOG_IN_FAILED = "log_in_failed"
    LOGGED_OUT = "logged_out"
    PASSWORD_CHANGED = "password_changed"
    ORDERS_LISTED = "orders_listed"
    ORDER_READ = "order_read"
    NUMBER_OPENED = "number_opened"
    MESSAGE_OPENED = "message_opened"
    RECORDING_OPENED = "recording_opened"
    """Which one in the detail."""
    MONITORED = "monitored"
    """How, and whose talk, in the detail."""
    CASE_OPENED = "case_opened"
    """By somebody above the stations."""
    ORDER_CHANGED = "order_changed"
    ORDER_HANDED_IN = "order_handed_in"
    COUNSELORS_LISTED = "counselors_listed"


READING = (
    Action.ORDER_READ, Action.NUMBER_OPENED, Action.MESSAGE_OPENED, Action.RECORDING_OPENED,
    Action.CASE_OPENED,
)  # fmt: skip


class Reading(NamedTuple):
    """Somebody has read an order, or opened its number for a reason."""

    at: datetime
    account: str
    action: Action
    detail: str | None


def note(
    connection: Connection,
    action: Action,
    account_id: str,
    address: str,
    at: datetime,
    order_no: str | None = None,
    detail: str | None = None,
    token: str | None = None,
) -> None:
    """Add a line.

    :param token: the id of the token it was done by.
    """
    connection.execute(
        audit.insert().values(
            at=at,
            account=account_id,
            address=address,
            action=str(action),
            order_no=order_no,
            detail=detail,
            token=token,
        )
    )


def readers(connection: Connection, order_no: str) -> list[Reading]:
    """The latest first."""
    rows = connection.execute(
        select(c.at, c.account, c.action, c.detail)
        .where(c.order_no == order_no, c.action.in_(READING))
        .order_by(c.id.desc())
        .limit(READERS_SHOWN)
    )
    return [Reading(row.at, row.account, Action(row.action), row.detail) for row in rows]
