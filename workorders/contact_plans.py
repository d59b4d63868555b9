"""Contact plans 来电约定: how a station has agreed to talk with somebody who calls often, until the
plan is to be looked at again. Nothing but the page of a call reads it, so it never lowers anybody's
class.

One number is not one person: whoever calls from it may be the one of whom the plan tells, or their
mother. So a plan has two parts. How to handle the call ("keep to 15 minutes, promise nothing") is
shown to whoever answers, for it is worth nothing later, and says neither name nor story. The
background is contents of earlier calls, and closed like those until identity is checked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, Index, Integer, LargeBinary, Table, Text, func, select

from config.database import Instant, metadata
from workorders import number_flags
from workorders.keys import Keys
from workorders.life import NotPossible, must_say
from workorders.number_flags import Kind
from workorders.personal import opened_of_number, order_secrets, sealed_of_number

contact_plans = Table(
    "contact_plans",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("number_hash", LargeBinary, nullable=False),
    Column("station", Text, nullable=False),
    Column("written_by", Text, nullable=False),
    Column("written_at", Instant, nullable=False),
    Column("review_at", Instant, nullable=False),
    # The call after which it was written.
    Column("order_no", Text, nullable=False),
    Column("plan", LargeBinary, nullable=False),
    Column("background", LargeBinary),
    Index("contact_plans_number", "number_hash", "id"),
    sqlite_autoincrement=True,
)

p = contact_plans.c


@dataclass(frozen=True, slots=True)
class ContactPlan:
    """`text`: how to handle the call, and `background`, empty for none, in clear. `order_no`: of
    the call after which it was written."""

    text: str
    background: str
    station: str
    by: str
    at: datetime
    review_at: datetime
    order_no: str


def plan_for(connection: Connection, keys: Keys, order_no: str, at: datetime) -> ContactPlan | None:
    """The latest plan for the number of an order's caller; none for one that many share."""
    number = _number(connection, order_no)
    if number is None or Kind.SHARED in number_flags.in_force(connection, number, at):
        return None
    row = connection.execute(
        select(contact_plans).where(p.number_hash == number).order_by(p.id.desc()).limit(1)
    ).first()
    if row is None:
        return None
    text = opened_of_number(keys, number, row.plan)
    background = opened_of_number(keys, number, row.background) if row.background else ""
    return ContactPlan(
        text, background, row.station, row.written_by, row.written_at, row.review_at, row.order_no
    )


def has_background(connection: Connection, order_no: str) -> bool:
    """Does the latest plan for the number of an order's caller have one?"""
    number = _number(connection, order_no)
    return number is not None and _background(connection, number) is not None


def write(
    connection: Connection, keys: Keys, order_no: str, text: str, background: str | None,
    review_at: datetime, station: str, by: str, at: datetime,
) -> None:  # fmt: skip
    """A plan, or the same one looked at again. Raises NotPossible.

    :param background: None for who may not see it: the one there is stays.
    """
    must_say("the plan", text)
    number = _number(connection, order_no)
    if number is None:
        raise NotPossible("plan: the caller's number isn't known")
    if Kind.SHARED in number_flags.in_force(connection, number, at):
        raise NotPossible("plan: many share this number")
    if review_at <= at:
        raise NotPossible("plan: the day of its review is past")
    values = {
        "number_hash": number, "station": station, "written_by": by, "written_at": at,
        "review_at": review_at, "order_no": order_no,
        "plan": sealed_of_number(keys, number, text.strip()),
        "background": _background(connection, number),
    }  # fmt: skip
    if background is not None:
        sealed = sealed_of_number(keys, number, background.strip()) if background.strip() else None
        values["background"] = sealed
    connection.execute(contact_plans.insert(), values)


def to_review(connection: Connection, station: str, at: datetime) -> list[tuple[str, datetime]]:
    """Plans of a station that are to be looked at again: the order of each, and since when."""
    latest = select(func.max(p.id)).group_by(p.number_hash)
    rows = connection.execute(
        select(p.order_no, p.review_at)
        .where(p.id.in_(latest), p.station == station, p.review_at <= at)
        .order_by(p.review_at)
    )
    return [(row.order_no, row.review_at) for row in rows]


def _background(connection: Connection, number: bytes) -> bytes | None:
    latest = select(p.background).where(p.number_hash == number).order_by(p.id.desc()).limit(1)
    found: bytes | None = connection.execute(latest).scalar()
    return found


def _number(connection: Connection, order_no: str) -> bytes | None:
    query = select(order_secrets.c.caller_hash).where(order_secrets.c.order_no == order_no)
    found: bytes | None = connection.execute(query).scalar()
    return found
