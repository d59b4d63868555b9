"""What a desk asks of the engine that has a call: a row, since console and engine share nothing but
the store.

A request is committed before anything is done. The engine whose Asterisk has the call looks for
such rows, takes each by a conditional update, performs it, and writes what became of it, so that
the page can say so. A row only goes forward; whatever dies, the call's next engine finds it as it
stands.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, Connection, Index, Table, Text, bindparam, or_, select, text, update

from config.database import Instant, metadata
from config.statements import Row, Statement
from ivr import sessions
from ivr.sessions import CallRow


class Kind(StrEnum):
    BLIND = "blind"
    """The caller is passed on, the counselor leaves."""
    CONSULT = "consult"
    """Counselor and target talk, the caller hears music."""
    THREE_WAY = "three_way"
    """The target comes into the talk."""
    COMPLETE = "complete"
    """The counselor leaves a consultation or a three-way talk: the caller stays with the target."""
    BACK = "back"
    """The target leaves: the caller is with the counselor."""
    WARN = "warn"
    """Harassment: the counselor leaves, and the call ends with the scripted warning."""
    HELP = "help"
    """The counselor rings a supervisor, who listens first."""
    LISTEN = "listen"
    WHISPER = "whisper"
    JOIN = "join"
    LEAVE = "leave"
    """A supervisor listens, whispers or joins no more."""


PERFORMED: Mapping[str, frozenset[Kind]] = {
    "asterisk": frozenset(Kind),
    "twilio": frozenset({Kind.BLIND, Kind.CONSULT, Kind.THREE_WAY, Kind.COMPLETE, Kind.BACK}),
    "simulator": frozenset(),
}
"""What each carrier can do."""

MONITORING = (Kind.HELP, Kind.LISTEN, Kind.WHISPER, Kind.JOIN)


class TargetKind(StrEnum):
    NONE = "none"
    COUNSELOR = "counselor"
    TOPIC = "topic"
    STATION = "station"
    LINE = "line"
    """A service of the directory."""


class State(StrEnum):
    ASKED = "asked"
    TAKEN = "taken"
    RINGING = "ringing"
    """Of a blind transfer: the caller is on the way."""
    TALKING = "talking"
    """With the counselor alone; of a supervisor: listens, whispers or joins."""
    JOINED = "joined"
    """With the caller, too."""
    ENDING = "ending"
    """Legs are to be hung up."""
    DONE = "done"
    FAILED = "failed"


OPEN = (State.ASKED, State.TAKEN, State.RINGING, State.TALKING, State.JOINED, State.ENDING)
_IS_OPEN = text("state IN ('asked', 'taken', 'ringing', 'talking', 'joined', 'ending')")

desk_requests = Table(
    "desk_requests",
    metadata,
    Column("id", Text, primary_key=True),
    # Whose the call is: an Asterisk's name, or a carrier's.
    Column("node", Text, nullable=False),
    Column("call_id", Text, nullable=False),
    Column("order_no", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("target_kind", Text, nullable=False),
    Column("target", Text, nullable=False),
    # With whom the caller talks.
    Column("counselor_id", Text, nullable=False),
    # `counselor:…` or `account:…`, as orders name actors.
    Column("asked_by", Text, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("state", Text, nullable=False),
    Column("changed_at", Instant, nullable=False),
    # Why it failed, or what came of it: a word.
    Column("result", Text, nullable=False),
    # By which the counselor asked for is held.
    Column("offer_id", Text),
    # The call by which somebody is rung.
    Column("leg", Text),
    Index(
        "desk_requests_open",
        "node",
        "call_id",
        sqlite_where=_IS_OPEN,
        postgresql_where=_IS_OPEN,
    ),
    Index("desk_requests_order", "order_no", "asked_at"),
)

d = desk_requests.c


@dataclass(frozen=True, slots=True)
class Request:
    """One row. `result`: why it failed or what came of it, "" until then."""

    id: str
    node: str
    call_id: str
    order_no: str
    kind: Kind
    target_kind: TargetKind
    target: str
    counselor_id: str
    asked_by: str
    asked_at: datetime
    state: State
    changed_at: datetime
    result: str
    offer_id: str | None
    leg: str | None = None

    @property
    def adds_somebody(self) -> bool:
        return self.kind in (Kind.CONSULT, Kind.THREE_WAY)

    @property
    def ends_the_talk(self) -> bool:
        """Everybody but the caller leaves, and the flow goes on with them."""
        return self.kind in (Kind.BLIND, Kind.WARN)

    @property
    def monitors(self) -> bool:
        return self.kind in MONITORING


_insert = Statement(desk_requests.insert())
_open = Statement(
    select(desk_requests).where(_IS_OPEN, d.node == bindparam("of_node")).order_by(d.asked_at, d.id)
)
_open_of_call = Statement(
    select(desk_requests)
    .where(_IS_OPEN, d.node == bindparam("of_node"), d.call_id == bindparam("call"))
    .order_by(d.asked_at, d.id)
)
_of_order = Statement(
    select(desk_requests).where(d.order_no == bindparam("order")).order_by(d.asked_at, d.id)
)
_monitors = Statement(
    select(desk_requests)
    .where(
        _IS_OPEN,
        d.target == bindparam("who"),
        or_(*(d.kind == kind for kind in MONITORING)),
        or_(d.state == State.RINGING, d.state == State.TALKING),
    )
    .limit(1)
)
_one = Statement(select(desk_requests).where(d.id == bindparam("request")))
_step = Statement(
    update(desk_requests)
    .where(d.id == bindparam("request"), d.state == bindparam("was"))
    .values(
        state=bindparam("now"),
        changed_at=bindparam("at"),
        result=bindparam("how"),
        offer_id=bindparam("offer"),
        leg=bindparam("by_leg"),
        target=bindparam("to"),
    )
)


def ask(
    connection: Connection,
    *,
    call_id: str,
    order_no: str,
    kind: Kind,
    counselor_id: str,
    asked_by: str,
    at: datetime,
    target_kind: TargetKind = TargetKind.NONE,
    target: str = "",
) -> str:
    """Ask the engine that has the call; the request's id."""
    request = Request(
        secrets.token_hex(8), sessions.node_of(call_id), call_id, order_no, kind, target_kind,
        target, counselor_id, asked_by, at, State.ASKED, at, "", None,
    )  # fmt: skip
    _insert.later(connection, **{name: getattr(request, name) for name in Request.__slots__})
    return request.id


