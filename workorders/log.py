"""The append-only log of work orders: one chain of events an order.

Each event is marked with an HMAC-SHA256 over its content and the mark of the one before, with a
key that isn't in the database. Kinds are past tense (`offered queued offer_made answered ended`);
those that `order.changes` knows also change the order's row by rule. `data` is for operators and
never holds personal data: that goes through `opening`, `fill_in` and an entry's `notes`,
encrypted, and leaves only keyed digests here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from config.statements import Statement
from workorders import notes
from workorders.canonical import NO_MARK, SHANGHAI
from workorders.chain import chained, plain
from workorders.keys import Keys
from workorders.order import (
    FIELDS,
    RULES_LOOK_AT,
    changes,
    check_columns,
    order_events,
    order_numbers,
    orders,
)
from workorders.order_rules import order_rules
from workorders.personal import (
    PERSONAL_FIELDS,
    OrderKey,
    caller_hash,
    order_drafts,
    order_secrets,
    sealed_fields,
)
from workorders.unified_fields import unified_fields


class OrderUnknown(LookupError):
    """There is no order of this number."""


class OrderForgotten(Exception):
    """The order's personal data were deleted: nothing personal can be added any more."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event to append; `columns` are the order's columns that it sets, `personal` the personal
    fields (an empty one is erased), `notes` what else somebody wrote in words of their own."""

    kind: str
    at: datetime
    actor: str
    data: Mapping[str, Any]
    columns: Mapping[str, Any] = field(default_factory=dict)
    closes: bool = False
    notes: Mapping[str, str] = field(default_factory=dict)
    personal: Mapping[str, str | None] = field(default_factory=dict)

    @classmethod
    def closing(
        cls, at: datetime, outcome: str, hung_up_by: str | None, actor: str = "engine",
        **columns: Any,
    ) -> Entry:  # fmt: skip
        """The call is over."""
        kind = "failed" if outcome == "failed" else "ended"
        columns.update(outcome=outcome, hung_up_by=hung_up_by)
        return cls(kind, at, actor, {}, columns, closes=True)


@dataclass(frozen=True, slots=True)
class Opening:
    """An order that is still to be written: its row and first event, and what is kept sealed."""

    row: Mapping[str, Any]
    secrets: Mapping[str, Any]
    event: Mapping[str, Any]

    @property
    def head(self) -> tuple[dict[str, Any], int, bytes]:
        return dict(self.row), self.event["seq"], self.event["mac"]


class Log:
    """Writes the log. Every function takes the connection of a running `Store.write`.

    Opening it raises ConfigErrors where the unified fields' codes, or the rules of the orders'
    life, are wrong.
    """

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.fields = unified_fields()
        self.rules = order_rules()

    def opening(
        self,
        connection: Connection,
        *,
        call_id: str,
        at: datetime,
        channel: str,
        access_number: str,
        caller_id: str | None,
        id_trust: Literal["original", "trunk", "stated", "withheld"],
        fields: Mapping[str, Any],
    ) -> tuple[str, Opening | None]:
        """The order number of a call, `20261123-000017` (Shanghai's day), and what `append_all`
        writes to open it; None where a call with the same `call_id` has opened it.

        `caller_id` is E.164. `fields` are further columns known at once (`station_home` …).
        """
        columns = {
            **fields,
            "call_id": call_id,
            "channel": channel,
            "access_number": access_number,
            "id_trust": id_trust,
        }
        check_columns("offered", columns)
        columns = plain(columns)
        number = _TAKE_NUMBER[connection.dialect.name].scalar(connection, call_id=call_id)
        if number is None:
            return str(_ORDER_OF_CALL.scalar(connection, call_id=call_id)), None
        order_no = f"{at.astimezone(SHANGHAI):%Y%m%d}-{number:06d}"
        key = OrderKey.new(order_no)
        secrets: dict[str, Any] = {"order_no": order_no, "wrapped_key": key.wrapped(self.keys)}
        data: dict[str, Any] = {"set": columns}
        if caller_id is not None:
            secrets["caller_hash"] = caller_hash(self.keys, caller_id)
            secrets["caller_id"] = key.encrypt("caller_id", caller_id)
            data["digests"] = {"caller_id": key.digest("caller_id", caller_id)}
        event = chained(self.keys, order_no, 1, NO_MARK, "offered", at, "system", data)
        row = dict.fromkeys(FIELDS)
        row.update(changes({}, "offered", at, "system", columns))
        return order_no, Opening(row, _NO_SECRETS | secrets, event)

    def append(
        self,
        connection: Connection,
        order_no: str,
        kind: str,
        at: datetime,
        actor: str,
        data: Mapping[str, Any],
        **columns: Any,
    ) -> None:
        """Append an event; `columns` are the order's columns it sets, beside those that follow
        from its kind (times, first responder, handler: see `order.changes`).

        Raises OrderUnknown, or ValueError for a column that this event may not set and for an event
        that the order's state doesn't allow.
        """
        self.append_all(connection, order_no, [Entry(kind, at, actor, data, columns)])

    def append_all(
        self,
        connection: Connection,
        order_no: str,
        entries: Iterable[Entry],
        opening: Opening | None = None,
    ) -> int:
        """Append several events at once, as `append` does, first opening the order where that is
        still to be done; how many were appended. An entry that closes the order is left out where
        it is closed already. Raises as `append` does, and OrderForgotten for notes."""
        row, seq, before = opening.head if opening else self._head(connection, order_no)
        events: list[dict[str, Any]] = []
        changed: dict[str, Any] = {}
        noted: list[tuple[int, Mapping[str, str]]] = []
        for entry in entries:
            check_columns(entry.kind, entry.columns)
            if "set" in entry.data:
                raise ValueError("columns are given as keywords, not in data")
            if entry.closes and row["t_end"] is not None:
                continue
            seq += 1
            columns = plain(entry.columns)
            kind, at, actor = entry.kind, entry.at, entry.actor
            after = changes(row, kind, at, actor, columns)
            stored = {**entry.data, "set": columns} if columns else entry.data
            if entry.notes or entry.personal:
                stored = {**stored, **self._seal(connection, order_no, seq, entry)}
            if entry.notes:
                noted.append((seq, entry.notes))
            event = chained(self.keys, order_no, seq, before, kind, at, actor, stored)
            before = event["mac"]
            events.append(event)
            row.update(after)
            changed.update(after)
        if opening is not None:
            row = {**opening.row, **changed}
            _INSERT_ORDER.later(
                connection, **row, order_no=order_no, events=seq, head=before, sealed=0
            )
            _INSERT_SECRETS.later(connection, **opening.secrets)
            _INSERT_EVENT.later_all(connection, [opening.event, *events])
        elif events:
            _INSERT_EVENT.later_all(connection, events)
            _update(tuple(changed)).later(
                connection,
                of=order_no,
                set_events=seq,
                set_head=before,
                **{f"set_{name}": value for name, value in changed.items()},
            )
        for place, words in noted:
            notes.write(connection, self.order_key(connection, order_no), order_no, place, words)
        return len(events)

    def close(
        self,
        connection: Connection,
        order_no: str,
        at: datetime,
        outcome: str,
        hung_up_by: str | None,
        actor: str = "engine",
        **columns: Any,
    ) -> bool:
        """The call is over. Only the first word counts: a second changes nothing and gives
        False, for a hang-up is told by several messengers."""
        closing = Entry.closing(at, outcome, hung_up_by, actor, **columns)
        return self.append_all(connection, order_no, [closing]) == 1

    def fill_in(
        self, connection: Connection, order_no: str, at: datetime, actor: str,
        fields: Mapping[str, Any],
    ) -> None:  # fmt: skip
        """Record what a form says: plain columns and personal fields alike. Personal fields are
        text; an empty one is erased. Raises ValueError for a value that isn't one of the unified
        codes, OrderForgotten for personal fields of an order whose data were deleted."""
        wrong = self.fields.problems(fields)
        if wrong:
            raise ValueError("; ".join(wrong))
        personal = {name: fields[name] for name in PERSONAL_FIELDS if name in fields}
        columns = {name: value for name, value in fields.items() if name not in personal}
        filled = Entry("form_filled", at, actor, {}, columns, personal=personal)
        self.append_all(connection, order_no, [filled])

    def caller_id(self, connection: Connection, order_no: str) -> str | None:
        """The caller's own number, E.164; None where there is none, or it was deleted."""
        secrets = order_secrets.c
        row = connection.execute(
            select(secrets.wrapped_key, secrets.caller_id).where(secrets.order_no == order_no)
        ).one_or_none()
        if row is None or row.wrapped_key is None or row.caller_id is None:
            return None
        key = OrderKey.unwrap(self.keys, order_no, row.wrapped_key)
        return key.decrypt("caller_id", row.caller_id)

    def forget(
        self, connection: Connection, order_no: str, at: datetime, actor: str, reason: str
    ) -> None:
        """Delete the order's personal data by destroying its key. The events stay and verify."""
        self.append(connection, order_no, "forgotten", at, actor, {"reason": reason})
        connection.execute(
            update(order_secrets)
            .where(order_secrets.c.order_no == order_no)
            .values({**_NO_SECRETS, "wrapped_key": None})
        )
        notes.forget(connection, order_no)
        connection.execute(delete(order_drafts).where(order_drafts.c.order_no == order_no))

    def _head(self, connection: Connection, order_no: str) -> tuple[dict[str, Any], int, bytes]:
        """What the rules look at, how many events there are, and the mark of the last."""
        head = _HEAD[connection.dialect.name].first(connection, order_no=order_no)
        if head is None:
            raise OrderUnknown(order_no)
        events, mark_of_last, *values = head
        return dict(zip(RULES_LOOK_AT, values, strict=True)), events, mark_of_last

    def _seal(
        self, connection: Connection, order_no: str, seq: int, entry: Entry
    ) -> dict[str, Any]:
        """Keep an entry's personal fields; what its event says of these and of its notes."""
        key = self.order_key(connection, order_no)
        told: dict[str, Any] = {}
        if entry.personal:
            kept = sealed_fields(self.keys, key, entry.personal)
            connection.execute(
                update(order_secrets).where(order_secrets.c.order_no == order_no).values(kept)
            )
            told["digests"] = {
                name: key.digest(name, value) if value else None
                for name, value in entry.personal.items()
            }
        if entry.notes:
            told["notes"] = notes.digests(key, seq, entry.notes)
        return told

    def order_key(self, connection: Connection, order_no: str) -> OrderKey:
        """Raises OrderUnknown, OrderForgotten."""
        wrapped = connection.execute(
            select(order_secrets.c.wrapped_key).where(order_secrets.c.order_no == order_no)
        ).one_or_none()
        if wrapped is None:
            raise OrderUnknown(order_no)
        if wrapped[0] is None:
            raise OrderForgotten(order_no)
        return OrderKey.unwrap(self.keys, order_no, wrapped[0])


def _take_number(dialect: str) -> Statement:
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as insert_
    else:
        from sqlalchemy.dialects.postgresql import insert as insert_  # type: ignore[assignment]
    return Statement(
        insert_(order_numbers)
        .values(call_id=bindparam("call_id"))
        .on_conflict_do_nothing(index_elements=["call_id"])
        .returning(order_numbers.c.sequence)
    )


_TAKE_NUMBER = {dialect: _take_number(dialect) for dialect in ("sqlite", "postgresql")}
_ORDER_OF_CALL = Statement(
    select(orders.c.order_no).where(orders.c.call_id == bindparam("call_id"))
)
_INSERT_ORDER = Statement(insert(orders))
_INSERT_EVENT = Statement(insert(order_events))
_INSERT_SECRETS = Statement(insert(order_secrets))
_NO_SECRETS = dict.fromkeys((*PERSONAL_FIELDS, "caller_hash"))
_SELECT_HEAD = select(
    orders.c.events, orders.c.head, *(orders.c[name] for name in RULES_LOOK_AT)
).where(orders.c.order_no == bindparam("order_no"))
# On PostgreSQL two engines may append to one order at once: they take turns at its row.
_HEAD = {
    "sqlite": Statement(_SELECT_HEAD),
    "postgresql": Statement(_SELECT_HEAD.with_for_update()),
}


@lru_cache(maxsize=512)
def _update(columns: tuple[str, ...]) -> Statement:
    names = ("events", "head", *columns)
    return Statement(
        update(orders)
        .where(orders.c.order_no == bindparam("of"))
        .values({name: bindparam(f"set_{name}", type_=orders.c[name].type) for name in names})
    )
