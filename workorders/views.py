"""Orders as people read them: the number masked, times of Shanghai, offers and priorities told
by the events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from workorders.canonical import SHANGHAI
from workorders.keys import Keys
from workorders.log import OrderUnknown
from workorders.order import FIELDS, order_events, orders
from workorders.personal import (
    PERSONAL_FIELDS,
    OrderKey,
    Unreadable,
    caller_hash,
    masked,
    order_secrets,
)

ORDERS_AT_ONCE = 500
VIEW_FIELDS = ("order_no", "caller", *FIELDS)

View = dict[str, Any]


def orders_of(
    connection: Connection,
    keys: Keys,
    *,
    limit: int = 50,
    before: datetime | None = None,
    caller_id: str | None = None,
    where: Sequence[ColumnElement[bool]] = (),
) -> list[View]:
    """The newest orders first, without their events; of one caller (E.164) where asked. `where`:
    what else holds of their columns."""
    query = _ORDERS.where(*where)
    query = query.order_by(orders.c.t_offer.desc(), orders.c.order_no.desc()).limit(limit)
    if before is not None:
        query = query.where(orders.c.t_offer < before)
    if caller_id is not None:
        query = query.where(order_secrets.c.caller_hash == caller_hash(keys, caller_id))
    return [_view(keys, row._mapping) for row in connection.execute(query)]


def order_view(connection: Connection, keys: Keys, order_no: str) -> View:
    """One order with its events, offers and priorities. Raises OrderUnknown."""
    row = connection.execute(_ORDERS.where(orders.c.order_no == order_no)).one_or_none()
    if row is None:
        raise OrderUnknown(order_no)
    events = connection.execute(
        select(order_events).where(order_events.c.order_no == order_no).order_by(order_events.c.seq)
    )
    return _with_events(
        _view(keys, row._mapping), [_event_view(event._mapping) for event in events]
    )


def caller_number(connection: Connection, keys: Keys, order_no: str) -> str | None:
    """The caller's number in clear, E.164; None where it is withheld, forgotten or damaged."""
    row = connection.execute(
        select(order_secrets.c.wrapped_key, order_secrets.c.caller_id).where(
            order_secrets.c.order_no == order_no
        )
    ).first()
    if row is None or row.caller_id is None:
        return None
    try:
        key = OrderKey.unwrap(keys, order_no, row.wrapped_key or b"")
        return key.decrypt("caller_id", row.caller_id)
    except Unreadable:
        return None


def personal_fields(connection: Connection, keys: Keys, order_no: str) -> dict[str, str]:
    """What people said of the caller and the matter, in clear, but for the number; none where it
    was deleted. Whoever shows it writes that to the audit log. Raises Unreadable."""
    row = connection.execute(
        select(order_secrets).where(order_secrets.c.order_no == order_no)
    ).one_or_none()
    if row is None or row.wrapped_key is None:
        return {}
    key = OrderKey.unwrap(keys, order_no, row.wrapped_key)
    stored = {name: row._mapping[name] for name in PERSONAL_FIELDS if name != "caller_id"}
    return {name: key.decrypt(name, text) for name, text in stored.items() if text is not None}


def all_orders(
    connection: Connection, keys: Keys, since: datetime | None, until: datetime | None
) -> Iterator[View]:
    """Every order offered in [since, until), oldest number first, with its events."""
    last = ""
    while True:
        query = _ORDERS.where(orders.c.order_no > last).order_by(orders.c.order_no)
        if since is not None:
            query = query.where(orders.c.t_offer >= since)
        if until is not None:
            query = query.where(orders.c.t_offer < until)
        views = [
            _view(keys, row._mapping) for row in connection.execute(query.limit(ORDERS_AT_ONCE))
        ]
        if not views:
            return
        events: dict[str, list[View]] = {view["order_no"]: [] for view in views}
        last = views[-1]["order_no"]
        for event in connection.execute(
            select(order_events)
            .where(order_events.c.order_no.in_(list(events)))
            .order_by(order_events.c.order_no, order_events.c.seq)
        ):
            events[event.order_no].append(_event_view(event._mapping))
        for view in views:
            yield _with_events(view, events[view["order_no"]])


def _view(keys: Keys, row: Any) -> View:
    values = {name: _shown(row[name]) for name in FIELDS}
    return {"order_no": row["order_no"], "caller": _caller(keys, row), **values}


def _caller(keys: Keys, row: Any) -> str | None:
    """Masked; None where the caller withheld the number or the order was forgotten."""
    if row["caller_id"] is None:
        return None
    try:
        key = OrderKey.unwrap(keys, row["order_no"], row["wrapped_key"] or b"")
        return masked(key.decrypt("caller_id", row["caller_id"]))
    except Unreadable:  # `verify` says why; the other orders are still to be seen
        return "(unreadable)"


def _event_view(event: Any) -> View:
    return {
        "seq": event["seq"],
        "at": _shown(event["at"]),
        "kind": event["kind"],
        "actor": event["actor"],
        "data": json.loads(event["data"]),
    }


def _with_events(view: View, events: list[View]) -> View:
    offers = [
        {"at": event["at"], "event": event["kind"], **event["data"]}
        for event in events
        if event["kind"].startswith("offer_")
    ]
    priorities = [
        {
            "at": event["at"],
            "priority": event["data"]["set"]["priority"],
            "cause": event["data"].get("cause"),
        }
        for event in events
        if "priority" in event["data"].get("set", {})
    ]
    return {**view, "offers": offers, "priority_history": priorities, "events": events}


def _shown(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(SHANGHAI).isoformat(timespec="milliseconds")
    return value


_ORDERS = select(orders, order_secrets.c.wrapped_key, order_secrets.c.caller_id).outerjoin(
    order_secrets, order_secrets.c.order_no == orders.c.order_no
)
