"""Orders: the list, one order, its number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, abort, render_template, request
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Connection, and_, or_, select

from config.topics import load_topics
from console import audit
from console.accounts import Account
from console.acts import ACTS
from console.audit import Action
from console.pages.order_acts import shown_acts
from console.pages.order_form import shown_form
from console.people import names_of
from console.reading import known, note_reading
from console.roles import Caller, Orders, Rights
from console.timeline import Words, words_of
from console.visible import STAFF_FIELDS, came, known_to, sent_to, went_back
from console.visitor import address, by_htmx, needs, visitor
from console.words import FIELDS, FORM, PROGRESS
from ivr.assembly import Assembly
from ivr.talk_recordings import chain_of
from workorders.canonical import SHANGHAI
from workorders.life_view import waited_for
from workorders.log import OrderUnknown
from workorders.notes import notes_of
from workorders.order import Row, orders
from workorders.personal import Unreadable
from workorders.safe_contact import SafeContact
from workorders.views import View, caller_number, order_view, orders_of, personal_fields

PAGE = 25
HOMES_OF = timedelta(days=31)
"""Whose home stations may be chosen from: of orders not older."""
SHORTEST_REASON = 4
LONGEST_REASON = 500

c = orders.c

IN_PROGRESS: dict[str, ColumnElement[bool]] = {
    "waiting": c.t_end.is_(None) & c.t_answer.is_(None),
    "talking": c.t_end.is_(None) & c.t_answer.is_not(None),
    "open": c.t_end.is_not(None) & c.closed_at.is_(None),
    "closed": c.closed_at.is_not(None),
}
"""How far an order is, as PROGRESS names it."""


def pages(assembly: Assembly, now: Callable[[], datetime]) -> Blueprint:
    page = Blueprint("orders", __name__, url_prefix="/orders")
    store, keys, stations = assembly.store, assembly.log.keys, assembly.stations
    topics = load_topics(assembly.settings.stations_directory)

    def words(people: dict[str, str]) -> Words:
        return words_of(assembly, topics, people)

    @page.get("/")
    @needs(lambda may: may.orders is not Orders.NONE)
    def listed() -> str:
        who, at = visitor(), now()
        asked = {name: request.args.get(name, "") for name in ("day", "station", "progress")}
        theirs = known_to(who, stations)
        where = [theirs, *_asked(asked)]
        last = request.args.get("before", "")

        def work(connection: Connection) -> tuple[list[View], list[str], dict[str, str]]:
            after = _older_than(connection, last) if last else []
            found = orders_of(connection, keys, limit=PAGE + 1, where=[*where, *after])
            homes = _homes(connection, theirs, at - HOMES_OF)
            return found, homes, names_of(connection, _handlers(found))

        found, homes, people = store.read(work)
        told = " ".join(value for value in (*asked.values(), last) if value)
        store.write(
            lambda connection: audit.note(
                connection, Action.ORDERS_LISTED, who.id, address(), at, detail=told or None
            )
        )
        return render_template(
            "orders.html",
            orders=found[:PAGE],
            more=found[PAGE - 1]["order_no"] if len(found) > PAGE else None,
            asked=asked,
            first=not last,
            homes=homes,
            said=words(people),
            progress_of=progress_of,
            went_back=lambda view: went_back(who, view),
        )

    @page.get("/<order_no>")
    @needs(lambda may: may.orders is not Orders.NONE)
    def show(order_no: str) -> str | Response:
        row = store.read(lambda connection: known(connection, stations, visitor(), order_no))
        if row is not None and went_back(visitor(), row):
            return _gone(order_no, row)
        _note_reading(Action.ORDER_READ, order_no)
        return _page(order_no)

    @page.post("/<order_no>/number")
    @needs(lambda may: may.orders is not Orders.NONE and may.caller is Caller.OPENED)
    def open_number(order_no: str) -> str:
        reason = " ".join(request.form.get("reason", "").split())[:LONGEST_REASON]
        if len(reason) < SHORTEST_REASON:
            _note_reading(Action.ORDER_READ, order_no)
            return _number(order_no, {"problem": True, "reason": reason})
        _note_reading(Action.NUMBER_OPENED, order_no, reason)
        number = store.read(lambda connection: caller_number(connection, keys, order_no))
        return _number(order_no, {"opened": True, "number": number})

    def _gone(order_no: str, row: Row) -> str | Response:
        """That it was theirs, and went back; no part of the page that showed it stays."""
        if by_htmx():
            return Response(headers={"HX-Redirect": request.full_path})
        done = ACTS.get(request.args.get("done", ""))
        back = [each for each in came(visitor(), row) if each.went is not None]
        return render_template("went_back.html", order_no=order_no, returns=back, done=done)

    def _note_reading(action: Action, order_no: str, reason: str | None = None) -> None:
        note_reading(assembly, order_no, now(), action, reason)

    def _written(
        connection: Connection, order_no: str
    ) -> tuple[dict[str, str], dict[int, dict[str, str]]]:
        """What people wrote in their own words: of the order, and beside its events."""
        try:
            personal = personal_fields(connection, keys, order_no)
            return personal, notes_of(connection, keys, order_no)
        except Unreadable:  # `verify` says why
            return {}, {}

    def _number(order_no: str, number: dict[str, Any]) -> str:
        if by_htmx():
            view = store.read(lambda connection: order_view(connection, keys, order_no))
            return render_template("number.html", order=view, number=number)
        return _page(order_no, number)

    def _page(order_no: str, number: dict[str, Any] | None = None) -> str:
        who, at = visitor(), now()
        may = who.may

        def work(
            connection: Connection,
        ) -> tuple[
            View,
            list[audit.Reading],
            dict[str, str],
            dict[str, Any] | None,
            dict[str, Any],
            tuple[dict[str, str], dict[int, dict[str, str]]],
        ]:
            view = order_view(connection, keys, order_no)
            readers = audit.readers(connection, order_no) if may.readers else []
            about = {*_in_events(view["events"]), *_handlers([view])}
            about |= {f"account:{reading.account}" for reading in readers}
            form = shown_form(connection, assembly, order_no, at)
            written = _written(connection, order_no) if may.work else ({}, {})
            done, again = request.args.get("done"), request.args.get("again")
            acts = shown_acts(connection, assembly, order_no, at, done=done, again=again)
            return view, readers, names_of(connection, about), form, acts, written

        try:
            view, readers, people, form, acts, written = store.read(work)
        except OrderUnknown:
            abort(404)
        said = words(people)
        return render_template(
            "order.html",
            order=view,
            fields=[*_fields(view, said, may), *_personal(written[0])],
            notes=written[1],
            sent_out=list(_sent_out(view, who)),
            waits=waited_for(view) if may.course else [],
            at=at,
            readers=readers,
            recordings=chain_of(view) if may.listens else [],
            number=number or {},
            form=form,
            acts=acts,
            saved=request.args.get("saved"),
            said=said,
            sealed=may.caller >= Caller.SEALED,
            opens=may.caller is Caller.OPENED,
            progress=None if view["t_end"] else PROGRESS[progress_of(view)],
        )

    return page


def progress_of(view: View) -> str:
    """How far an order is, a name of PROGRESS."""
    if view["closed_at"] is not None:
        return "closed"
    if view["t_end"] is not None:
        return "open"
    return "talking" if view["t_answer"] is not None else "waiting"


def _fields(view: View, said: Words, may: Rights) -> Iterable[tuple[str, str]]:
    """Names and values to show, what is empty left out."""
    for name, called in FIELDS.items():
        value = view[name]
        hidden = may.orders is Orders.REFERRED and name in STAFF_FIELDS
        if value not in (None, [], "") and not hidden:
            yield str(called), said.value(name, value)


def _personal(written: dict[str, str]) -> Iterable[tuple[str, str]]:
    for name in ("summary", "subject_ref", "risk_evidence"):
        if name in written:
            yield str(FORM[name]), written[name]
    contact = SafeContact.read(written.get("safe_contact"))
    if contact.number or contact.hours:
        yield str(FORM["contact_number"]), f"{contact.number} {contact.hours}".strip()
    if contact.never_contact:
        yield str(FORM["contact_never_contact"]), contact.never_contact


def _sent_out(view: View, who: Account) -> Iterable[tuple[str, dict[str, Any]]]:
    referrals, dispatches = sent_to(view, who)
    yield from ((_("转介"), one) for one in referrals)
    yield from ((_("派单"), one) for one in dispatches)


def _asked(asked: dict[str, str]) -> Iterable[ColumnElement[bool]]:
    """What the list is narrowed to; what cannot be meant is left out."""
    try:
        begin = datetime.combine(date.fromisoformat(asked["day"]), datetime.min.time(), SHANGHAI)
        yield and_(c.t_offer >= begin, c.t_offer < begin + timedelta(days=1))
    except ValueError:
        asked["day"] = ""
    if asked["station"]:
        yield or_(c.station_home == asked["station"], c.station_answering == asked["station"])
    if asked["progress"] in IN_PROGRESS:
        yield IN_PROGRESS[asked["progress"]]


def _older_than(connection: Connection, order_no: str) -> list[ColumnElement[bool]]:
    at = connection.execute(select(c.t_offer).where(c.order_no == order_no)).scalar()
    if at is None:
        return []
    return [or_(c.t_offer < at, and_(c.t_offer == at, c.order_no < order_no))]


def _homes(connection: Connection, theirs: ColumnElement[bool], since: datetime) -> list[str]:
    """Stations to choose from."""
    rows = connection.execute(select(c.station_home).where(theirs, c.t_offer >= since).distinct())
    return sorted(row.station_home for row in rows if row.station_home)


def _handlers(views: Sequence[View]) -> set[str]:
    return {view[name] for view in views for name in ("handler", "first_responder") if view[name]}


def _in_events(events: Iterable[View]) -> set[str]:
    """Everybody they name."""
    found = set()
    for event in events:
        data = event["data"]
        found.add(event["actor"])
        found |= {f"counselor:{who}" for who in data.get("counselors", ())}
        found.add(f"counselor:{data.get('counselor')}")
        found.add(str(data.get("to")))
    return found
