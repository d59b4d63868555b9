"""Visits of the callers' page: what lets one browser make one call, to 12355 and nowhere else.

A visit is a random word that only that browser knows; the store has its digest. For a few minutes
it opens a WebSocket and begins one call, which the dialplan asks an engine about before anything is
heard; from then on it is worth nothing. So there is no account whose password could be kept, passed
on or guessed, and no more calls at a time than visits.

A browser is seen as often as the page is asked whether its WebSocket still may be; how one that
isn't seen any more is found to be gone, `ivr.asterisk.page_callers` says.

The row names no address, only keyed digests by which visits from one place are counted.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import (
    Column,
    Connection,
    Index,
    LargeBinary,
    Table,
    Text,
    delete,
    func,
    or_,
    select,
    update,
)

from config.database import Instant, metadata
from ivr.sessions import calls
from workorders.order import orders

CHANNEL = "web"
"""Of the orders of what comes from the page."""
GOOD_FOR = timedelta(minutes=1)
"""To begin a call: the browser has the microphone by then."""
KEPT = timedelta(days=1)
AWAY_AFTER = timedelta(seconds=100)
"""A WebSocket is asked about every 30 s: three times it wasn't there."""

visits = Table(
    "page_visits",
    metadata,
    Column("token", LargeBinary, primary_key=True),
    Column("place", LargeBinary, nullable=False),
    Column("site", LargeBinary, nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("region", Text),
    Column("call_id", Text, unique=True),
    Column("seen_at", Instant),
    Index("page_visits_place", "place", "begun_at"),
    Index("page_visits_site", "site", "begun_at"),
    Index("page_visits_begun_at", "begun_at"),
)

c = visits.c


class Progress(StrEnum):
    """How far the call of a visit is."""

    CALLING = "calling"
    QUEUED = "queued"
    TALKING = "talking"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Limits:
    """`at_once`: calls and visits that may become one, of everybody together. `by_place` and
    `by_site`: visits from there within the time for which it is counted; a school is one place.
    `unused`: from one place, of which no call has come yet; a browser begins its call in seconds.
    """

    at_once: int
    by_place: int = 40
    by_site: int = 160
    unused: int = 12
    within: timedelta = timedelta(minutes=15)


def begin(
    connection: Connection,
    place: bytes,
    site: bytes,
    region: str | None,
    at: datetime,
    limits: Limits,
) -> str | None:
    """A new visit's word; None where there are too many. Old visits are forgotten."""
    connection.execute(delete(visits).where(c.begun_at <= at - KEPT))
    recent = c.begun_at > at - limits.within
    unused = c.call_id.is_(None) & (c.begun_at > at - GOOD_FOR)
    for counted, most in (
        ((c.place == place) & recent, limits.by_place),
        ((c.site == site) & recent, limits.by_site),
        ((c.place == place) & unused, limits.unused),
    ):
        if connection.execute(select(func.count()).where(counted)).scalar_one() >= most:
            return None
    if _at_once(connection, at) >= limits.at_once:
        return None
    token = secrets.token_urlsafe(24)
    connection.execute(
        visits.insert().values(
            token=_digest(token), place=place, site=site, begun_at=at, region=region
        )
    )
    return token


def opens(connection: Connection, token: str, at: datetime) -> bool:
    """May it have a WebSocket: to begin its call, or since that goes on? Then it is seen there."""
    row = connection.execute(
        select(c.begun_at, calls.c.ended_at, calls.c.call_id.label("known"))
        .select_from(visits.outerjoin(calls, calls.c.call_id == c.call_id))
        .where(c.token == _digest(token))
    ).first()
    if row is None:
        return False
    lives = row.known is not None and row.ended_at is None
    if not lives and row.begun_at <= at - GOOD_FOR:
        return False
    connection.execute(update(visits).where(c.token == _digest(token)).values(seen_at=at))
    return True


def away(connection: Connection, at: datetime) -> list[str]:
    """Calls that go on, whose browser has no WebSocket any more."""
    gone = c.seen_at <= at - AWAY_AFTER
    ours = visits.join(calls, calls.c.call_id == c.call_id)
    query = select(c.call_id).select_from(ours).where(gone, calls.c.ended_at.is_(None))
    return list(connection.execute(query).scalars())


def take(connection: Connection, token: str, call_id: str, at: datetime) -> tuple[bool, str | None]:
    """The visit becomes this call: whether it may, and the region that was chosen. Asked again for
    the same call, it may again."""
    connection.execute(
        update(visits)
        .where(c.token == _digest(token), c.call_id.is_(None), c.begun_at > at - GOOD_FOR)
        .values(call_id=call_id)
    )
    row = connection.execute(
        select(c.region).where(c.token == _digest(token), c.call_id == call_id)
    ).first()
    return (False, None) if row is None else (True, row.region)


def progress(connection: Connection, token: str) -> Progress | None:
    """Of its call; None where there is no such visit, or no call yet."""
    row = connection.execute(
        select(orders.c.t_queue, orders.c.t_answer, calls.c.ended_at)
        .select_from(
            visits.join(calls, calls.c.call_id == c.call_id).join(
                orders, orders.c.order_no == calls.c.order_no
            )
        )
        .where(c.token == _digest(token))
    ).first()
    if row is None:
        return None
    if row.ended_at is not None:
        return Progress.ENDED
    if row.t_answer is not None:
        return Progress.TALKING
    return Progress.QUEUED if row.t_queue is not None else Progress.CALLING


def _at_once(connection: Connection, at: datetime) -> int:
    may_begin = c.call_id.is_(None) & (c.begun_at > at - GOOD_FOR)
    goes_on = calls.c.call_id.is_not(None) & calls.c.ended_at.is_(None)
    counted = (
        select(func.count())
        .select_from(visits.outerjoin(calls, calls.c.call_id == c.call_id))
        .where(or_(may_begin, goes_on))
    )
    found: int = connection.execute(counted).scalar_one()
    return found


def _digest(token: str) -> bytes:
    # Random already: nothing to be guessed, so nothing to be made slow.
    return hashlib.sha256(token.encode()).digest()
