"""The session store: one row a call, fenced by its turn number."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Index, Integer, Table, Text, bindparam, select

from callflows import verbs as verb_types
from callflows.data_dips import Priority
from callflows.session import Session
from callflows.verbs import Dial, Say, Verb
from config.database import Instant, metadata
from config.statements import Statement
from ivr.pending import StaleTurn

calls = Table(
    "calls",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("order_no", Text, nullable=False),
    Column("carrier", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("verbs_turn", Integer, nullable=False),
    # Session and verbs are dropped when the call ends: the order remains.
    Column("session", Text),
    Column("verbs", Text),
    Column("offered_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Index("calls_open", "ended_at", "engine"),
)


@dataclass(frozen=True, slots=True)
class CallRow:
    call_id: str
    order_no: str
    carrier: str
    channel: str
    engine: str
    turn: int
    verbs_turn: int
    session: str | None
    verbs: str | None
    offered_at: datetime
    ended_at: datetime | None

    @property
    def node(self) -> str:
        return node_of(self.call_id)


IN_CONFERENCE: tuple[Verb, ...] = (verb_types.Confer(),)
"""What a caller performs who talks in a conference."""


def node_of(call_id: str) -> str:
    """Which of the carrier's machines has a call: its name begins the call's id."""
    return call_id.rpartition("-")[0]


_insert = Statement(calls.insert())
_by_id = Statement(select(calls).where(calls.c.call_id == bindparam("id")))
_save = Statement(
    calls.update()
    .where(calls.c.call_id == bindparam("id"), calls.c.turn == bindparam("expected"))
    .values(
        turn=bindparam("new_turn"),
        verbs_turn=bindparam("new_verbs_turn"),
        session=bindparam("new_session"),
        verbs=bindparam("new_verbs"),
        engine=bindparam("new_engine"),
        channel=bindparam("new_channel"),
        ended_at=bindparam("new_ended_at"),
    )
)
_turn = Statement(
    select(calls.c.turn).where(calls.c.call_id == bindparam("id"), calls.c.ended_at.is_(None))
)
_open = select(calls).where(calls.c.ended_at.is_(None)).order_by(calls.c.offered_at)


def load(connection: Connection, call_id: str) -> CallRow | None:
    row = _by_id.first(connection, id=call_id)
    return CallRow(*row) if row is not None else None


def turn_of(connection: Connection, call_id: str) -> int | None:
    """The turn of a call that has not ended; None otherwise."""
    turn: int | None = _turn.scalar(connection, id=call_id)
    return turn


def priority_of(row: CallRow) -> Priority:
    return Session.from_json(row.session).priority if row.session else Priority.NORMAL


def dial_of(row: CallRow) -> Dial | None:
    """The Dial that the call is in."""
    return last_dial(verbs_from_json(row.verbs))


def last_dial(verbs: Sequence[Verb]) -> Dial | None:
    return verbs[-1] if verbs and isinstance(verbs[-1], Dial) else None


def ended(row: CallRow, at: datetime) -> CallRow:
    return replace(row, turn=row.turn + 1, session=None, verbs=None, ended_at=at)


def insert(connection: Connection, row: CallRow) -> None:
    _insert.later(connection, **{name: getattr(row, name) for name in CallRow.__slots__})


def save(connection: Connection, row: CallRow, expected_turn: int) -> None:
    """Replace the row if it is still at `expected_turn`; otherwise raise StaleTurn."""
    saved = _save.run(
        connection,
        id=row.call_id,
        expected=expected_turn,
        new_turn=row.turn,
        new_verbs_turn=row.verbs_turn,
        new_session=row.session,
        new_verbs=row.verbs,
        new_engine=row.engine,
        new_channel=row.channel,
        new_ended_at=row.ended_at,
    )
    if saved != 1:
        raise StaleTurn(row.call_id)


def open_calls(connection: Connection) -> list[CallRow]:
    """Calls that have not ended, oldest first."""
    return [CallRow(*row) for row in connection.execute(_open)]


def verbs_to_json(verbs: Sequence[Verb]) -> str:
    return json.dumps(
        [{"verb": type(verb).__name__, **asdict(verb)} for verb in verbs],
        ensure_ascii=False,
        separators=(",", ":"),
    )


def verbs_from_json(text: str | None) -> tuple[Verb, ...]:
    return tuple(_verb(item) for item in json.loads(text)) if text else ()


def _verb(item: dict[str, Any]) -> Verb:
    kind = getattr(verb_types, item.pop("verb"))
    if kind is verb_types.Gather:
        item["says"] = tuple(Say(**say) for say in item["says"])
    verb: Verb = kind(**item)
    return verb
