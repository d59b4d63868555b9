"""Callbacks that callers have agreed to: one row each, until it has come to an end.

The place in the queue is the caller's own, under another name: a waiting call like any other, for
which a counselor is found as for any other. It rests, so that nobody is held for it, while the
caller is still on the line, or is again, and between two tries; from `due_at` on it waits.

No number stands here: the order keeps it, encrypted. The row goes when the callback is over, and
nothing is kept then but what the order tells.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    bindparam,
    select,
    update,
)

from config.database import Instant, metadata
from config.statements import Statement
from routing.waiting import waiting_calls

_CALLBACK = ".callback"

callbacks = Table(
    "callbacks",
    metadata,
    Column("order_no", Text, primary_key=True),
    Column("waits_as", Text, nullable=False, unique=True),
    Column("carrier", Text, nullable=False),
    Column("home", Text, nullable=False),
    Column("caller_hash", LargeBinary, nullable=False),
    Column("safe_to_talk", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("agreed_at", Instant, nullable=False),
    Column("due_at", Instant),
    Column("attempts", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("tried_attempt", Integer, nullable=False),
    Column("settled", Integer, nullable=False),
    Column("connected_at", Instant),
    Column("newer_order", Text),
    Index("callbacks_caller_hash", "caller_hash"),
    Index("callbacks_due_at", "due_at"),
    Index("callbacks_newer_order", "newer_order"),
)

b = callbacks.c


@dataclass(frozen=True, slots=True)
class Callback:
    """`waits_as`: the call's id in the queue. `due_at`: when it waits again, None while the caller
    is on the line. `attempts`: how often a counselor was rung for it. `tries`: how often the
    caller's telephone was; `tried_attempt`: in which attempt last, 0 in none. `settled`: the last
    attempt of whose end was seen to. `connected_at`: since when the two talk. `newer_order`:
    of a call of the same number that is on the line now."""

    order_no: str
    waits_as: str
    carrier: str
    home: str
    caller_hash: bytes
    safe_to_talk: str
    language: str
    agreed_at: datetime
    due_at: datetime | None = None
    attempts: int = 0
    tries: int = 0
    tried_attempt: int = 0
    settled: int = 0
    connected_at: datetime | None = None
    newer_order: str | None = None

    @property
    def unsettled(self) -> bool:
        """Is an attempt going on, for all that was seen to?"""
        return self.attempts > self.settled


_insert = Statement(callbacks.insert())
_of_order = Statement(select(callbacks).where(b.order_no == bindparam("of")))
_waiting_as = Statement(select(callbacks).where(b.waits_as == bindparam("waits")))
_of_caller = Statement(
    select(callbacks).where(b.caller_hash == bindparam("hashed")).order_by(b.agreed_at)
)
_of_newer = Statement(
    select(callbacks).where(b.newer_order == bindparam("newer")).order_by(b.agreed_at)
)
_due = Statement(
    select(callbacks)
    .where(b.due_at <= bindparam("at"), b.connected_at.is_(None))
    .order_by(b.agreed_at)
)
_unsettled = Statement(select(callbacks).where(b.attempts > b.settled).order_by(b.agreed_at))
_held = Statement(
    select(b.waits_as)
    .select_from(callbacks.join(waiting_calls, waiting_calls.c.call_id == b.waits_as))
    .where(waiting_calls.c.offer_id.is_not(None), b.attempts == b.settled)
)
_delete = Statement(callbacks.delete().where(b.order_no == bindparam("of")))


def _changing(guard: Any = None, **values: Any) -> Statement:
    statement = update(callbacks).where(b.order_no == bindparam("of"))
    if guard is not None:
        statement = statement.where(guard)
    return Statement(statement.values(**values))


_rests_until = _changing(due_at=bindparam("until", type_=b.due_at.type))
_rests_for = _changing(newer_order=bindparam("newer", type_=b.newer_order.type))
_attempt = _changing(b.attempts == bindparam("number") - 1, attempts=bindparam("number"))
_try = _changing(
    b.tried_attempt < bindparam("number"), tries=b.tries + 1, tried_attempt=bindparam("number")
)
_settle = _changing(b.settled < bindparam("number"), settled=bindparam("number"))
_connected = _changing(b.connected_at.is_(None), connected_at=bindparam("at"))


def waits_as(call_id: str) -> str:
    """What a call's place is called once it waits for a callback: of the same machine."""
    return f"{call_id}{_CALLBACK}"


def call_behind(waits_as: str) -> str:
    """The call whose caller is in the queue under this name, called back or not."""
    return waits_as.removesuffix(_CALLBACK)


def add(connection: Connection, callback: Callback) -> None:
    _insert.run(connection, **asdict(callback))


def of_order(connection: Connection, order_no: str) -> Callback | None:
    return _one(_of_order.first(connection, of=order_no))


def waiting_as(connection: Connection, call_id: str) -> Callback | None:
    """The callback whose place this is; None of a call that is on the line."""
    return _one(_waiting_as.first(connection, waits=call_id))


def of_caller(connection: Connection, caller_hash: bytes) -> list[Callback]:
    return [Callback(*row) for row in _of_caller.rows(connection, hashed=caller_hash)]


def of_newer_order(connection: Connection, order_no: str) -> list[Callback]:
    """Those whose caller is on the line with this order."""
    return [Callback(*row) for row in _of_newer.rows(connection, newer=order_no)]


def due(connection: Connection, at: datetime) -> list[Callback]:
    """Those whose rest is over, and whom nobody talks with."""
    return [Callback(*row) for row in _due.rows(connection, at=at)]


def unsettled(connection: Connection) -> list[Callback]:
    return [Callback(*row) for row in _unsettled.rows(connection)]


def held(connection: Connection) -> list[str]:
    """Names of those for whom a counselor is held, and not rung yet."""
    return [name for (name,) in _held.rows(connection)]


def rest_until(connection: Connection, order_no: str, until: datetime) -> None:
    _rests_until.later(connection, of=order_no, until=until)


def rest_for(connection: Connection, order_no: str, newer_order: str | None) -> None:
    """Its caller is on the line again; None: no more."""
    _rests_for.later(connection, of=order_no, newer=newer_order)


def begin_attempt(connection: Connection, order_no: str, number: int) -> bool:
    """A counselor is about to be rung. False: another engine has begun this attempt."""
    return _attempt.run(connection, of=order_no, number=number) == 1


def begin_try(connection: Connection, order_no: str, attempt: int) -> bool:
    """The caller's telephone is about to be rung. False: in this attempt it was already."""
    return _try.run(connection, of=order_no, number=attempt) == 1


def settle(connection: Connection, order_no: str, attempt: int) -> bool:
    """An attempt is over. False: that was seen to."""
    return _settle.run(connection, of=order_no, number=attempt) == 1


def connected(connection: Connection, order_no: str, at: datetime) -> bool:
    """They talk. False: that was known."""
    return _connected.run(connection, of=order_no, at=at) == 1


def delete(connection: Connection, order_no: str) -> None:
    _delete.later(connection, of=order_no)


def _one(row: Any) -> Callback | None:
    return Callback(*row) if row is not None else None
