"""What everybody did and when: one row for each change of presence, never altered.

A row is written in the transaction of its change, just before it, from the very conditions and
values that make it (`noted`): nothing changes unseen, nothing is told that didn't happen. Changes
are made one at a time, so the order of ids is the order in which they happened.

A row holds what the matcher looks at, and of a caller no more than the call's id. A counselor's
calls of a day are not in it: they are the changes to `on_call`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Index,
    Insert,
    Integer,
    Table,
    Text,
    bindparam,
    func,
    literal,
    select,
    type_coerce,
)

from config.database import Instant, metadata
from config.statements import Statement

presence_changes = Table(
    "presence_changes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("counselor", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("until", Instant),
    Column("available_since", Instant),
    Column("call_id", Text),
    Column("rests_until", Instant),
    Column("rest_reason", Text),
    Index("presence_changes_counselor", "counselor", "at"),
)

KEPT = timedelta(days=400)
"""A year of hours at work, and the month after it in which the year is looked at."""
FORGOTTEN_AT_ONCE = 500
"""A nation's counselors change some hundred thousand times a day: once a minute is enough."""

p = presence_changes.c

_TAKEN = (
    "state", "reason", "until", "available_since", "call_id", "rests_until", "rest_reason",
)  # fmt: skip

_oldest = (
    select(p.id, p.at).order_by(p.id).limit(literal(FORGOTTEN_AT_ONCE, Integer)).subquery("oldest")
)
_forget = Statement(
    presence_changes.delete().where(
        p.id
        <= select(func.max(_oldest.c.id))
        .where(_oldest.c.at < bindparam("before"))
        .scalar_subquery()
    )
)
_began = Statement(select(p.at).order_by(p.id).limit(1))
_IDS_AT_ONCE = 500


class PresenceChange(NamedTuple):
    """As recorded; `call_id`: which call holds them. `rests_until`: offered no ordinary call."""

    id: int
    counselor: str
    at: datetime
    state: str
    reason: str | None
    until: datetime | None
    available_since: datetime | None
    call_id: str | None
    rests_until: datetime | None = None
    rest_reason: str | None = None


_CHANGE = tuple(p[name] for name in PresenceChange._fields)


def noted(
    counselors: Table,
    values: Mapping[str, Any],
    *where: ColumnElement[bool],
    at: ColumnElement[Any] | None = None,
) -> Insert:
    """Writes down the change that `UPDATE counselors SET values WHERE …` is about to make: a row
    for each of its rows. Without values: what stands there. `at`: where the state stays the same,
    so that its `since` doesn't tell."""
    c = counselors.c

    def new(name: str) -> Any:
        if name not in values:
            return c[name]
        value = values[name]
        if not isinstance(value, ColumnElement):
            return literal(value, c[name].type)
        return type_coerce(value, c[name].type)

    told_at = new("since") if at is None else at
    return presence_changes.insert().from_select(
        ["counselor", "at", *_TAKEN],
        select(c.id, told_at, *(new(name) for name in _TAKEN)).where(*where),
    )


def began(connection: Connection) -> datetime | None:
    """The time of the oldest change that is kept."""
    at: datetime | None = _began.scalar(connection)
    return at


def latest(connection: Connection, ids: Sequence[str], before: datetime) -> list[PresenceChange]:
    """The last change of each counselor before a time."""
    latest_of = (
        select(p.id)
        .where(p.counselor == bindparam("who"), p.at < before)
        .order_by(p.at.desc(), p.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(*_CHANGE).where(p.id == latest_of)
    rows = (connection.execute(query, {"who": who}).first() for who in ids)
    return [PresenceChange(*row) for row in rows if row is not None]


def between(
    connection: Connection, ids: Sequence[str], since: datetime, until: datetime
) -> list[PresenceChange]:
    """Every change of these counselors in [since, until], in order."""
    found = []
    for start in range(0, len(ids), _IDS_AT_ONCE):
        some = ids[start : start + _IDS_AT_ONCE]
        query = select(*_CHANGE).where(p.counselor.in_(some), p.at >= since, p.at <= until)
        found += [PresenceChange(*row) for row in connection.execute(query)]
    return sorted(found)


def forget(connection: Connection, at: datetime) -> None:
    """Delete some of what is older than KEPT, the oldest first."""
    _forget.later(connection, before=at - KEPT)
