"""Calls that we place, for every carrier: committed before any telephone rings.

A carrier's answer may be lost, or we may be, so that nobody knows whether a telephone rings. An
attempt is one row that only goes forward: committed; placed, once the carrier's own name of the
call is known; ended. One that we give up says so before it ends: it lives until its telephone is
idle. While the name isn't known the carrier is asked what it has, and only if that is nothing may
the telephone be tried again, as another attempt with a row of its own. A destination has one live
attempt at a time: so what the carrier has names at most one call.

No number stands here: a row names who is rung in the roster, and what is dialled by a keyed hash.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Index,
    LargeBinary,
    Table,
    Text,
    bindparam,
    func,
    or_,
    select,
    text,
    update,
)

from callflows.events import DialResult
from config.database import Instant, metadata, one_at_a_time
from config.statements import Statement

PLACING = 17
"""What `one_at_a_time` holds while an attempt is begun."""

MOST_ATTEMPTS = 2
AGAIN_WITHIN = timedelta(minutes=3)
"""Whoever wanted the call doesn't wait longer, and a telephone that rings then is a riddle."""

_PART = re.compile(r"[a-z0-9-]{1,80}\Z")


class Result(StrEnum):
    """What came of an attempt."""

    ACCEPTED = "accepted"
    """A person pressed the key that was asked for."""
    NOT_ACCEPTED = "not_accepted"
    """Somebody or something picked up, and pressed nothing."""
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    NOT_PLACED = "not_placed"
    """Nothing ever rang."""
    GIVEN_UP = "given_up"
    """We end it: somebody else needs whom it rings. So it stands from when that is decided, before
    the end, and nothing that is told then changes it."""


IN_VAIN = (Result.NOT_ACCEPTED, Result.NO_ANSWER, Result.BUSY, Result.UNREACHABLE)
"""It rang, and nobody accepted."""


_OF_DIAL: Mapping[DialResult, Result] = {
    DialResult.ANSWERED: Result.NOT_ACCEPTED,
    DialResult.BUSY: Result.BUSY,
    DialResult.DECLINED: Result.BUSY,
    DialResult.NO_ANSWER: Result.NO_ANSWER,
    DialResult.ABANDONED: Result.NO_ANSWER,
}


def result_of_dial(ended: DialResult | None) -> Result:
    """Of a Dial whose other side has pressed no key."""
    return _OF_DIAL.get(ended, Result.UNREACHABLE) if ended is not None else Result.UNREACHABLE


class AlreadyRinging(Exception):
    """The destination has a live attempt: wait until it is over."""


