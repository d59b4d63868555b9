"""Work with others: a counselor passes the caller on, asks somebody in or calls for help; a
supervisor listens, whispers or joins.

A page asks the engine and shows what became of it; it decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, abort, render_template, request
from flask_babel import get_locale
from flask_babel import gettext as _
from sqlalchemy import Connection

from agents import presence, roster
from agents.counselor import State as Presence
from agents.roster import Counselor, Role
from config.topics import load_topics
from console import audit, words
from console.at_desk import talk_of
from console.audit import Action
from console.visible import branch
from console.visitor import address, asked_by_the_page, by_htmx, needs, visitor
from ivr import desk_requests
from ivr.asked_in import EMERGENCY, Refused, sister_line
from ivr.assembly import Assembly
from ivr.desk_requests import OPEN, PERFORMED, Kind, Request, State, TargetKind
from ivr.house import CARRIER_KINDS
from ivr.sessions import CallRow
from ivr.sister_lines import carrier_numbers
from routing.directory import Directory, NumberKind
from routing.stations import Stations

NEAR_TIERS = 3
"""Home, province, covering centres: whose people and desks a caller is passed on to."""
ASKED = frozenset({
    Kind.BLIND, Kind.CONSULT, Kind.THREE_WAY, Kind.COMPLETE, Kind.BACK, Kind.HELP,
})  # fmt: skip
MONITORED = frozenset({Kind.LISTEN, Kind.WHISPER, Kind.JOIN, Kind.LEAVE})


@dataclass(frozen=True, slots=True)
class Lines:
    stations: Stations
    directory: Directory
    numbers: Mapping[str, frozenset[NumberKind]]


@dataclass(frozen=True, slots=True)
class Group:
    """Of whom may be chosen: what they are called together, and value and name of each."""

    name: str
    choices: list[tuple[str, str]]


def pages(assembly: Assembly, now: Callable[[], datetime]) -> Blueprint:
    page = Blueprint("with_others", __name__)
    store, stations = assembly.store, assembly.stations
    topics = load_topics(assembly.settings.stations_directory)
    lines = Lines(stations, assembly.directory, carrier_numbers(assembly.settings))

    @page.get("/desk/with-others/<order_no>")
    @needs(lambda may: may.desk)
    @asked_by_the_page
    def show(order_no: str) -> str:
        return _shown(order_no)

    @page.post("/desk/with-others/<order_no>")
    @needs(lambda may: may.desk)
    def ask(order_no: str) -> str:
        kind = _kind(ASKED)
        who, at = visitor(), now()
        target_kind, target = _target(request.form.get("target", ""))
        if kind in (Kind.BLIND, Kind.CONSULT, Kind.THREE_WAY) and not target:
            return _shown(order_no, _("请先选择转给谁。"))

        def work(connection: Connection) -> None:
            call = talk_of(connection, who.id)
            if call is None or call.order_no != order_no:
                return
            if kind in desk_requests.performed(connection, call):
                desk_requests.ask(
                    connection, call_id=call.call_id, order_no=order_no, kind=kind,
                    counselor_id=who.id, asked_by=f"counselor:{who.id}", at=at,
                    target_kind=target_kind, target=target,
                )  # fmt: skip

        store.write(work)
        return _shown(order_no)

    @page.get("/monitor/<number>")
    @needs(lambda may: may.monitors)
    @asked_by_the_page
    def monitor(number: str) -> str:
        return _monitored(_counselor(number))

    @page.post("/monitor/<number>")
    @needs(lambda may: may.monitors)
    def begin(number: str) -> str:
        kind, counselor = _kind(MONITORED), _counselor(number)
        who, at, here = visitor(), now(), address()

        def work(connection: Connection) -> None:
            call = talk_of(connection, counselor.id)
            if call is None or kind not in PERFORMED[call.carrier]:
                return
            if roster.get(connection, who.id) is None:
                return
            told = f"{kind} {counselor.id}"
            audit.note(connection, Action.MONITORED, who.id, here, at, call.order_no, told)
            desk_requests.ask(
                connection, call_id=call.call_id, order_no=call.order_no, kind=kind,
                counselor_id=counselor.id, asked_by=f"account:{who.id}", at=at,
                target_kind=TargetKind.COUNSELOR, target=who.id,
            )  # fmt: skip

        store.write(work)
        return _monitored(counselor)

    def _shown(order_no: str, problem: str = "") -> str:
        who, at = visitor(), now()

        def work(
            connection: Connection,
        ) -> tuple[frozenset[Kind] | None, list[Request], list[Group]]:
            call = talk_of(connection, who.id)
            if call is None or call.order_no != order_no:
                return None, [], []
            asked = desk_requests.of_order(connection, order_no)
            me = roster.get(connection, who.id)
            station = me.station if me is not None else who.station
            may = desk_requests.performed(connection, call)
            return may, asked, list(_choices(connection, call, station, who.id, at))

        may, asked, groups = store.read(work)
        return render_template(
            "with_others.html",
            order_no=order_no,
            talks=may is not None,
            may=may or frozenset(),
            groups=groups,
            there=_there(asked),
            last=asked[-1] if asked else None,
            under_way=any(one.state in OPEN for one in asked),
            said=_said,
            problem=problem,
        )

    def _monitored(counselor: Counselor) -> str:
        who = visitor()

        def work(connection: Connection) -> tuple[CallRow | None, list[Request], bool]:
            call = talk_of(connection, counselor.id)
            asked = desk_requests.of_order(connection, call.order_no) if call is not None else []
            mine = [one for one in asked if one.target == who.id]
            return call, mine, roster.get(connection, who.id) is not None

        call, asked, has_telephone = store.read(work)
        return render_template(
            "monitor_state.html" if by_htmx() else "monitor.html",
            counselor=counselor,
            talks=call is not None,
            possible=call is not None and Kind.LISTEN in PERFORMED[call.carrier] and has_telephone,
            has_telephone=has_telephone,
            listens=any(one.monitors and one.state is State.TALKING for one in asked),
            last=asked[-1] if asked else None,
            under_way=any(one.state in OPEN for one in asked),
            said=_said,
        )

    def _counselor(number: str) -> Counselor:
        """Of the visitor's branch."""
        theirs = branch(stations, visitor().station)

        def work(connection: Connection) -> Counselor | None:
            found = roster.by_number(connection, number)
            return roster.get(connection, found) if found is not None else None

        counselor = store.read(work)
        if counselor is None or counselor.station not in theirs:
            abort(404)
        return counselor

    def _choices(
        connection: Connection, call: CallRow, station: str, me: str, at: datetime
    ) -> Iterator[Group]:
        english = str(get_locale()) == "en"
        reached = roster.reached(CARRIER_KINDS[call.carrier], call.node)
        near = [place for tier in stations.tiers(station)[:NEAR_TIERS] for place in tier]
        # The nearest first, and after all counselors the mobiles that are for danger.
        people = sorted(
            presence.present_at(connection, near, at),
            key=lambda one: (
                one.counselor.role is Role.DUTY_PHONE, near.index(one.counselor.station),
            ),
        )  # fmt: skip
        free = [
            (f"counselor:{one.counselor.id}", f"{one.counselor.name} · {_place(one.counselor)}")
            for one in people
            if one.state == Presence.AVAILABLE
            and one.counselor.id != me
            and one.counselor.kinds & reached
        ]
        yield Group(_("空闲的同事"), free)
        yield Group(
            _("诉求"),
            [
                (f"topic:{topic}", about.name(str(get_locale())))
                for topic, about in topics.items()
                if about.credential
            ],
        )
        staffed = {one.counselor.station for one in people} - {station}
        yield Group(
            _("服务台"),
            [(f"station:{one}", stations.name(one)) for one in near if one in staffed],
        )
        found = list(_lines(connection, call, english))
        yield Group(_("其他热线"), [line for line in found if _service(line) not in EMERGENCY])
        if Kind.THREE_WAY not in PERFORMED[call.carrier]:
            return
        yield Group(
            _("紧急电话（只能三方通话）"), [line for line in found if _service(line) in EMERGENCY]
        )

    def _lines(connection: Connection, call: CallRow, english: bool) -> Iterator[tuple[str, str]]:
        for service, about in assembly.directory.services.items():
            try:
                sister_line(lines, connection, call, service)
            except Refused:
                continue
            code = f" {about.short_code}" if about.short_code else ""
            yield f"line:{service}", f"{about.en if english else about.zh_cn}{code}"

    def _place(counselor: Counselor) -> str:
        return stations.name(counselor.station)

    return page


def _there(asked: list[Request]) -> Request | None:
    """Who is rung or there, beside counselor and caller."""
    states = (State.RINGING, State.TALKING, State.JOINED)
    return next((one for one in asked if one.adds_somebody and one.state in states), None)


def _kind(allowed: frozenset[Kind]) -> Kind:
    asked = request.form.get("kind", "")
    if asked not in allowed:
        abort(400)
    return Kind(asked)


def _target(chosen: str) -> tuple[TargetKind, str]:
    kind, _colon, target = chosen.partition(":")
    if kind not in ("counselor", "topic", "station", "line"):
        return TargetKind.NONE, ""
    return TargetKind(kind), target


def _service(line: tuple[str, str]) -> str:
    return line[0].partition(":")[2]


def _said(asked: Request) -> str:
    """What became of a request, in words."""
    kind = words.REQUESTS[asked.kind]
    joined = asked.kind is Kind.JOIN and asked.state is State.TALKING
    state = words.REQUEST_STATES[State.JOINED if joined else asked.state]
    why = words.REQUEST_RESULTS.get(asked.result, "") if asked.state is State.FAILED else ""
    return str(_("%(kind)s：%(state)s%(why)s", kind=kind, state=state, why=why))
