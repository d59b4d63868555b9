"""Calls that wait: one row a call, from joining the queue until an offer has been answered."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    Table,
    Text,
    and_,
    bindparam,
    func,
    or_,
    select,
    update,
)

from config.database import Instant, metadata
from config.statements import Row, Statement
from routing.router import WaitingCall

waiting_calls = Table(
    "waiting_calls",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("order_no", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("home", Text, nullable=False),
    Column("enqueued_at", Instant, nullable=False),
    Column("kinds", Text, nullable=False),
    Column("excluded", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("offer_id", Text, unique=True),
    # How many reservations in a row ran out unclaimed: nobody seems to serve this call.
    Column("unclaimed", Integer, nullable=False),
    Index("waiting_calls_place", "offer_id", "priority", "enqueued_at"),
)

UNCLAIMED_LIMIT = 2
"""After so many unclaimed reservations nobody is held for a call until it shows itself again."""

w = waiting_calls.c


@dataclass(frozen=True, slots=True)
class Place:
    """A call's row: the call, the offer it holds, and its unclaimed reservations."""

    call: WaitingCall
    offer_id: str | None
    unclaimed: int


_CALL = (
    w.call_id,
    w.order_no,
    w.topic,
    w.language,
    w.priority,
    w.home,
    w.enqueued_at,
    w.node,
    w.kinds,
    w.excluded,
)
_place = Statement(select(*_CALL, w.offer_id, w.unclaimed).where(w.call_id == bindparam("call")))
_unserved = Statement(
    select(*_CALL)
    .where(w.offer_id.is_(None), w.unclaimed < UNCLAIMED_LIMIT)
    .order_by(w.priority.desc(), w.enqueued_at, w.call_id)
)
_anybody = Statement(
    select(w.call_id).where(w.offer_id.is_(None), w.unclaimed < UNCLAIMED_LIMIT).limit(1)
)
_insert_place = Statement(waiting_calls.insert())
_wishes = Statement(
    update(waiting_calls)
    .where(w.call_id == bindparam("call"))
    .values(
        topic=bindparam("new_topic"),
        language=bindparam("new_language"),
        priority=bindparam("new_priority"),
    )
)
_shown = Statement(update(waiting_calls).where(w.call_id == bindparam("call")).values(unclaimed=0))
_hold = Statement(
    update(waiting_calls)
    .where(w.call_id == bindparam("call"), w.offer_id.is_(None))
    .values(offer_id=bindparam("offer"))
)
_back = Statement(
    update(waiting_calls)
    .where(w.call_id == bindparam("call"), w.offer_id == bindparam("offer"))
    .values(
        offer_id=None,
        excluded=bindparam("now_excluded"),
        unclaimed=w.unclaimed + bindparam("more_unclaimed"),
    )
)
_delete_place = Statement(waiting_calls.delete().where(w.call_id == bindparam("call")))
_ahead = Statement(
    select(func.count()).where(
        w.offer_id.is_(None),
        w.unclaimed < UNCLAIMED_LIMIT,
        w.home == bindparam("at_home"),
        or_(
            w.priority > bindparam("mine"),
            and_(
                w.priority == bindparam("mine"),
                or_(
                    w.enqueued_at < bindparam("since"),
                    and_(w.enqueued_at == bindparam("since"), w.call_id < bindparam("call")),
                ),
            ),
        ),
    )
)


def place_of(connection: Connection, call_id: str) -> Place | None:
    row = _place.first(connection, call=call_id)
    return _to_place(row) if row is not None else None


def anybody(connection: Connection) -> bool:
    """Is `unserved` anybody?"""
    return _anybody.first(connection) is not None


def unserved(connection: Connection) -> list[WaitingCall]:
    """Who waits with nobody held for them, first to be served first."""
    return [_to_call(row) for row in _unserved.rows(connection)]


def add(connection: Connection, call: WaitingCall) -> None:
    _insert_place.later(
        connection,
        call_id=call.call_id,
        order_no=call.order_no,
        topic=call.topic,
        language=call.language,
        priority=call.priority,
        home=call.home,
        enqueued_at=call.enqueued_at,
        kinds=_list_to_json(call.kinds),
        excluded="[]",
        node=call.node,
        offer_id=None,
        unclaimed=0,
    )


def change_wishes(connection: Connection, call: WaitingCall) -> None:
    _wishes.later(
        connection,
        call=call.call_id,
        new_topic=call.topic,
        new_language=call.language,
        new_priority=call.priority,
    )


def shown(connection: Connection, call_id: str) -> None:
    """The call is there: hold counselors for it again."""
    _shown.later(connection, call=call_id)


def hold(connection: Connection, call_id: str, offer_id: str) -> None:
    """Give the call its offer, unless it holds one or has left."""
    _hold.later(connection, call=call_id, offer=offer_id)


def back_to_queue(
    connection: Connection, call_id: str, offer_id: str, excluded: Iterable[str], unclaimed: int
) -> None:
    """The offer is over and the call waits on in its place."""
    _back.later(
        connection,
        call=call_id,
        offer=offer_id,
        now_excluded=_list_to_json(excluded),
        more_unclaimed=unclaimed,
    )


def delete(connection: Connection, call_id: str) -> None:
    _delete_place.later(connection, call=call_id)


def ahead(connection: Connection, call: WaitingCall) -> int:
    """How many of the same station will be served before."""
    found = _ahead.scalar(
        connection,
        at_home=call.home,
        mine=call.priority,
        since=call.enqueued_at,
        call=call.call_id,
    )
    return int(found)


def _to_place(row: Row) -> Place:
    return Place(_to_call(row), *row[10:])


def _to_call(row: Row) -> WaitingCall:
    call_id, order_no, topic, language, priority, home, enqueued_at, node, *lists = row[:10]
    kinds, excluded = map(_from_json, lists)
    return WaitingCall(
        call_id, order_no, topic, language, priority, home, enqueued_at, node, kinds, excluded
    )


def _list_to_json(items: Iterable[str]) -> str:
    return json.dumps(sorted(items))


@lru_cache(maxsize=1024)
def _from_json(items: str) -> frozenset[str]:
    return frozenset(json.loads(items))