placed_calls = Table(
    "placed_calls",
    metadata,
    Column("id", Text, primary_key=True),
    Column("carrier", Text, nullable=False),
    Column("counselor_id", Text, nullable=False),
    Column("destination", LargeBinary, nullable=False),
    Column("committed_at", Instant, nullable=False),
    Column("channel", Text, unique=True),
    Column("placed_at", Instant),
    Column("ended_at", Instant),
    Column("result", Text),
    Column("reason", Text, nullable=False),
    Column("about", Text, nullable=False, server_default=""),
    Index(
        "placed_calls_one_at_a_time",
        "destination",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)


@dataclass(frozen=True, slots=True)
class PlacedCall:
    """One attempt. `carrier`: whose it is, `twilio` or an Asterisk's name. `channel`: the carrier's
    own name of the call, None while it isn't known. `reason`: why it was not placed, in words for
    an operator. `about`: what its purpose has to know, in words of its own."""

    id: str
    carrier: str
    counselor_id: str
    destination: bytes
    committed_at: datetime
    channel: str | None = None
    placed_at: datetime | None = None
    ended_at: datetime | None = None
    result: str | None = None
    reason: str = ""
    about: str = ""

    @property
    def purpose(self) -> str:
        return self.id.partition(":")[0]

    @property
    def call(self) -> str:
        """What all attempts at one call have in common."""
        return self.id.rpartition(":")[0]


def attempt_id(purpose: str, reference: str, attempt: int = 1) -> str:
    """`<purpose>:<reference>:<attempt>`. It stands in addresses, logs and Asterisk's ChannelId: no
    number may stand in it.

    :param purpose: what it is placed for, `test`. `reference`: which of these, chosen by who
        wants it. Small letters, figures and hyphens.
    """
    if not (_PART.match(purpose) and _PART.match(reference)):
        raise ValueError("small letters, figures and hyphens")
    return f"{purpose}:{reference}:{attempt}"


p = placed_calls.c
_insert = Statement(placed_calls.insert())
_by_id = Statement(select(placed_calls).where(p.id == bindparam("call")))
_by_channel = Statement(select(p.id).where(p.channel == bindparam("name")))
_live = Statement(
    select(placed_calls)
    .where(p.ended_at.is_(None), p.carrier == bindparam("of"))
    .order_by(p.committed_at)
)
_live_at = Statement(select(p.id).where(p.ended_at.is_(None), p.destination == bindparam("hashed")))
_live_of = Statement(
    select(placed_calls).where(p.ended_at.is_(None), p.id.like(bindparam("beginning")))
)
_live_for = Statement(
    select(func.count()).where(p.ended_at.is_(None), p.id.like(bindparam("beginning")))
)
_in_vain = Statement(
    select(p.counselor_id)
    .distinct()
    .where(
        p.id.like(bindparam("beginning")),
        p.ended_at > bindparam("since"),
        or_(*(p.result == result.value for result in IN_VAIN)),
    )
)
_forget = Statement(placed_calls.delete().where(p.ended_at < bindparam("before")))
_placed = Statement(
    update(placed_calls)
    .where(p.id == bindparam("call"), p.channel.is_(None), p.ended_at.is_(None))
    .values(channel=bindparam("name"), placed_at=bindparam("at"))
)
_given_up = Statement(
    update(placed_calls)
    .where(p.id == bindparam("call"), p.ended_at.is_(None))
    .values(result=Result.GIVEN_UP.value)
)
_ENDING: Mapping[str, Any] = {"ended_at": bindparam("at"), "reason": bindparam("why")}
_ended = Statement(
    update(placed_calls)
    .where(p.id == bindparam("call"), p.ended_at.is_(None))
    .values(result=func.coalesce(p.result, bindparam("what", type_=Text)), **_ENDING)
)
_accepted = Statement(
    update(placed_calls)
    .where(
        p.id == bindparam("call"),
        p.channel.is_not(None),
        or_(p.result.is_(None), p.result == Result.NOT_ACCEPTED.value),
    )
    .values(result=bindparam("what"), **_ENDING)
)


def commit(connection: Connection, call: PlacedCall) -> None:
    """Begin an attempt. Only after the commit is the carrier asked. Raises AlreadyRinging."""
    one_at_a_time(connection, PLACING)
    if _live_at.first(connection, hashed=call.destination) is not None:
        raise AlreadyRinging(call.id)
    _insert.run(connection, **asdict(call))


def placed(connection: Connection, call_id: str, channel: str, at: datetime) -> bool:
    """The carrier calls it `channel`. Told again it changes nothing. False: `channel` is no call
    of this attempt's, which is over, has another, or never was."""
    if _placed.run(connection, call=call_id, name=channel, at=at):
        return True
    known = load(connection, call_id)
    return known is not None and known.channel == channel


def give_up(connection: Connection, call_id: str) -> None:
    """An attempt is about to be ended by us; it lives until its telephone is idle."""
    _given_up.later(connection, call=call_id)


def ended(
    connection: Connection, call_id: str, result: Result, at: datetime, reason: str = ""
) -> bool:
    """An attempt is over: the first end that is told is the one that counts, but a key that was
    pressed counts whenever it is told. False: it was over before."""
    statement = _accepted if result is Result.ACCEPTED else _ended
    return statement.run(connection, call=call_id, what=result.value, at=at, why=reason) == 1


def again(connection: Connection, call: PlacedCall, at: datetime) -> PlacedCall | None:
    """The next attempt, committed, for the carrier to place, after one that never was; None: there
    is none."""
    start, _, attempt = call.id.rpartition(":")
    if int(attempt) >= MOST_ATTEMPTS or at - call.committed_at > AGAIN_WITHIN:
        return None
    following = replace(call, id=f"{start}:{int(attempt) + 1}", committed_at=at)
    commit(connection, following)
    return following


def load(connection: Connection, call_id: str) -> PlacedCall | None:
    row = _by_id.first(connection, call=call_id)
    return PlacedCall(*row) if row is not None else None


def latest(connection: Connection, purpose: str, reference: str) -> PlacedCall | None:
    """The last attempt for a purpose."""
    attempts = range(MOST_ATTEMPTS, 0, -1)
    found = (load(connection, attempt_id(purpose, reference, number)) for number in attempts)
    return next((call for call in found if call is not None), None)


def live(connection: Connection, carrier: str) -> list[PlacedCall]:
    """Every attempt of a carrier's that isn't over, oldest first."""
    return [PlacedCall(*row) for row in _live.rows(connection, of=carrier)]


def live_of(connection: Connection, purpose: str) -> list[PlacedCall]:
    """Every attempt for a purpose that isn't over, whatever carrier's, in no order."""
    return [PlacedCall(*row) for row in _live_of.rows(connection, beginning=f"{purpose}:%")]


def live_for(connection: Connection, purpose: str, beginning: str) -> int:
    """How many for a purpose aren't over whose reference is `beginning`, a hyphen and more."""
    return int(_live_for.scalar(connection, beginning=f"{purpose}:{beginning}-%"))


def rung_in_vain(connection: Connection, purpose: str, since: datetime) -> set[str]:
    """Counselors who have not accepted a call for a purpose that ended since then."""
    rows = _in_vain.rows(connection, beginning=f"{purpose}:%", since=since)
    return {who for (who,) in rows}


def forget(connection: Connection, before: datetime) -> None:
    """Whatever was over by then."""
    _forget.later(connection, before=before)


def is_known(connection: Connection, channel: str) -> bool:
    """Is this call of the carrier's some attempt's already?"""
    return _by_channel.first(connection, name=channel) is not None
