"""Is the log as it was written? Every finding names the order and what happened to it.

What is checked: each event's mark and place; each order's row against its events; personal
fields and notes against their digests; numbers given without an order; the chain of seals in the
store and in the exported file; each order's sealed head. What cannot be found: events cut off the
end of an order, or orders deleted, since the last exported seal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, null, select, type_coerce
from sqlalchemy.types import NullType

from config.database import Store
from workorders.canonical import NO_MARK, canonical
from workorders.chain import mark
from workorders.keys import Keys
from workorders.notes import wrong_notes
from workorders.order import FIELDS, derive, order_events, order_numbers, orders
from workorders.personal import (
    PERSONAL_FIELDS,
    OrderKey,
    Unreadable,
    caller_hash,
    order_secrets,
)
from workorders.seals import Seal, seals

ORDERS_AT_ONCE = 500
SEALS_ON_THEIR_WAY = 10
"""A minute makes several when it was busy, and exports them after."""
UNREADABLE = "(unreadable)"
"""Stands for a value that cannot have been written by us: a time that isn't one."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """`order_no` is None for what concerns the log as a whole."""

    order_no: str | None
    what: str

    def __str__(self) -> str:
        return f"{self.order_no}: {self.what}" if self.order_no else self.what


@dataclass(frozen=True, slots=True)
class _Sealed:
    """The newest sealed head of an order."""

    seal_no: int
    events: int
    mac: bytes


def verify(store: Store, keys: Keys, seal_file: Path) -> list[Finding]:
    """All that is wrong; empty when nothing is. Raises StoreUnavailable."""
    # Measured before the snapshot is taken: the store may be ahead of the file, not the file.
    size = seal_file.stat().st_size if seal_file.exists() else 0
    return store.read(lambda connection: list(_findings(connection, keys, seal_file, size)))


def _findings(connection: Connection, keys: Keys, seal_file: Path, size: int) -> Iterator[Finding]:
    sealed: dict[str, _Sealed] = {}
    yield from _check_seals(connection, keys, seal_file, size, sealed)
    for order_no, row, events, secrets in _orders(connection):
        try:
            last = sealed.pop(order_no, None)
            for what in _check_order(keys, order_no, row, events, secrets, last):
                yield Finding(order_no, what)
        except (TypeError, ValueError, AttributeError) as error:
            yield Finding(order_no, f"the order cannot be read: {error}")
    for order_no, what in wrong_notes(connection, keys):
        yield Finding(order_no, what)
    for order_no, gone in sealed.items():
        yield Finding(
            order_no, f"the order was deleted; seal {gone.seal_no} knows {gone.events} events"
        )
    lost = connection.execute(
        select(order_numbers.c.sequence)
        .outerjoin(orders, orders.c.call_id == order_numbers.c.call_id)
        .where(orders.c.call_id == null())
        .order_by(order_numbers.c.sequence)
    )
    for (sequence,) in lost:
        yield Finding(None, f"number {sequence:06d} was given to an order that is not there")


def _check_seals(
    connection: Connection, keys: Keys, file: Path, size: int, sealed: dict[str, _Sealed]
) -> Iterator[Finding]:
    """Both copies of the second chain; fills `sealed` with the newest heads of both. The file
    comes last: where both know a head of an order, the file is to be believed."""
    inside: dict[int, bytes] = {}
    outside: dict[int, bytes] = {}
    stored = (Seal(**row) for row in _raw(connection, seals))
    yield from _check_copy(keys, "the store", stored, inside, sealed)
    yield from _check_copy(keys, str(file), _exported(file, size), outside, sealed)
    for seal_no, mac in outside.items():
        if inside.get(seal_no) != mac:
            yield Finding(None, f"seal {seal_no} of {file} is not in the store")
    behind = len(inside.keys() - outside.keys())
    if behind > SEALS_ON_THEIR_WAY:
        yield Finding(None, f"{behind} seals of the store are not in {file}")


def _exported(file: Path, size: int) -> Iterator[Seal | Finding]:
    """The first `size` bytes of the exported file."""
    if not size:
        return
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if lines.tell() > size or not line.endswith(b"\n"):
                return
            try:
                yield Seal.of_line(line.decode())
            except (ValueError, KeyError, TypeError):
                yield Finding(None, f"line {number} of {file} is not a seal")


