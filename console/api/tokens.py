"""Tokens: what a program shows instead of a password. It is told once; the store has its digest, so
whoever reads the store cannot use it. It belongs to an account, a person's or a system's, and is
worth nothing without it."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, ForeignKey, LargeBinary, Row, Table, Text, select, update

from config.database import Instant, metadata
from console.accounts import Account, AccountError, accounts, from_row
from console.api.scopes import NEEDED, Scope

PREFIX = "ivr"
USED_EVERY = timedelta(minutes=1)
"""How exactly the last use is noted."""

tokens = Table(
    "console_tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("account", Text, ForeignKey("console_accounts.id"), nullable=False),
    Column("scopes", Text, nullable=False),
    # What it is for, in its owner's words.
    Column("purpose", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Column("revoked_at", Instant),
)

c = tokens.c


@dataclass(frozen=True, slots=True)
class Token:
    """`account`: whose it is; disabled, it opens nothing."""

    id: str
    account: Account
    scopes: frozenset[Scope]
    purpose: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None

    def opens(self, at: datetime) -> bool:
        return self.revoked_at is None and at < self.expires_at and not self.account.disabled


def add(
    connection: Connection,
    account: Account,
    scopes: Collection[Scope],
    purpose: str,
    at: datetime,
    expires_at: datetime,
) -> str:
    """A new token, as it is shown once. Raises AccountError for a scope that the account's role
    has no right for."""
    for scope in scopes:
        if not NEEDED[scope](account.may):
            raise AccountError(f"{account.id} is a {account.role}, who may not do {scope}")
    token_id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    connection.execute(
        tokens.insert().values(
            id=token_id,
            digest=_digest(secret),
            account=account.id,
            scopes=json.dumps(sorted(scopes)),
            purpose=purpose,
            created_at=at,
            expires_at=expires_at,
        )
    )
    return f"{PREFIX}_{token_id}_{secret}"


def find(connection: Connection, shown: str, at: datetime) -> Token | None:
    """The token that somebody shows; None where it opens nothing."""
    prefix, _, rest = shown.partition("_")
    token_id, _, secret = rest.partition("_")
    row = connection.execute(_ALL.where(c.id == token_id)).first()
    # A random one: nothing to be guessed, so nothing to be made slow.
    if row is None or prefix != PREFIX or not hmac.compare_digest(row.digest, _digest(secret)):
        return None
    token = _from_row(row)
    return token if token.opens(at) else None


def used(connection: Connection, token: Token, at: datetime) -> None:
    connection.execute(update(tokens).where(c.id == token.id).values(used_at=at))


def everyone(connection: Connection) -> list[Token]:
    """By account, then age."""
    rows = connection.execute(_ALL.order_by(c.account, c.created_at, c.id))
    return [_from_row(row) for row in rows]


def revoke(connection: Connection, token_id: str, at: datetime) -> None:
    """For good. Raises AccountError for one that is unknown or revoked."""
    revoked = update(tokens).where(c.id == token_id, c.revoked_at.is_(None)).values(revoked_at=at)
    if connection.execute(revoked).rowcount == 0:
        raise AccountError(f"there is no token {token_id} to revoke")


_ALL = select(
    accounts,
    c.id.label("token_id"),
    c.digest, c.scopes, c.purpose, c.created_at.label("token_created_at"),
    c.expires_at, c.used_at, c.revoked_at,
).join(tokens, c.account == accounts.c.id)  # fmt: skip


def _from_row(row: Row[*tuple[Any, ...]]) -> Token:
    return Token(
        id=row.token_id,
        account=from_row(row),
        scopes=frozenset(map(Scope, json.loads(row.scopes))),
        purpose=row.purpose,
        created_at=row.token_created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
    )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
