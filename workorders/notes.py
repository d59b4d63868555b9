"""What people write in their own words beside an event: reasons, contacts, opinions.

Encrypted with the order's key and bound to their event, which carries only a digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    String,
    Table,
    delete,
    insert,
    select,
    type_coerce,
)
from sqlalchemy.types import NullType

from config.database import metadata
from workorders.keys import Keys
from workorders.order import Row, order_events
from workorders.personal import OrderKey, Unreadable, order_secrets

order_notes = Table(
    "order_notes",
    metadata,
    Column("order_no", String, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("name", String, primary_key=True),
    Column("text", LargeBinary, nullable=False),
    ForeignKeyConstraint(["order_no", "seq"], ["order_events.order_no", "order_events.seq"]),
    sqlite_with_rowid=False,
)


def digests(key: OrderKey, seq: int, notes: Mapping[str, str]) -> dict[str, str]:
    """What the event `seq` carries of its notes."""
    return {name: key.digest(_place(seq, name), text) for name, text in notes.items()}


def write(
    connection: Connection, key: OrderKey, order_no: str, seq: int, notes: Mapping[str, str]
) -> None:
    """After their event."""
    connection.execute(
        insert(order_notes),
        [
            {
                "order_no": order_no,
                "seq": seq,
                "name": name,
                "text": key.encrypt(_place(seq, name), text),
            }
            for name, text in notes.items()
        ],
    )


def notes_of(connection: Connection, keys: Keys, order_no: str) -> dict[int, dict[str, str]]:
    """An order's notes in clear, by event; none where its personal data were deleted. Whoever
    shows them writes that to the audit log. Raises Unreadable."""
    wrapped = connection.execute(
        select(order_secrets.c.wrapped_key).where(order_secrets.c.order_no == order_no)
    ).scalar()
    if wrapped is None:
        return {}
    key = OrderKey.unwrap(keys, order_no, wrapped)
    notes: dict[int, dict[str, str]] = {}
    for note in connection.execute(
        select(order_notes).where(order_notes.c.order_no == order_no).order_by(order_notes.c.seq)
    ):
        notes.setdefault(note.seq, {})[note.name] = key.decrypt(
            _place(note.seq, note.name), note.text
        )
    return notes


def forget(connection: Connection, order_no: str) -> None:
    connection.execute(delete(order_notes).where(order_notes.c.order_no == order_no))


def wrong_notes(connection: Connection, keys: Keys) -> Iterator[tuple[str, str]]:
    """What isn't as its event says: the order, and what is wrong. Notes that cannot be read since
    the order's key is gone or changed are not told here again."""
    for order_no, rows in groupby(_with_their_events(connection), lambda row: str(row["order_no"])):
        yield from ((order_no, what) for what in _wrong(keys, order_no, rows))


def _wrong(keys: Keys, order_no: str, rows: Iterable[Row]) -> Iterator[str]:
    key: OrderKey | None = None
    for seq, group in groupby(rows, lambda row: row["seq"]):
        found = list(group)
        told = _told(found[0]["data"])
        stored = {row["name"]: row["text"] for row in found if row["name"] is not None}
        if found[0]["wrapped_key"] is None:
            if stored:
                yield f"notes of event {seq} are there although they were deleted"
            continue
        try:
            key = key or OrderKey.unwrap(keys, order_no, found[0]["wrapped_key"])
        except (Unreadable, TypeError):
            return
        for name in sorted(told.keys() | stored.keys(), key=str):
            if name not in stored:
                yield f"the note {name} of event {seq} was deleted"
            elif not _genuine(key, seq, name, stored[name], told.get(name)):
                yield f"the note {name} of event {seq} is not the one that was recorded"


def _genuine(key: OrderKey, seq: int, name: str, stored: bytes, digest: str | None) -> bool:
    try:
        return key.digest(_place(seq, name), key.decrypt(_place(seq, name), stored)) == digest
    except (Unreadable, TypeError):
        return False


def _told(data: Any) -> dict[str, str]:
    try:
        told = json.loads(data or "{}").get("notes", {})
    except (ValueError, TypeError, AttributeError):
        return {}  # the event was changed, which its mark tells
    return told if isinstance(told, dict) else {}


def _with_their_events(connection: Connection) -> Iterator[Row]:
    """Every event that tells of notes with each of these, and every note with its event."""
    beside = (order_notes.c.order_no == order_events.c.order_no) & (
        order_notes.c.seq == order_events.c.seq
    )
    # As they are: a value that we cannot have written must not raise here.
    names = (order_notes.c.name, order_notes.c.text, order_secrets.c.wrapped_key)
    columns = (order_events.c.order_no, order_events.c.seq, order_events.c.data, *names)
    query = (
        select(*(type_coerce(each, NullType()).label(each.name) for each in columns))
        .outerjoin(order_notes, beside)
        .outerjoin(order_secrets, order_secrets.c.order_no == order_events.c.order_no)
        .where(order_events.c.data.contains('"notes":{') | order_notes.c.name.is_not(None))
        .order_by(order_events.c.order_no, order_events.c.seq)
    )
    for row in connection.execute(query, execution_options={"yield_per": 500}):
        yield row._mapping


def _place(seq: int, name: str) -> str:
    return f"note/{seq}/{name}"