def _check_copy(
    keys: Keys, where: str, chain: Iterable[Seal | Finding], macs: dict[int, bytes],
    sealed: dict[str, _Sealed],
) -> Iterator[Finding]:  # fmt: skip
    before, expected = NO_MARK, 1
    for each in chain:
        if isinstance(each, Finding):
            yield each
            continue
        if each.seal_no != expected:
            yield Finding(None, f"seal {expected} is missing before {each.seal_no} in {where}")
        elif not _matches(each, keys, before):
            yield Finding(None, f"seal {each.seal_no} was changed in {where}")
        before, expected = each.mac, each.seal_no + 1
        macs[each.seal_no] = each.mac
        _newest_heads(each, sealed)


def _matches(each: Seal, keys: Keys, before: bytes) -> bool:
    try:
        return each.mac == each.expected_mac(keys, before)
    except (TypeError, ValueError, AttributeError):
        return False


def _newest_heads(each: Seal, sealed: dict[str, _Sealed]) -> None:
    try:
        for order_no, events, mac in json.loads(each.heads):
            if order_no not in sealed or sealed[order_no].events <= events:
                sealed[order_no] = _Sealed(each.seal_no, events, bytes.fromhex(mac))
    except (ValueError, TypeError):
        return  # its mark doesn't match either, which has been found


def _orders(
    connection: Connection,
) -> Iterator[tuple[str, Row | None, list[Row], Row | None]]:
    """Each order with its row, events and secrets, of which each may be missing."""
    last = ""
    while True:
        numbers = [
            number
            for (number,) in connection.execute(
                select(orders.c.order_no)
                .where(orders.c.order_no > last)
                .order_by(orders.c.order_no)
                .limit(ORDERS_AT_ONCE)
            )
        ]
        upper = numbers[-1] if len(numbers) == ORDERS_AT_ONCE else None
        rows, secrets = (
            {row["order_no"]: row for row in _raw(connection, table, *_part(table, last, upper))}
            for table in (orders, order_secrets)
        )
        events = {
            order_no: list(group)
            for order_no, group in groupby(
                _raw(connection, order_events, *_part(order_events, last, upper)),
                lambda event: event["order_no"],
            )
        }
        for order_no in rows | events | secrets:
            yield order_no, rows.get(order_no), events.get(order_no, []), secrets.get(order_no)
        if upper is None:
            return
        last = upper


def _part(table: Table, after: str, upto: str | None) -> list[ColumnElement[bool]]:
    """Conditions for the orders after one, up to another or the last."""
    number = table.c.order_no
    return [number > after] if upto is None else [number > after, number <= upto]


def _raw(connection: Connection, table: Table, *which: ColumnElement[bool]) -> Iterator[Row]:
    """Rows of a table, UNREADABLE in place of a value that would raise."""
    query = (
        select(*(type_coerce(c, NullType()).label(c.name) for c in table.c))
        .where(*which)
        .order_by(*table.primary_key.columns)
    )
    dialect = connection.dialect
    readers = {
        c.name: c.type.dialect_impl(dialect).result_processor(dialect, None) for c in table.c
    }
    for row in connection.execute(query, execution_options={"yield_per": ORDERS_AT_ONCE}):
        yield {name: _value(readers[name], value) for name, value in row._mapping.items()}


def _value(reader: Any, value: Any) -> Any:
    if reader is None or value is None:
        return value
    try:
        read = reader(value)
    except (ValueError, TypeError):
        return UNREADABLE
    return UNREADABLE if read is None else read


def _check_order(
    keys: Keys, order_no: str, row: Row | None, events: list[Row], secrets: Row | None,
    sealed: _Sealed | None,
) -> Iterator[str]:  # fmt: skip
    yield from _check_chain(keys, order_no, events)
    known = max(sealed.events if sealed else 0, row["events"] if row else 0)
    last = events[-1]["seq"] if events else 0
    if known > last:
        first = last + 1
        which = f"event {first} is" if known == first else f"events {first} to {known} are"
        yield f"{which} missing at the end"
    elif sealed and not any(
        event["seq"] == sealed.events and event["mac"] == sealed.mac for event in events
    ):
        yield f"event {sealed.events} is not the one that seal {sealed.seal_no} knows"
    if row is None:
        yield "the order's row was deleted"
    elif events:
        yield from _check_row(row, events, sealed)
        yield from _check_personal(keys, order_no, events, secrets)


