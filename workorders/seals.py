"""The second chain: every minute the heads of all orders that changed are sealed.

A seal holds, for each order that changed since the one before, how many events it has and the
last one's mark, and the number of orders sealed so far; its own mark is chained to the seal
before. Together the seals hold the newest head of every order, while one seal costs only what
changed. They are exported to a file outside the database, one JSON line each, so that a deleted
order or a tail cut off shows even if the seals in the database were cut to match. Keep the file
(or a copy) where the database's administrator cannot write.
"""

from __future__ import annotations

import fcntl
import hmac
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    LargeBinary,
    String,
    Table,
    bindparam,
    insert,
    select,
    text,
    update,
)

from config.database import Instant, Store, metadata, one_at_a_time
from workorders.canonical import NO_MARK, canonical, instant
from workorders.keys import Keys
from workorders.order import orders

ORDERS_A_SEAL = 1000
"""Bounds how long calls wait for a seal: about 20 ms."""
SEALING = 12
_LONGEST_LINE = 1 << 18

seals = Table(
    "seals",
    metadata,
    Column("seal_no", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("orders", Integer, nullable=False),
    Column("heads", String, nullable=False),
    Column("mac", LargeBinary, nullable=False),
)


class SealFileDiffers(Exception):
    """The exported seals and the store's have parted: one of them was changed or restored from
    a backup. Nothing is exported any more until an operator has run `verify` and decided."""


@dataclass(frozen=True, slots=True)
class Seal:
    """`heads`: JSON list of `[order_no, events, mark in hexadecimal]`. `orders`: sealed so far."""

    seal_no: int
    at: datetime
    orders: int
    heads: str
    mac: bytes

    def expected_mac(self, keys: Keys, before: bytes) -> bytes:
        content = canonical([self.seal_no, instant(self.at), self.orders, self.heads])
        return hmac.digest(keys.chain, b"seal\0" + before + content.encode(), "sha256")

    def line(self) -> str:
        return canonical(
            {
                "seal": self.seal_no,
                "at": instant(self.at),
                "orders": self.orders,
                "heads": self.heads,
                "mac": self.mac.hex(),
            }
        )

    @classmethod
    def of_line(cls, line: str) -> Seal:
        """Raises ValueError or KeyError for a line that isn't a seal."""
        data = json.loads(line)
        return cls(
            data["seal"],
            datetime.fromisoformat(data["at"]),
            data["orders"],
            data["heads"],
            bytes.fromhex(data["mac"]),
        )


def seal_minute(store: Store, keys: Keys, file: Path, at: datetime) -> int:
    """The minute job: seal all that changed and export it. Returns how many seals were made.
    Raises StoreUnavailable, SealFileDiffers, or OSError when the file cannot be written."""
    made = 0
    while (sealed := store.write(lambda connection: seal(connection, keys, at))) is not None:
        made += 1
        if sealed < ORDERS_A_SEAL:
            break
    store.read(lambda connection: export(connection, file))
    return made


def seal(connection: Connection, keys: Keys, at: datetime) -> int | None:
    """Seal up to ORDERS_A_SEAL changed orders; returns how many, None if there were none."""
    one_at_a_time(connection, SEALING)
    changed = connection.execute(_CHANGED).all()
    if not changed:
        return None
    last = last_seal(connection)
    heads = sorted([row.order_no, row.events, row.head.hex()] for row in changed)
    unmarked = Seal(
        last.seal_no + 1 if last else 1,
        at,
        (last.orders if last else 0) + sum(row.sealed == 0 for row in changed),
        canonical(heads),
        NO_MARK,
    )
    connection.execute(
        insert(seals),
        {
            "seal_no": unmarked.seal_no,
            "at": at,
            "orders": unmarked.orders,
            "heads": unmarked.heads,
            "mac": unmarked.expected_mac(keys, last.mac if last else NO_MARK),
        },
    )
    connection.execute(_MARK_SEALED, [{"of": row.order_no, "now": row.events} for row in changed])
    return len(changed)


def last_seal(connection: Connection) -> Seal | None:
    row = connection.execute(select(seals).order_by(seals.c.seal_no.desc()).limit(1)).first()
    return Seal(*row) if row else None


def all_seals(connection: Connection, after: int = 0) -> Iterator[Seal]:
    rows = connection.execution_options(yield_per=100).execute(
        select(seals).where(seals.c.seal_no > after).order_by(seals.c.seal_no)
    )
    return (Seal(*row) for row in rows)


def export(connection: Connection, file: Path) -> int:
    """Append the seals that `file` doesn't have yet; returns the number of its last seal.

    A line that a crash cut short is taken off first. Raises SealFileDiffers.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab+") as output:
        fcntl.flock(output, fcntl.LOCK_EX)
        size = output.seek(0, os.SEEK_END)
        start = max(0, size - 2 * _LONGEST_LINE)
        output.seek(start)
        tail = output.read()
        whole = tail.rfind(b"\n") + 1
        output.truncate(start + whole)
        done = 0
        if whole:
            exported = _of_bytes(tail[:whole].splitlines()[-1], file)
            done = exported.seal_no
            ours = connection.execute(
                select(seals.c.mac).where(seals.c.seal_no == done)
            ).scalar_one_or_none()
            if ours != exported.mac:
                raise SealFileDiffers(f"seal {done} of {file} is not the store's")
        for each in all_seals(connection, done):
            output.write(each.line().encode() + b"\n")
            done = each.seal_no
        output.flush()
        os.fsync(output.fileno())
    return done


def _of_bytes(line: bytes, file: Path) -> Seal:
    try:
        return Seal.of_line(line.decode())
    except (ValueError, KeyError, TypeError) as error:
        raise SealFileDiffers(f"the last line of {file} is not a seal") from error


# On PostgreSQL an order that a call is writing to right now waits for the next seal.
_CHANGED = (
    select(orders.c.order_no, orders.c.events, orders.c.head, orders.c.sealed)
    .where(text("events > sealed"))
    .order_by(orders.c.order_no)
    .limit(ORDERS_A_SEAL)
    .with_for_update(skip_locked=True)
)
_MARK_SEALED = (
    update(orders).where(orders.c.order_no == bindparam("of")).values(sealed=bindparam("now"))
)
