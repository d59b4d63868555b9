"""Who may log in to the console, in which role, and at which station of the tree.

An account whose id is also in the roster is that counselor's.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Row, Table, Text, select, update

from config.database import Instant, metadata
from console.roles import ROLES, Rights, Role

LANGUAGES: Mapping[str, str] = {"zh-CN": "中文", "en": "English"}
"""Of the pages, the first one where nothing else is said."""

accounts = Table(
    "console_accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("station", Text, nullable=False),
    # A partner's: what it is called among the targets of referrals.
    Column("unit", Text),
    Column("language", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
)

c = accounts.c


class AccountError(Exception):
    """Something that is refused, in one line for whoever asked."""


@dataclass(frozen=True, slots=True)
class Account:
    """`unit`: a partner's, as referrals name it."""

    id: str
    name: str
    role: Role
    station: str
    language: str = "zh-CN"
    unit: str | None = None
    disabled: bool = False

    @property
    def may(self) -> Rights:
        return ROLES[self.role]


def mistake(account: Account, stations: Container[str], units: Container[str]) -> str | None:
    """What is wrong with a new account, in one line."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,39}", account.id):
        return f"{account.id!r}: 2 to 40 of a-z, 0-9, `.`, `_` and `-`"
    if account.station not in stations:
        return f"there is no station {account.station}"
    if (account.unit is not None) is not (account.role is Role.PARTNER):
        return "a partner's account has a unit, nobody else's has"
    if account.unit is not None and account.unit not in units:
        return f"nothing is referred to {account.unit!r}: see referral_targets of order_fields.yaml"
    return None


def add(connection: Connection, account: Account, password: str, at: datetime) -> None:
    """:param password: as `passwords.kept` gives it. Raises AccountError."""
    if get(connection, account.id) is not None:
        raise AccountError(f"there is an account {account.id} already")
    connection.execute(
        accounts.insert().values(
            id=account.id,
            name=account.name,
            role=str(account.role),
            station=account.station,
            unit=account.unit,
            language=account.language,
            password=password,
            created_at=at,
        )
    )


def get(connection: Connection, account_id: str) -> Account | None:
    row = connection.execute(select(accounts).where(c.id == account_id)).first()
    return from_row(row) if row is not None else None


def password_of(connection: Connection, account_id: str) -> str | None:
    """As it is kept; None for who is unknown or disabled, and for a system, which has none."""
    found: str | None = connection.execute(
        select(c.password).where(c.id == account_id, c.disabled_at.is_(None), c.role != Role.SYSTEM)
    ).scalar()
    return found


def everybody(connection: Connection) -> list[Account]:
    """By station, then id."""
    rows = connection.execute(select(accounts).order_by(c.station, c.id))
    return [from_row(row) for row in rows]


def partners(connection: Connection) -> list[str]:
    """The units that have an account."""
    query = select(c.unit).where(c.unit.is_not(None), c.disabled_at.is_(None)).distinct()
    return sorted(connection.execute(query).scalars())


def change(connection: Connection, account_id: str, **values: Any) -> None:
    """Raises AccountError for somebody unknown."""
    if connection.execute(update(accounts).where(c.id == account_id).values(values)).rowcount == 0:
        raise AccountError(f"there is no account {account_id}")


def from_row(row: Row[*tuple[Any, ...]]) -> Account:
    return Account(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        station=row.station,
        language=row.language,
        unit=row.unit,
        disabled=row.disabled_at is not None,
    )
