"""What supervisors say of a number, each word with a reason and an end; and what whoever has it
said of being called.

A number stands here by its keyed hash alone. A word is never changed: the latest about a number
and kind holds, and lifting one is a word that ends at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    bindparam,
    insert,
    select,
)

from config.database import Instant, metadata
from config.statements import Statement

SLOWED_AT_MOST = timedelta(hours=24)
NOT_CALLED_FOR = timedelta(days=365)


class Kind(StrEnum):
    """`raised`: its calls go before normal ones. `slowed`: harassment, its calls are the last of
    the ordinary ones; `*` counts all the same. `shared`: of a trunk, a school, 12345: no call of
    it is anybody's earlier contact. `not_called`: whoever has it said so when a request that was
    typed on a page had rung it; none does any more."""

    RAISED = "raised"
    SLOWED = "slowed"
    SHARED = "shared"
    NOT_CALLED = "not_called"


number_flags = Table(
    "number_flags",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("number_hash", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    Column("said_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("said_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index("number_flags_number", "number_hash", "id"),
    sqlite_autoincrement=True,
)

f = number_flags.c


@dataclass(frozen=True, slots=True)
class Flag:
    """`by`: a supervisor's counselor id."""

    id: int
    kind: Kind
    at: datetime
    until: datetime
    by: str
    reason: str


_of_number = Statement(
    select(f.id, f.kind, f.said_at, f.until, f.said_by, f.reason)
    .where(f.number_hash == bindparam("number"))
    .order_by(f.id)
)


def history(connection: Connection, number_hash: bytes) -> Iterator[Flag]:
    """Every word about a number, the first one first."""
    for id_, kind, at, until, by, reason in _of_number.rows(connection, number=number_hash):
        yield Flag(id_, Kind(kind), at, until, by, reason)


def in_force(connection: Connection, number_hash: bytes, at: datetime) -> dict[Kind, Flag]:
    """The words that hold now."""
    latest = {flag.kind: flag for flag in history(connection, number_hash)}
    return {kind: flag for kind, flag in latest.items() if flag.until > at}


def say(
    connection: Connection,
    number_hash: bytes,
    kind: Kind,
    at: datetime,
    until: datetime,
    by: str,
    reason: str,
) -> Flag:
    """Raises ValueError for a word without reason or end, or one that slows for too long."""
    if not reason.strip():
        raise ValueError("a word about a number needs a reason")
    if until <= at:
        raise ValueError("a word about a number ends in the future")
    if kind is Kind.SLOWED and until > at + SLOWED_AT_MOST:
        raise ValueError("a number is slowed for 24 hours at most")
    return _said(connection, number_hash, kind, at, until, by, reason)


def refuses_calls(connection: Connection, number_hash: bytes, at: datetime) -> None:
    """Whoever has the number said so by a key."""
    until = at + NOT_CALLED_FOR
    say(connection, number_hash, Kind.NOT_CALLED, at, until, "callee", "asked for nothing")


def lift(
    connection: Connection, number_hash: bytes, kind: Kind, at: datetime, by: str, reason: str
) -> Flag:
    """End a word that holds. Raises ValueError where none does."""
    if kind not in in_force(connection, number_hash, at):
        raise ValueError(f"this number isn't {kind} now")
    if not reason.strip():
        raise ValueError("lifting a word needs a reason")
    return _said(connection, number_hash, kind, at, at, by, reason)


def _said(
    connection: Connection,
    number_hash: bytes,
    kind: Kind,
    at: datetime,
    until: datetime,
    by: str,
    reason: str,
) -> Flag:
    values = {
        "number_hash": number_hash,
        "kind": str(kind),
        "said_at": at,
        "until": until,
        "said_by": by,
        "reason": reason.strip(),
    }
    id_ = connection.execute(insert(number_flags).returning(f.id), values).scalar_one()
    return Flag(id_, kind, at, until, by, reason.strip())
