"""How much may be left on the callers' page, from one place and about one number. Counted in the
store, so that a restart forgives nothing and all consoles count together.

A place is an address, of IPv6 the network (/64) that one household has. It is kept as a keyed
digest alone, as a number is: nobody can read from the store who has asked for help.
"""

from __future__ import annotations

import hmac
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

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
from ivr.page_messages import Wish

KEPT = timedelta(days=1)
BY_PLACE = {
    Wish.MESSAGE: (10, timedelta(hours=1)),
    Wish.CALLBACK: (5, timedelta(hours=1)),
}
"""How many, within which time."""
BY_NUMBER = 2
"""Within a day, whoever asks and from wherever."""
HOUSEHOLD = 64

uses = Table(
    "page_uses",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("wish", Text, nullable=False),
    Column("place", LargeBinary, nullable=False),
    Column("number", LargeBinary),
    Index("page_uses_place", "place", "wish", "at"),
    Index("page_uses_number", "number", "at"),
    Index("page_uses_at", "at"),
)

c = uses.c


def place_of(key: bytes, address: str) -> bytes:
    """The digest of where somebody is."""
    found = ip_address(address or "0.0.0.0")
    if isinstance(found, IPv6Address):
        mapped = found.ipv4_mapped
        household = ip_network(f"{IPv6Address(int(found))}/{HOUSEHOLD}", strict=False)
        place = str(mapped or household)
    else:
        place = str(found)
    return hmac.digest(key, b"page place\0" + place.encode(), "sha256")


def allowed(
    connection: Connection, wish: Wish, place: bytes, number: bytes | None, at: datetime
) -> bool:
    """Is one more still in bounds? Then it is counted, in this transaction."""
    connection.execute(delete(uses).where(c.at <= at - KEPT))
    most, within = BY_PLACE[wish]
    from_there = select(func.count()).where(c.place == place, c.wish == wish, c.at > at - within)
    if connection.execute(from_there).scalar_one() >= most:
        return False
    if number is not None:
        about_it = select(func.count()).where(c.number == number, c.at > at - KEPT)
        if connection.execute(about_it).scalar_one() >= BY_NUMBER:
            return False
    connection.execute(uses.insert().values(at=at, wish=str(wish), place=place, number=number))
    return True