def _check_chain(keys: Keys, order_no: str, events: list[Row]) -> Iterator[str]:
    before: bytes | None = NO_MARK
    expected = 1
    for event in events:
        seq = event["seq"]
        if seq != expected:
            missing = (
                f"event {expected} is"
                if seq == expected + 1
                else (f"events {expected} to {seq - 1} are")
            )
            yield f"{missing} missing"
            before = None  # the mark it was chained to is gone
        if before is not None and not _marked(keys, order_no, event, before, seq):
            was = _former_place(keys, order_no, event, events)
            yield f"event {seq} ({event['kind']}) " + (
                f"was recorded as event {was}: the events were reordered" if was else "was changed"
            )
        before, expected = event["mac"], seq + 1


def _marked(keys: Keys, order_no: str, event: Row, before: bytes, seq: int) -> bool:
    try:
        return bool(event["mac"] == mark(
            keys, before, order_no, seq,
            event["kind"], event["at"], event["actor"], event["data"],
        ))  # fmt: skip
    except (TypeError, ValueError, AttributeError):
        return False


def _former_place(keys: Keys, order_no: str, event: Row, events: Sequence[Row]) -> int | None:
    """Where an event that isn't genuine in its place was genuine."""
    for before in (NO_MARK, *(other["mac"] for other in events)):
        for seq in range(1, events[-1]["seq"] + 2):
            if seq != event["seq"] and _marked(keys, order_no, event, before, seq):
                return seq
    return None


def _check_row(row: Row, events: list[Row], sealed: _Sealed | None) -> Iterator[str]:
    try:
        truth = derive((e["kind"], e["at"], e["actor"], e["data"]) for e in events)
    except (ValueError, TypeError, AttributeError):
        yield "the events cannot be read"
        return
    for name in FIELDS:
        if not _same(row[name], truth[name]):
            yield f"the row says {name} = {_shown(row[name])}, the events say {_shown(truth[name])}"
    if row["events"] == events[-1]["seq"] and row["head"] != events[-1]["mac"]:
        yield "the row's mark is not its last event's"
    elif row["events"] < events[-1]["seq"]:
        yield f"the row knows {row['events']} of {events[-1]['seq']} events"
    if row["sealed"] != (sealed.events if sealed else 0):
        yield f"the row says that {row['sealed']} events are sealed, which the seals do not know"


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and (one is None) == (other is None)


def _shown(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else canonical(value)


def _check_personal(
    keys: Keys, order_no: str, events: Iterable[Row], secrets: Row | None
) -> Iterator[str]:
    digests: dict[str, str | None] = {}
    forgotten = False
    for event in events:
        digests.update(json.loads(event["data"]).get("digests", {}))
        forgotten = forgotten or event["kind"] == "forgotten"
    if secrets is None:
        yield "the row of personal fields was deleted"
        return
    if forgotten:
        if any(secrets[name] is not None for name in (*PERSONAL_FIELDS, "wrapped_key")):
            yield "personal fields are there although they were deleted"
        return
    try:
        key = OrderKey.unwrap(keys, order_no, secrets["wrapped_key"] or b"")
    except (Unreadable, TypeError):
        yield "the key of the personal fields was destroyed or changed without being recorded"
        return
    for name in PERSONAL_FIELDS:
        try:
            stored = secrets[name]
            value = None if stored is None else key.decrypt(name, stored)
            digest = None if value is None else key.digest(name, value)
        except (Unreadable, TypeError):
            yield f"the personal field {name} was changed"
            continue
        if digest != digests.get(name):
            yield f"the personal field {name} is not the one that was recorded"
        if name == "caller_id" and secrets["caller_hash"] != (
            None if value is None else caller_hash(keys, value)
        ):
            yield "the hash of the caller's number was changed"
