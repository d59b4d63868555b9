"""Who is logged in. A browser holds a random token, the store its digest: whoever reads the store
cannot log in with it, and a session ends the moment its row is gone, whatever the browser holds.

It ends 2 hours after the last thing that a person did, what a page asks for by itself not counted,
and 12 hours after the log-in; but never in the middle of a talk: what held when the talk began
holds until it is over.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import (  # fmt: skip
    Column,
    Connection,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    and_,
    delete,
    select,
    update,
)

from agents.counselor import State
from agents.roster import counselors
from config.database import Instant, metadata
from console.accounts import Account, accounts, from_row

IDLE = timedelta(hours=2)
LONGEST = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)
"""How exactly the last page is noted."""
FORGOTTEN_AFTER = 2 * LONGEST
"""Since the log-in: a talk may hold one that would be over."""

sessions = Table(
    "console_sessions",
    metadata,
    Column("token", LargeBinary, primary_key=True),
    Column("account", Text, ForeignKey("console_accounts.id"), nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Index("console_sessions_account", "account"),
)

c = sessions.c


class Session(NamedTuple):
    """Somebody's. `ends_at`: unless they do something."""

    account: Account
    seen_at: datetime
    ends_at: datetime

    def to_be_noted(self, at: datetime) -> bool:
        """Is it time to note that they were seen?"""
        return at - self.seen_at >= SEEN_EVERY


def begin(connection: Connection, account_id: str, at: datetime) -> str:
    """A new session; its token. Those that are long over are forgotten."""
    connection.execute(delete(sessions).where(c.began_at <= at - FORGOTTEN_AFTER))
    token = secrets.token_urlsafe(32)
    connection.execute(
        sessions.insert().values(token=_digest(token), account=account_id, began_at=at, seen_at=at)
    )
    return token


def find(connection: Connection, token: str, at: datetime) -> Session | None:
    """None where it is over, or the account is disabled."""
    talks = and_(counselors.c.id == c.account, counselors.c.state == State.ON_CALL)
    row = connection.execute(
        select(accounts, c.seen_at, c.began_at, counselors.c.since.label("talks_since"))
        .join(sessions, c.account == accounts.c.id)
        .outerjoin(counselors, talks)
        .where(c.token == _digest(token), accounts.c.disabled_at.is_(None))
    ).first()
    if row is None:
        return None
    ends_at = min(row.seen_at + IDLE, row.began_at + LONGEST)
    if ends_at <= (row.talks_since or at):
        return None
    return Session(from_row(row), row.seen_at, ends_at)


def seen(connection: Connection, token: str, at: datetime) -> None:
    connection.execute(update(sessions).where(c.token == _digest(token)).values(seen_at=at))


def end(connection: Connection, token: str) -> None:
    connection.execute(delete(sessions).where(c.token == _digest(token)))


def end_all(connection: Connection, account_id: str, but: str | None = None) -> None:
    """All of an account's, `but` for the one with this token."""
    ended = delete(sessions).where(c.account == account_id)
    if but is not None:
        ended = ended.where(c.token != _digest(but))
    connection.execute(ended)


def _digest(token: str) -> bytes:
    # Random already: nothing to be guessed, so nothing to be made slow.
    return hashlib.sha256(token.encode()).digest()