def open_of(connection: Connection, node: str) -> list[Request]:
    """What is to be done, or goes on, for calls at `node`; oldest first. One indexed read."""
    return [_request(row) for row in _open.rows(connection, of_node=node)]


def open_of_call(connection: Connection, call_id: str) -> list[Request]:
    node = sessions.node_of(call_id)
    return [_request(row) for row in _open_of_call.rows(connection, of_node=node, call=call_id)]


def of_order(connection: Connection, order_no: str) -> list[Request]:
    """Whatever was asked for an order's call, oldest first."""
    return [_request(row) for row in _of_order.rows(connection, order=order_no)]


def monitored_by(connection: Connection, counselor_id: str) -> Request | None:
    """By which a supervisor is called for help, listens, whispers or has joined."""
    row = _monitors.first(connection, who=counselor_id)
    return _request(row) if row is not None else None


def get(connection: Connection, request_id: str) -> Request | None:
    row = _one.first(connection, request=request_id)
    return _request(row) if row is not None else None


def performed(connection: Connection, row: CallRow) -> frozenset[Kind]:
    """What can be done for a call as it stands: a page offers nothing else, and nothing else is
    taken. A caller who goes out of a conference on Twilio ends it, so who is in one, or on the way
    there, hears no music while others talk."""
    verbs = sessions.verbs_from_json(row.verbs)
    there = verbs[-1:] == sessions.IN_CONFERENCE or any(
        one.adds_somebody and one.state is State.ENDING
        for one in open_of_call(connection, row.call_id)
    )
    unable = {Kind.CONSULT} if there and row.carrier == "twilio" else frozenset()
    return PERFORMED[row.carrier] - unable


def step(
    connection: Connection,
    request: Request,
    state: State,
    at: datetime,
    result: str = "",
    *,
    offer_id: str | None = None,
    leg: str | None = None,
    target: str | None = None,
) -> bool:
    """Go forward from where the request was; False: somebody else was quicker."""
    changed = _step.run(
        connection, request=request.id, was=request.state, now=state, at=at, how=result,
        offer=offer_id or request.offer_id, by_leg=leg or request.leg, to=target or request.target,
    )  # fmt: skip
    return changed == 1


def _request(row: Row) -> Request:
    values: Mapping[str, Any] = dict(zip(Request.__slots__, row, strict=True))
    return Request(
        **{
            **values,
            "kind": Kind(values["kind"]),
            "target_kind": TargetKind(values["target_kind"]),
            "state": State(values["state"]),
        }
    )
