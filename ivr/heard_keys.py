"""Keys that a caller presses while a counselor talks: how somebody answers who may not speak.

They are shown on the desk while the talk goes on and are nowhere else: not in the log, not in the
order, and gone with the call.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, Connection, Index, Integer, Table, Text, bindparam, delete, select

from config.database import Instant, metadata
from config.statements import Statement
from routing.offers import offers

TOGETHER = timedelta(seconds=2)
"""Two presses are one answer when no longer lies between them."""
MOST_SHOWN = 40

heard_keys = Table(
    "heard_keys",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("call_id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Index("heard_keys_call", "call_id", "id"),
    sqlite_autoincrement=True,
)

h = heard_keys.c


@dataclass(frozen=True, slots=True)
class Pressed:
    """Keys pressed one right after the other: once is yes, twice is no."""

    at: datetime
    times: int


_talks = Statement(
    select(offers.c.call_id)
    .where(
        offers.c.call_id == bindparam("call"),
        offers.c.answered_at.is_not(None),
        offers.c.result.is_(None),
    )
    .limit(1)
)
_gone = Statement(delete(heard_keys).where(h.call_id == bindparam("call")))


def talks(connection: Connection, call_id: str) -> bool:
    """Does a counselor talk with this caller?"""
    return _talks.scalar(connection, call=call_id) is not None


def hear(connection: Connection, call_id: str, key: str, at: datetime) -> None:
    # `*` is danger and D our own word to a call: neither is an answer.
    if key.isdecimal() and talks(connection, call_id):
        connection.execute(heard_keys.insert().values(call_id=call_id, key=key, at=at))


def forget(connection: Connection, call_id: str) -> None:
    """The talk is over."""
    _gone.later(connection, call=call_id)


def pressed(connection: Connection, call_id: str) -> list[Pressed]:
    """The latest last."""
    query = select(h.at).where(h.call_id == call_id).order_by(h.id.desc()).limit(MOST_SHOWN)
    found: list[Pressed] = []
    last: datetime | None = None
    for at in reversed(connection.execute(query).scalars().all()):
        if last is not None and at - last <= TOGETHER:
            found[-1] = Pressed(found[-1].at, found[-1].times + 1)
        else:
            found.append(Pressed(at, 1))
        last = at
    return found
