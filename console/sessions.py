"""Who is logged in. A browser holds a random token, the store its digest: whoever reads the store
cannot log in with it, and a session ends the moment its row is gone, whatever the browser holds.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import (  # fmt: skip
    Column,
    Connection,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    delete,
    or_,
    select,
    update,
)

from config.database import Instant, metadata
from console.accounts import Account, accounts, from_row

IDLE = timedelta(hours=2)
LONGEST = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)
"""How exactly the last page is noted."""

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


def begin(connection: Connection, account_id: str, at: datetime) -> str:
    """A new session; its token. Those that are over are forgotten."""
    connection.execute(
        delete(sessions).where(or_(c.seen_at <= at - IDLE, c.began_at <= at - LONGEST))
    )
    token = secrets.token_urlsafe(32)
    connection.execute(
        sessions.insert().values(token=_digest(token), account=account_id, began_at=at, seen_at=at)
    )
    return token


def find(connection: Connection, token: str, at: datetime) -> tuple[Account, bool] | None:
    """Whose session it is, and whether it is time to note that they were seen; None where it is
    over, or the account is disabled."""
    row = connection.execute(
        select(accounts, c.seen_at)
        .join(sessions, c.account == accounts.c.id)
        .where(
            c.token == _digest(token),
            c.seen_at > at - IDLE,
            c.began_at > at - LONGEST,
            accounts.c.disabled_at.is_(None),
        )
    ).first()
    return None if row is None else (from_row(row), at - row.seen_at >= SEEN_EVERY)


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
