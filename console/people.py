"""Who is who among those that orders and their events name."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from agents.roster import Role, counselors
from console.accounts import Account, accounts


def actor_of(connection: Connection, account: Account) -> str:
    """By which an event names whoever has this account: the counselor where the roster has one of
    that id, so that telephone and page are one person."""
    found = connection.execute(
        select(counselors.c.id).where(counselors.c.id == account.id)
    ).one_or_none()
    return f"account:{account.id}" if found is None else f"counselor:{account.id}"


def colleagues(connection: Connection, station: str) -> list[tuple[str, str]]:
    """The counselors of a station by name: `counselor:…` and what they are called."""
    c = counselors.c
    rows = connection.execute(
        select(c.id, c.name).where(c.station == station, c.role != Role.DUTY_PHONE).order_by(c.name)
    )
    return [(f"counselor:{row.id}", row.name) for row in rows]


def names_of(connection: Connection, actors: Iterable[str]) -> dict[str, str]:
    """Names of counselors and of accounts, by `counselor:…` and `account:…`."""
    ids: dict[str, set[str]] = {"counselor": set(), "account": set()}
    for actor in actors:
        kind, _, who = actor.partition(":")
        if kind in ids:
            ids[kind].add(who)
    found: dict[str, str] = {}
    for kind, table in (("counselor", counselors), ("account", accounts)):
        query = select(table.c.id, table.c.name).where(table.c.id.in_(sorted(ids[kind])))
        found |= {f"{kind}:{row.id}": row.name for row in connection.execute(query)}
    return found
