"""What a desk shows of its call: while it rings, what helps to say the first words; nothing of an
earlier order but its number, for nobody has checked yet that it is the same person."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from agents import roster
from agents.counselor import State
from agents.roster import counselors
from ivr import desk_requests, sessions
from ivr.desk_requests import Request
from ivr.desk_requests import State as RequestState
from ivr.sessions import CallRow
from routing.callbacks import callbacks
from routing.offers import offers
from workorders.keys import Keys
from workorders.order import orders
from workorders.views import View, order_view

o = offers.c

REGIONS = ("region_incident", "region_stated", "region_access", "region_number")
"""Which region is meant, the surest first. `region_number` is a hint, and so is what was chosen on
a page."""

LOST_IS_TOLD_FOR = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class DeskCall:
    """A call that rings, talks, or has just ended. `waited`: seconds from the queue to now, or to
    the answer. `earlier`: numbers of orders of a possible earlier contact. `helps`: the number of
    the counselor whose talk it is, for a supervisor who is called for help or listens.
    `number_typed`: on a page, so whoever answers may be anybody."""

    order_no: str
    answered: bool
    region: str | None
    region_is_hint: bool
    topic: str | None
    priority: int | None
    language: str | None
    waited: int
    earlier: tuple[str, ...]
    helps: str | None = None
    number_typed: bool = False


def call_at(connection: Connection, keys: Keys, counselor_id: str, at: datetime) -> DeskCall | None:
    """The call that holds the counselor, else the last one they answered; None: there was none."""
    theirs = desk_requests.monitored_by(connection, counselor_id)
    if theirs is not None:
        return _helped(connection, keys, theirs, at)
    mine = select(o.call_id, o.answered_at).where(o.counselor_id == counselor_id)
    answered = mine.where(o.answered_at.is_not(None)).order_by(o.answered_at.desc()).limit(1)
    held = connection.execute(mine.where(o.ended_at.is_(None))).first()
    last = held or connection.execute(answered).first()
    order_no = None if last is None else _order_of(connection, last.call_id)
    if last is None or order_no is None:
        return None
    return _told(order_view(connection, keys, order_no), last.answered_at, at)


def _helped(connection: Connection, keys: Keys, theirs: Request, at: datetime) -> DeskCall:
    talks = roster.get(connection, theirs.counselor_id)
    since = theirs.changed_at if theirs.state is RequestState.TALKING else None
    told = _told(order_view(connection, keys, theirs.order_no), since, at)
    return replace(told, helps=talks.number if talks is not None else "")


def lost_in_talk(connection: Connection, keys: Keys, counselor_id: str, at: datetime) -> str | None:
    """The order of their last talk, where their telephone was lost in it, not long ago."""
    last = connection.execute(
        select(o.call_id, o.answered_at)
        .where(o.counselor_id == counselor_id, o.answered_at.is_not(None))
        .where(o.ended_at > at - LOST_IS_TOLD_FOR)
        .order_by(o.answered_at.desc())
        .limit(1)
    ).first()
    order_no = None if last is None else _order_of(connection, last.call_id)
    if last is None or order_no is None:
        return None
    lost = any(
        event["kind"] == "counselor_lost"
        and event["data"].get("counselor") == counselor_id
        and datetime.fromisoformat(event["at"]) >= last.answered_at
        for event in order_view(connection, keys, order_no)["events"]
    )
    return order_no if lost else None


def talk_of(connection: Connection, counselor_id: str) -> CallRow | None:
    """The call in which a counselor talks."""
    c = counselors.c
    mine = select(c.call_id).where(c.id == counselor_id, c.state == State.ON_CALL)
    call_id = connection.execute(mine).scalar()
    call = sessions.load(connection, call_id) if call_id else None
    return call if call is not None and call.ended_at is None else None


def _order_of(connection: Connection, call_id: str) -> str | None:
    by_call = select(orders.c.order_no).where(orders.c.call_id == call_id)
    found: str | None = connection.execute(by_call).scalar()
    if found is None:
        # A place that waits for a callback has a name of its own.
        by_place = select(callbacks.c.order_no).where(callbacks.c.waits_as == call_id)
        found = connection.execute(by_place).scalar()
    return found


def _told(view: View, answered_at: datetime | None, at: datetime) -> DeskCall:
    named = [name for name in REGIONS if view[name]]
    until = answered_at or at
    began = datetime.fromisoformat(view["t_queue"] or view["t_offer"])
    earlier = [
        order
        for event in view["events"]
        if event["kind"] == "possible_earlier_contact"
        for order in event["data"]["orders"]
    ]
    return DeskCall(
        order_no=view["order_no"],
        answered=answered_at is not None,
        region=view[named[0]] if named else None,
        region_is_hint=named[:1] == ["region_number"]
        or (named[:1] == ["region_stated"] and view["region_confidence"] == "hint"),
        topic=view["topic"],
        priority=view["priority"],
        language=view["language"],
        waited=max(0, int((until - began).total_seconds())),
        earlier=tuple(earlier),
        number_typed=view["id_trust"] == "stated",
    )
