"""Who was offered which call: one row for each counselor of an offer.

The unique index is the law of one call at a time: no counselor has two offers that have not
ended, even by a mistake elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    Table,
    Text,
    bindparam,
    case,
    func,
    select,
    text,
    update,
)

from config.database import Instant, metadata
from config.statements import Statement

offers = Table(
    "offers",
    metadata,
    Column("offer_id", Text, primary_key=True),
    Column("counselor_id", Text, primary_key=True),
    Column("call_id", Text, nullable=False),
    Column("station", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("tier", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("ring_seconds", Integer, nullable=False),
    # Several rang at once: whoever didn't answer first is not blamed.
    Column("together", Boolean, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("lease_until", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("ended_at", Instant),
    Column("result", Text),
    Column("talk_seconds", Integer),
    Column("standing_change", Integer),
    Index(
        "offers_one_call_at_a_time",
        "counselor_id",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index(
        "offers_open",
        "call_id",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index("offers_by_node", "node", "ended_at"),
    Index(
        "offers_talked",
        "ended_at",
        sqlite_where=text("talk_seconds IS NOT NULL"),
        postgresql_where=text("talk_seconds IS NOT NULL"),
    ),
)

TALKS_AVERAGED = 50

o = offers.c


@dataclass(frozen=True, slots=True)
class Offer:
    """One counselor's part of an offer. `result` is None until it has ended. `standing_change`:
    the recorded change of a station's standing that the call was sent there by."""

    offer_id: str
    counselor_id: str
    call_id: str
    station: str
    node: str
    tier: int
    reason: str
    ring_seconds: int
    together: bool
    made_at: datetime
    answered_at: datetime | None
    result: str | None = None
    standing_change: int | None = None


_OFFER = (
    o.offer_id,
    o.counselor_id,
    o.call_id,
    o.station,
    o.node,
    o.tier,
    o.reason,
    o.ring_seconds,
    o.together,
    o.made_at,
    o.answered_at,
    o.result,
    o.standing_change,
)
_insert = Statement(offers.insert())
_of_call = Statement(select(*_OFFER).where(o.call_id == bindparam("call"), o.ended_at.is_(None)))
_parts = Statement(select(*_OFFER).where(o.offer_id == bindparam("offer"), o.ended_at.is_(None)))
_rung = Statement(select(*_OFFER).where(o.offer_id == bindparam("offer")))
_overdue = Statement(
    select(*_OFFER)
    .where(o.ended_at.is_(None), o.answered_at.is_(None), o.lease_until <= bindparam("at"))
    .order_by(o.made_at, o.offer_id)
)
_lease = Statement(
    update(offers)
    .where(o.offer_id == bindparam("offer"), o.ended_at.is_(None))
    .values(lease_until=bindparam("until"))
)
_answered = Statement(
    update(offers)
    .where(o.offer_id == bindparam("offer"), o.counselor_id == bindparam("who"))
    .where(o.ended_at.is_(None))
    .values(answered_at=bindparam("at"))
)
_ended = Statement(
    update(offers)
    .where(o.offer_id == bindparam("offer"), o.counselor_id == bindparam("who"))
    .values(ended_at=bindparam("at"), result=bindparam("how"), talk_seconds=bindparam("talked"))
)
_of_node = Statement(
    select(func.count(), func.sum(case((o.result == "unreachable", 1), else_=0))).where(
        o.node == bindparam("on_node"), o.ended_at > bindparam("after")
    )
)
_talks = (
    select(o.talk_seconds)
    .where(o.talk_seconds.is_not(None))
    .order_by(o.ended_at.desc())
    .limit(TALKS_AVERAGED)
    .subquery()
)
_mean_talk = Statement(select(func.avg(_talks.c.talk_seconds)))
_forget = Statement(offers.delete().where(o.ended_at < bindparam("before")))


def add(connection: Connection, rows: Sequence[Offer], lease_until: datetime) -> None:
    _insert.later_all(
        connection,
        [
            {
                "offer_id": row.offer_id,
                "counselor_id": row.counselor_id,
                "call_id": row.call_id,
                "station": row.station,
                "node": row.node,
                "tier": row.tier,
                "reason": row.reason,
                "ring_seconds": row.ring_seconds,
                "together": row.together,
                "made_at": row.made_at,
                "lease_until": lease_until,
                "answered_at": None,
                "ended_at": None,
                "result": None,
                "talk_seconds": None,
                "standing_change": row.standing_change,
            }
            for row in rows
        ],
    )


def of_call(connection: Connection, call_id: str) -> list[Offer]:
    return [Offer(*row) for row in _of_call.rows(connection, call=call_id)]


def parts_of(connection: Connection, offer_id: str) -> list[Offer]:
    """Its parts that have not ended."""
    return [Offer(*row) for row in _parts.rows(connection, offer=offer_id)]


def rung(connection: Connection, offer_id: str) -> list[Offer]:
    """All its parts, ended ones too for as long as they are kept."""
    return [Offer(*row) for row in _rung.rows(connection, offer=offer_id)]


def overdue(connection: Connection, at: datetime) -> list[Offer]:
    """Unanswered offers whose lease has run out."""
    return [Offer(*row) for row in _overdue.rows(connection, at=at)]


def extend_lease(connection: Connection, offer_id: str, until: datetime) -> None:
    _lease.later(connection, offer=offer_id, until=until)


def answered(connection: Connection, part: Offer, at: datetime) -> None:
    _answered.later(connection, offer=part.offer_id, who=part.counselor_id, at=at)


def end(connection: Connection, part: Offer, result: str, at: datetime) -> None:
    talked = None
    if result == "answered" and part.answered_at is not None:
        talked = max(0, round((at - part.answered_at).total_seconds()))
    _ended.later(
        connection, offer=part.offer_id, who=part.counselor_id, at=at, how=result, talked=talked
    )


def results_of_node(connection: Connection, node: str, after: datetime) -> tuple[int, int]:
    """Of one carrier node's offers ended since: how many, how many unreachable."""
    [(ended, unreachable)] = _of_node.rows(connection, on_node=node, after=after)
    return int(ended), int(unreachable or 0)


def mean_talk_seconds(connection: Connection) -> float | None:
    found = _mean_talk.scalar(connection)
    return float(found) if found is not None else None


def forget(connection: Connection, before: datetime) -> None:
    _forget.later(connection, before=before)
