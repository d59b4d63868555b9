"""The order's row: what its events say, kept ready to read.

The events are the truth. Each carries the columns it sets, and `changes` is the one place that
turns an event into new values, so a row can be derived again from the events at any time.

Laws held here: the first responder 首问责任人 never changes; an order never lacks a handler
承办人: the home station until somebody answers, then whoever answered first, and from then on it
changes only by a handover that the new handler accepted (`handover_accepted`, whose actor it is)
or back to the duty lead of the station in charge (`handler_released`, `workorders.handlers`). Its
state follows from `life_cycle`: an event out of place is refused, whoever appends it. What has a
life of its own (referrals, deadlines …) is written by events of that life alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    RowMapping,
    String,
    Table,
    select,
    text,
    update,
)

from config.database import Instant, metadata
from workorders.life_cycle import KINDS, State
from workorders.life_cycle import after as state_after

Row = Mapping[str, Any] | RowMapping

_LIST = JSON(none_as_null=True)

UNDECIDED = "state = 'received' AND deadlines IS NULL AND t_answer IS NOT NULL"
"""Somebody answered and said nothing yet, nor was reminded to."""

order_numbers = Table(
    "order_numbers",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("call_id", String, nullable=False, unique=True),
    sqlite_autoincrement=True,
)

SYSTEM = (
    Column("call_id", String, nullable=False, unique=True),
    Column("channel", String, nullable=False),
    Column("access_number", String, nullable=False),
    Column("upstream_order_no", String),
    Column("id_trust", String, nullable=False),
    Column("region_access", String),
    Column("region_number", String),
    Column("region_stated", String),
    Column("region_incident", String),
    Column("region_domicile", String),
    Column("region_source", String),
    Column("region_confidence", String),
    Column("station_home", String),
    Column("station_answering", String),
    Column("flow_version", String),
    Column("t_offer", Instant, nullable=False),
    Column("t_queue", Instant),
    Column("t_ring", Instant),
    Column("t_answer", Instant),
    Column("t_end", Instant),
    Column("topic", String),
    Column("priority", Integer),
    Column("language", String),
    Column("route_reason", String),
    Column("notice_given", Boolean, nullable=False),
    Column("recording_ref", String),
    Column("outcome", String),
    Column("hung_up_by", String),
)

PERSON = (
    Column("caller_role", String),
    Column("age", String),
    Column("sex", String),
    Column("schooling", String),
    Column("groups", _LIST),
    Column("guardian_suspected", String),
    Column("consent_ref", String),
)

MATTER = (
    Column("cause_main", String),
    Column("causes", _LIST),
    Column("tree_version", String),
    Column("risk", String),
    Column("risk_by", String),
    Column("risk_at", Instant),
    Column("first_responder", String),
    Column("handler", String, nullable=False),
    Column("station_lead", String),
    Column("stations_assisting", _LIST),
    Column("outcomes", _LIST),
    Column("referrals", _LIST),
    Column("reports", _LIST),
    Column("deadlines", _LIST),
    Column("followups", _LIST),
    Column("satisfaction", Integer),
    Column("closed_by", String),
    Column("closed_at", Instant),
    Column("state", String, nullable=False),
    # When somebody is to be reminded next: the earliest of `deadlines`.
    Column("next_due", Instant),
    Column("appointments", _LIST),
    Column("dispatches", _LIST),
    Column("assessments", _LIST),
    Column("handovers", _LIST),
    Column("lowering", _LIST),
    # What somebody must see to at once; NULL where nothing is.
    Column("alarms", _LIST),
    # Kept whatever the rules of retention say.
    Column("recording_held", Boolean),
)

orders = Table(
    "orders",
    metadata,
    Column("order_no", String, primary_key=True),
    # The chain's head: how many events there are, the last one's mark, how many are sealed.
    Column("events", Integer, nullable=False),
    Column("head", LargeBinary, nullable=False),
    Column("sealed", Integer, nullable=False),
    *SYSTEM,
    *PERSON,
    *MATTER,
    CheckConstraint("handler <> ''", name="order_has_handler"),
    Index("orders_t_offer", "t_offer"),
    Index(
        "orders_unsealed",
        "order_no",
        sqlite_where=text("events > sealed"),
        postgresql_where=text("events > sealed"),
    ),
    Index(
        "orders_handled",
        "handler",
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
    Index(
        "orders_next_due",
        "next_due",
        sqlite_where=text("next_due IS NOT NULL"),
        postgresql_where=text("next_due IS NOT NULL"),
    ),
    Index(
        "orders_alarmed",
        "order_no",
        sqlite_where=text("alarms IS NOT NULL"),
        postgresql_where=text("alarms IS NOT NULL"),
    ),
    Index(
        "orders_undecided",
        "t_answer",
        sqlite_where=text(UNDECIDED),
        postgresql_where=text(UNDECIDED),
    ),
)

order_events = Table(
    "order_events",
    metadata,
    Column("order_no", String, ForeignKey("orders.order_no"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("at", Instant, nullable=False),
    Column("actor", String, nullable=False),
    Column("data", String, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

FIELDS = tuple(column.name for column in (*SYSTEM, *PERSON, *MATTER))
INSTANTS = frozenset(name for name in FIELDS if isinstance(orders.c[name].type, Instant))

_TIME_OF = {
    "queued": "t_queue",
    "offer_made": "t_ring",
    "answered": "t_answer",
    "ended": "t_end",
    "failed": "t_end",
}
_GIVEN_AT_OPEN = frozenset({"call_id", "channel", "access_number", "id_trust"})
_BY_RULE = frozenset({"t_offer", "handler", "state", "closed_at", "closed_by", *_TIME_OF.values()})
_OF_ITS_LIFE = frozenset({
    "risk", "risk_by", "risk_at", "station_lead", "stations_assisting", "outcomes", "referrals",
    "reports", "deadlines", "followups", "next_due", "appointments", "dispatches", "assessments",
    "handovers", "lowering", "alarms", "recording_held",
})  # fmt: skip

RULES_LOOK_AT = (
    "first_responder", "handler", "station_home", "station_answering", "station_lead", "state",
    "guardian_suspected", "t_queue", "t_ring", "t_answer", "t_end",
)  # fmt: skip


def check_columns(kind: str, columns: Iterable[str]) -> None:
    """Raises ValueError for a column that doesn't exist or that an event may not set."""
    allowed_now = _GIVEN_AT_OPEN if kind == "offered" else frozenset[str]()
    for name in columns:
        if name not in orders.c or name not in FIELDS:
            raise ValueError(f"an order has no column {name!r}")
        if name in _BY_RULE or (name in _GIVEN_AT_OPEN and name not in allowed_now):
            raise ValueError(f"{name!r} is not set by a {kind!r} event")
        if name == "first_responder" and kind != "answered":
            raise ValueError("first_responder is set only by answering")
        if name == "satisfaction" and kind != "survey_answered":
            raise ValueError("satisfaction is the caller's own word")
        if name in _OF_ITS_LIFE and (kind not in KINDS or kind == "form_filled"):
            raise ValueError(f"{name!r} is not set by a {kind!r} event, only by the order's life")


