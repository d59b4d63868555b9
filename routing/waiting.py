"""Calls that wait: one row a call, from joining the queue until an offer has been answered.

Nearly all of them can't be served now, or they wouldn't wait. So nobody reads them all where it
can be helped: `due_at` says when time alone next brings somebody else within a call's reach, and
the rest of the matcher's questions go by home.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
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
    text,
    update,
)

from config.database import Instant, metadata
from config.statements import Row, Statement, among
from routing.waiting_call import WaitingCall

_UNHELD = text("offer_id IS NULL")
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
    Column("offer_id", Text),
    # How many reservations in a row ran out unclaimed: nobody seems to serve this call.
    Column("unclaimed", Integer, nullable=False),
    # The call's place, so that the store can put calls in the order of service.
    Column("before_all", Integer, nullable=False),
    Column("place_since", Instant, nullable=False),
    Column("preferred", Text),
    # When to look at it next though nobody has changed; `enqueued_at`: at once.
    Column("due_at", Instant),
    # A transferred call's: who passed it on, and since when it has its place.
    Column("transferred_by", Text),
    Column("came_at", Instant),
    *(
        Index(name, *columns, sqlite_where=_UNHELD, postgresql_where=_UNHELD)
        for name, columns in (
            ("waiting_calls_place", ("before_all", "place_since", "call_id")),
            ("waiting_calls_home", ("home", "before_all", "place_since")),
            ("waiting_calls_due", ("due_at",)),
        )
    ),
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
    w.preferred,
    w.transferred_by,
    w.came_at,
)
_place = Statement(select(*_CALL, w.offer_id, w.unclaimed).where(w.call_id == bindparam("call")))
_IS_UNSERVED = (w.offer_id.is_(None), w.unclaimed < UNCLAIMED_LIMIT)
_waiting = select(*_CALL).where(*_IS_UNSERVED)
_in_order = _waiting.order_by(w.before_all, w.place_since, w.call_id)
_unserved = Statement(_in_order)
_first = Statement(_in_order.limit(bindparam("most")))
# Few: in order they would be found by it, among all.
_of_homes = Statement(_waiting.where(among(w.home, "homes")))
_urgent = Statement(_waiting.where(w.before_all < 0))
_any_urgent = Statement(
    select(w.call_id)
    .where(w.before_all < 0, or_(w.offer_id.is_not(None), w.unclaimed < UNCLAIMED_LIMIT))
    .limit(1)
)
_due = Statement(_waiting.where(w.due_at <= bindparam("at")))
_insert_place = Statement(waiting_calls.insert())
_wishes = Statement(
    update(waiting_calls)
    .where(w.call_id == bindparam("call"))
    .values(
        topic=bindparam("new_topic"),
        language=bindparam("new_language"),
        priority=bindparam("new_priority"),
        before_all=bindparam("new_before_all"),
        place_since=bindparam("new_since"),
        due_at=w.enqueued_at,
    )
)
_shown = Statement(
    update(waiting_calls)
    .where(w.call_id == bindparam("call"))
    .values(unclaimed=0, due_at=w.enqueued_at)
)
_asks_anew = Statement(
    update(waiting_calls)
    .where(w.call_id == bindparam("call"))
    .values(unclaimed=0, excluded="[]", due_at=w.enqueued_at)
)
_look_at = Statement(
    update(waiting_calls)
    .where(w.call_id == bindparam("call"))
    .values(due_at=bindparam("then", type_=w.due_at.type))
)
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
        due_at=w.enqueued_at,
    )
)
_exclude = Statement(
    update(waiting_calls)
    .where(w.call_id == bindparam("call"))
    .values(excluded=bindparam("now_excluded"), due_at=w.enqueued_at)
)
_renamed = Statement(
    update(waiting_calls).where(w.call_id == bindparam("call")).values(call_id=bindparam("new_id"))
)
_rest = Statement(
    update(waiting_calls)
    .where(w.call_id == bindparam("call"), w.offer_id.is_(None))
    .values(unclaimed=UNCLAIMED_LIMIT, excluded="[]")
)
_rests_after = Statement(
    update(waiting_calls)
    .where(w.call_id == bindparam("call"), w.offer_id == bindparam("offer"))
    .values(unclaimed=UNCLAIMED_LIMIT)
)
_delete_place = Statement(waiting_calls.delete().where(w.call_id == bindparam("call")))
_before = or_(
    w.before_all < bindparam("mine"),
    and_(
        w.before_all == bindparam("mine"),
        or_(
            w.place_since < bindparam("since"),
            and_(w.place_since == bindparam("since"), w.call_id < bindparam("call")),
        ),
    ),
)
_ahead = select(func.count()).where(*_IS_UNSERVED, _before)
_ahead_anywhere = Statement(_ahead)
_longest = Statement(select(w.enqueued_at).order_by(w.enqueued_at).limit(1))
_ahead_at_home = Statement(_ahead.where(w.home == bindparam("at_home")))


def place_of(connection: Connection, call_id: str) -> Place | None:
    row = _place.first(connection, call=call_id)
    return _to_place(row) if row is not None else None


def first(connection: Connection) -> datetime | None:
    """Since when the call that waits longest does."""
    found: datetime | None = _longest.scalar(connection)
    return found


def unserved(connection: Connection, most: int | None = None) -> list[WaitingCall]:
    """Who waits with nobody held for them, first to be served first; the first `most` of them."""
    if most is None:
        return [_to_call(row) for row in _unserved.rows(connection)]
    return [_to_call(row) for row in _first.rows(connection, most=most)]


def unserved_of(connection: Connection, homes: Iterable[str]) -> list[WaitingCall]:
    """The `unserved` of these homes, in no order."""
    return [_to_call(row) for row in _of_homes.rows(connection, homes=homes)]


def urgent(connection: Connection) -> list[WaitingCall]:
    """The `unserved` who go before all ordinary calls, in no order."""
    return [_to_call(row) for row in _urgent.rows(connection)]


def any_urgent(connection: Connection) -> bool:
    """Has somebody who goes before all ordinary calls not been answered yet, rung for or not?"""
    return _any_urgent.first(connection) is not None


def due(connection: Connection, at: datetime) -> list[WaitingCall]:
    """The `unserved` whose time to be looked at has come, in no order."""
    return [_to_call(row) for row in _due.rows(connection, at=at)]


def asks_anew(connection: Connection, call_id: str) -> None:
    """The call is there: hold anybody for it, whoever failed it before."""
    _asks_anew.later(connection, call=call_id)


def look_at(connection: Connection, call_id: str, then: datetime | None) -> None:
    """It need not be looked at before `then` unless something changes."""
    _look_at.later(connection, call=call_id, then=then)


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
        excluded=_list_to_json(call.excluded),
        node=call.node,
        offer_id=None,
        unclaimed=0,
        before_all=call.place.before_all,
        place_since=call.place.since,
        preferred=call.preferred,
        due_at=call.enqueued_at,
        transferred_by=call.transferred_by,
        came_at=call.came_at,
    )


def change_wishes(connection: Connection, call: WaitingCall) -> None:
    _wishes.later(
        connection,
        call=call.call_id,
        new_topic=call.topic,
        new_language=call.language,
        new_priority=call.priority,
        new_before_all=call.place.before_all,
        new_since=call.place.since,
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


def exclude(connection: Connection, call_id: str, excluded: Iterable[str]) -> None:
    """From now on these are not rung for it."""
    _exclude.later(connection, call=call_id, now_excluded=_list_to_json(excluded))


def rename(connection: Connection, call_id: str, new_id: str) -> None:
    """The place is kept for another call."""
    _renamed.later(connection, call=call_id, new_id=new_id)


def rest(connection: Connection, call_id: str) -> None:
    """Hold nobody for the call until it is `shown` again, and then anybody."""
    _rest.later(connection, call=call_id)


def rest_after(connection: Connection, call_id: str, offer_id: str) -> None:
    """Once this offer is over, hold nobody for the call until it is `shown` again."""
    _rests_after.later(connection, call=call_id, offer=offer_id)


def delete(connection: Connection, call_id: str) -> None:
    _delete_place.later(connection, call=call_id)


def ahead_at_home(connection: Connection, call: WaitingCall) -> int:
    """How many of the same station will be served before."""
    return int(_ahead_at_home.scalar(connection, at_home=call.home, **_place_of(call)))


def ahead_anywhere(connection: Connection, call: WaitingCall) -> int:
    """How many of all who wait come before."""
    return int(_ahead_anywhere.scalar(connection, **_place_of(call)))


def _place_of(call: WaitingCall) -> dict[str, object]:
    return {"mine": call.place.before_all, "since": call.place.since, "call": call.call_id}


def _to_place(row: Row) -> Place:
    return Place(_to_call(row), *row[len(_CALL) :])


def _to_call(row: Row) -> WaitingCall:
    call_id, order_no, topic, language, priority, home, enqueued_at, node, *rest = row[: len(_CALL)]
    kinds, excluded, preferred, transferred_by, came_at = rest
    return WaitingCall(
        call_id, order_no, topic, language, priority, home, enqueued_at, node,
        _from_json(kinds), _from_json(excluded), preferred, transferred_by, came_at,
    )  # fmt: skip


def _list_to_json(items: Iterable[str]) -> str:
    return json.dumps(sorted(items))


@lru_cache(maxsize=1024)
def _from_json(items: str) -> frozenset[str]:
    return frozenset(json.loads(items))
