"""How much may be left on the callers' page, from one place and about one number. Counted in the
store, so that a restart forgives nothing and all consoles count together.

A place is an address, of IPv6 the network (/64) that one household has; it is in a site, of IPv6
the network (/48) that one customer of a provider has, whose sixty-five thousand households one
person can have. Both are kept as keyed digests alone, as a number is: nobody can read from the
store who has asked for help.
"""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple

from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    delete,
    func,
    select,
)

from config.database import Instant, metadata
from ivr.page_callbacks import may_be_asked_for
from ivr.page_messages import Wish

KEPT = timedelta(days=1)
BY_PLACE = {
    Wish.MESSAGE: (10, timedelta(hours=1)),
    Wish.CALLBACK: (3, timedelta(hours=1)),
}
"""How many from one place, within which time."""
PLACES_OF_A_SITE = 4
"""So many times that from one site."""
BY_NUMBER = {Wish.MESSAGE: 2, Wish.CALLBACK: 1}
"""Within a day, whoever asks and from wherever: a number typed here may be anybody's."""
HOUSEHOLD, SITE = 64, 48

uses = Table(
    "page_uses",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("wish", Text, nullable=False),
    Column("place", LargeBinary, nullable=False),
    Column("site", LargeBinary, nullable=False),
    Column("number", LargeBinary),
    Index("page_uses_place", "place", "wish", "at"),
    Index("page_uses_site", "site", "wish", "at"),
    Index("page_uses_number", "number", "at"),
    Index("page_uses_at", "at"),
)

c = uses.c


class Where(NamedTuple):
    """Digests of where somebody is."""

    place: bytes
    site: bytes


def where(key: bytes, address: str) -> Where:
    return Where(
        *(
            hmac.digest(key, b"page place\0" + network_of(address, bits).encode(), "sha256")
            for bits in (HOUSEHOLD, SITE)
        )
    )


def network_of(address: str, bits: int = HOUSEHOLD) -> str:
    """Of IPv6, in so many bits; of IPv4 the address itself, mapped or not."""
    found = ip_address(address or "0.0.0.0")
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ip_network((int(found), bits), strict=False))


def allowed(
    connection: Connection, wish: Wish, at_place: Where, number: bytes | None, at: datetime
) -> bool:
    """Is one more still in bounds? Then it is counted, in this transaction."""
    connection.execute(delete(uses).where(c.at <= at - KEPT))
    most, within = BY_PLACE[wish]
    for column, there, limit in (
        (c.place, at_place.place, most),
        (c.site, at_place.site, most * PLACES_OF_A_SITE),
    ):
        from_there = select(func.count()).where(column == there, c.wish == wish, c.at > at - within)
        if connection.execute(from_there).scalar_one() >= limit:
            return False
    if number is not None:
        about_it = select(func.count()).where(c.number == number, c.wish == wish, c.at > at - KEPT)
        if connection.execute(about_it).scalar_one() >= BY_NUMBER[wish]:
            return False
        if wish is Wish.CALLBACK and not may_be_asked_for(connection, number, at):
            return False
    row = {"at": at, "wish": str(wish), "number": number, **at_place._asdict()}
    connection.execute(uses.insert().values(row))
    return True