def changes(
    before: Row, kind: str, at: datetime, actor: str, columns: Mapping[str, Any]
) -> dict[str, Any]:
    """The values an event gives to the order's row. `before` holds at least RULES_LOOK_AT, or
    nothing for the first event. Raises OutOfPlace for an event that its state doesn't allow."""
    after = {
        name: datetime.fromisoformat(value)
        if name in INSTANTS and isinstance(value, str)
        else value
        for name, value in columns.items()
        if name != "first_responder"
    }
    if kind == "offered":
        after.update(t_offer=at, notice_given=False, state=State.RECEIVED.value)
    moment = _TIME_OF.get(kind)
    if moment is not None and before.get(moment) is None:
        after[moment] = at
    if kind == "notice_given":
        after["notice_given"] = True
    suspected = before.get("guardian_suspected") == "是"
    if suspected and kind == "form_filled" and after.get("guardian_suspected", "是") != "是":
        raise ValueError("guardian_suspected: a suspicion is not lifted by a form")
    if kind in KINDS:
        state = state_after(State(before["state"]), kind)
        if state != before["state"]:
            after["state"] = state.value
        if kind in ("closed", "reopened"):
            closed = kind == "closed"
            after.update(closed_at=at if closed else None, closed_by=actor if closed else None)

    answered_by = before.get("first_responder")
    if kind == "answered" and answered_by is None:
        responder = columns.get("first_responder") or actor
        if responder.startswith("counselor:"):
            after.update(first_responder=responder, handler=responder)
    elif kind == "handover_accepted":
        after["handler"] = actor
    elif kind == "handler_released":
        after["handler"] = _station(station_in_charge(before))
    elif kind == "offered" or (
        "station_home" in after
        and answered_by is None
        and str(before.get("handler")).startswith("station:")
    ):
        after["handler"] = _station(columns.get("station_home"))
    return after


def derive(events: Iterable[tuple[str, datetime, str, str]]) -> dict[str, Any]:
    """The row that `events` (kind, instant, actor, data as stored) tell of, in their order."""
    row: dict[str, Any] = dict.fromkeys(FIELDS)
    for kind, at, actor, data in events:
        row.update(changes(row, kind, at, actor, json.loads(data).get("set", {})))
    return row


def rebuild(connection: Connection, order_no: str) -> None:
    """Derive the order's row again from its events."""
    events = connection.execute(
        select(*(order_events.c[name] for name in ("kind", "at", "actor", "data")))
        .where(order_events.c.order_no == order_no)
        .order_by(order_events.c.seq)
    )
    row = derive((e.kind, e.at, e.actor, e.data) for e in events)
    connection.execute(update(orders).where(orders.c.order_no == order_no).values(row))


def station_in_charge(row: Row) -> str | None:
    """主办: the station that accepted a cross-region order, else the one that answered, else the
    caller's own."""
    station: str | None = row["station_lead"] or row["station_answering"] or row["station_home"]
    return station


def _station(station_id: str | None) -> str:
    return f"station:{station_id or 'unknown'}"
