"""Which calls were of high risk for whom: a row a counselor and order, written by whoever finds out
(an assessment, the end of a crisis), heeded by the queue (`routing.care`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Index,
    Table,
    Text,
    bindparam,
    func,
    select,
    text,
    update,
)

from config.database import Instant, metadata
from config.statements import Statement

SHIFT = timedelta(hours=12)
"""Calls of one shift: nobody works longer, and nobody's next shift begins sooner."""

_NEW = text("NOT heeded")

high_risk_calls = Table(
    "high_risk_calls",
    metadata,
    Column("counselor", Text, primary_key=True),
    Column("order_no", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("heeded", Boolean, nullable=False),
    Index("high_risk_calls_new", "at", sqlite_where=_NEW, postgresql_where=_NEW),
)

h = high_risk_calls.c
_this = (h.counselor == bindparam("who"), h.order_no == bindparam("order"))
_found = Statement(select(h.heeded).where(*_this))
_add = Statement(high_risk_calls.insert())
_heed = Statement(update(high_risk_calls).where(*_this).values(heeded=True))
_drop = Statement(high_risk_calls.delete().where(*_this))
_new = Statement(select(h.counselor, h.order_no, h.at).where(_NEW).order_by(h.at))
_count = Statement(
    select(func.count()).where(h.counselor == bindparam("who"), h.at > bindparam("since"))
)
_forget = Statement(
    high_risk_calls.delete().where(h.counselor == bindparam("who"), h.at <= bindparam("before"))
)


class HighRiskCall(NamedTuple):
    counselor: str
    order_no: str
    at: datetime


def told(connection: Connection, counselor_id: str, order_no: str, at: datetime) -> None:
    """This order's call was of high risk. Telling it again changes nothing."""
    if not known(connection, counselor_id, order_no):
        _add.later(connection, counselor=counselor_id, order_no=order_no, at=at, heeded=False)


def known(connection: Connection, counselor_id: str, order_no: str) -> bool:
    return _found.first(connection, who=counselor_id, order=order_no) is not None


def new(connection: Connection) -> Sequence[HighRiskCall]:
    """What nobody has heeded yet, the oldest first."""
    return [HighRiskCall(*row) for row in _new.rows(connection)]


def heeded(connection: Connection, counselor_id: str, order_no: str) -> None:
    _heed.later(connection, who=counselor_id, order=order_no)


def not_theirs(connection: Connection, counselor_id: str, order_no: str) -> None:
    """The counselor assessed a call that somebody else took, or not in this shift."""
    _drop.later(connection, who=counselor_id, order=order_no)


def in_shift(connection: Connection, counselor_id: str, at: datetime) -> int:
    """How many there were in this shift; older ones are forgotten."""
    _forget.later(connection, who=counselor_id, before=at - SHIFT)
    return int(_count.scalar(connection, who=counselor_id, since=at - SHIFT))
