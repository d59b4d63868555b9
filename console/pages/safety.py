"""An order's safety, beside the form on the desk and on the order's page: the crisis button, what
must be seen to at once, a silent call, harassment, a message, possible earlier contact."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, request, send_file, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse

from config.topics import load_topics
from console import audit
from console.at_desk import talk_of
from console.audit import Action
from console.forms import came_back
from console.local_lines import local_lines
from console.people import actor_of, names_of
from console.reading import note_reading
from console.refusals import REFUSED, said
from console.safety_acts import ACTS
from console.timeline import words_of
from console.visible import in_charge
from console.visitor import address, asked_by_the_page, by_htmx, needs, visitor
from console.words import FIELDS
from ivr import desk_requests, heard_keys
from ivr.assembly import Assembly
from ivr.desk_requests import PERFORMED
from workorders import alarms, contact_plans, earlier_contact, harassment
from workorders.life import Case
from workorders.notes import notes_of
from workorders.once import done_before, new_name
from workorders.views import View, order_view

Answer = AnyResponse | str | tuple[str, int]

LONGEST = 1000


def pages(assembly: Assembly, now: Callable[[], datetime]) -> Blueprint:
    page = Blueprint("safety", __name__, url_prefix="/orders")
    store, log, stations = assembly.store, assembly.log, assembly.stations
    regions = stations.regions
    topics = load_topics(assembly.settings.stations_directory)

    @page.get("/<order_no>/safety")
    @needs(lambda may: may.work)
    def show(order_no: str) -> Answer:
        note_reading(assembly, order_no, now())
        return _page(order_no)

    @page.post("/<order_no>/safety")
    @needs(lambda may: may.work)
    def act(order_no: str) -> Answer:
        """One act of the table."""
        chosen = ACTS.get(request.form.get("act", ""))
        if chosen is None:
            abort(400)
        if not chosen.is_for(visitor().may):
            abort(403)
        note_reading(assembly, order_no, now())
        typed = {name: value.strip()[:LONGEST] for name, value in request.form.items()}
        form = came_back(request.form)

        def work(connection: Connection) -> None:
            case = _case(connection, order_no)
            if done_before(case, form) is not None:
                return  # What was done by it is shown.
            if chosen is ACTS["harassment"] and _warned(connection, order_no):
                return  # The line warns: what comes of it, it says itself.
            if chosen is ACTS["harassment"] and _warns(connection, case):
                if typed.get("slow"):
                    harassment.ask_slowing(case, typed["slow"])
                _ask(connection, case, desk_requests.Kind.WARN)
                return
            chosen.do(case, typed, regions)
            if chosen is ACTS["crisis"]:
                _ring_the_supervisor(connection, case)

        try:
            store.write(work)
        except REFUSED as refusal:
            return _page(order_no, said(refusal)), 422
        if by_htmx():
            return _page(order_no, ends=chosen is ACTS["harassment"])
        return redirect(url_for("safety.show", order_no=order_no), 303)

    @page.get("/<order_no>/keys")
    @needs(lambda may: may.work)
    @asked_by_the_page
    def keys(order_no: str) -> str:
        """What the caller presses, while they talk."""

        def work(connection: Connection) -> list[heard_keys.Pressed]:
            case = _case(connection, order_no, to_read=True)
            return heard_keys.pressed(connection, case.row["call_id"])

        return render_template("keys.html", pressed=store.read(work))

    @page.get("/<order_no>/message")
    @needs(lambda may: may.work)
    def message(order_no: str) -> Response:
        """The caller's message, as WAV."""
        note_reading(assembly, order_no, now(), Action.MESSAGE_OPENED)
        case = store.read(lambda connection: _case(connection, order_no, to_read=True))
        # What was recorded of a talk is for others to hear.
        reference = case.row["recording_ref"] if case.row["outcome"] == "voicemail" else None
        file = assembly.settings.recordings_directory / f"{reference}.wav"
        if reference is None or not file.is_file():
            abort(404)
        return send_file(file.absolute(), mimetype="audio/wav", conditional=True)

    @page.get("/<order_no>/earlier/<earlier>")
    @needs(lambda may: may.work)
    def earlier(order_no: str, earlier: str) -> str:
        """What an earlier order says, once it is known to be the same person's."""
        at = now()

        def open_(connection: Connection) -> None:
            _case(connection, order_no)
            named = earlier_contact.named(connection, order_no)
            if earlier not in named or not earlier_contact.checked(connection, order_no):
                abort(404)
            audit.note(
                connection, Action.ORDER_READ, visitor().id, address(), at, earlier, order_no
            )

        note_reading(assembly, order_no, at)
        store.write(open_)
        view = store.read(lambda connection: order_view(connection, log.keys, earlier))
        words = words_of(assembly, topics)
        told = [
            (str(called), words.value(name, view[name]))
            for name, called in FIELDS.items()
            if view[name] not in (None, [], "") and name not in ("handler", "first_responder")
        ]
        return render_template("earlier.html", order_no=order_no, earlier=earlier, fields=told)

    def _ring_the_supervisor(connection: Connection, case: Case) -> None:
        """By telephone too, where whoever pressed talks with the caller."""
        row, (kind, _, _) = case.row, case.actor.partition(":")
        if row["t_answer"] is not None and row["t_end"] is None and kind == "counselor":
            _ask(connection, case, desk_requests.Kind.HELP)

    def _ask(connection: Connection, case: Case, kind: desk_requests.Kind) -> None:
        desk_requests.ask(
            connection, call_id=case.row["call_id"], order_no=case.order_no, kind=kind,
            counselor_id=case.actor.partition(":")[2], asked_by=case.actor, at=case.at,
        )  # fmt: skip

    def _warns(connection: Connection, case: Case) -> bool:
        """Is it the line that warns the caller: does whoever asks talk with them, by a carrier
        that can?"""
        call = talk_of(connection, visitor().id)
        mine = call is not None and call.order_no == case.order_no
        return call is not None and mine and desk_requests.Kind.WARN in PERFORMED[call.carrier]

    def _case(connection: Connection, order_no: str, *, to_read: bool = False) -> Case:
        """Of the station in charge; others are shown as if there were none."""
        who = visitor()
        case = Case(connection, log, order_no, now(), actor_of(connection, who), to_read=to_read)
        if not in_charge(who, case.row):
            abort(404)
        return case

    def _page(order_no: str, problem: str = "", *, ends: bool = False) -> str:
        def work(connection: Connection) -> dict[str, Any]:
            case = _case(connection, order_no, to_read=True)
            row = case.row
            named = {each[name] for each in row["alarms"] or () for name in ("by", "taken_by")}
            plan = contact_plans.plan_for(connection, log.keys, order_no, case.at)
            named |= {plan.by} if plan is not None else set()
            events = order_view(connection, log.keys, order_no)["events"]
            kinds = {event["kind"] for event in events}
            raised = {
                each["kind"]: {**each, "due_at": datetime.fromisoformat(each["due"])}
                for each in row["alarms"] or ()
            }
            return {
                "order_no": order_no,
                "row": row,
                "open": row["closed_at"] is None,
                "alarms": raised,
                "people": names_of(connection, named - {None}),
                "declared": "crisis_declared" in kinds,
                "safe": "safe_to_end" in kinds,
                "address": _address(connection, order_no, events),
                "place": row["region_incident"] and regions.name(row["region_incident"]),
                "numbers": local_lines(assembly, row["region_incident"]),
                "regions": [regions.name(region.code) for region in regions],
                "warns": _warns(connection, case),
                "silent": alarms.may_end_silent(row, case.at),
                "earlier": earlier_contact.named(connection, order_no),
                "checked": earlier_contact.checked(connection, order_no),
                "plan": plan,
                "at": case.at,
            }

        return render_template(
            "safety.html",
            part=by_htmx(),
            problem=problem,
            ends=ends,
            fields=log.fields,
            new_name=new_name,
            **store.read(work),
        )

    def _address(connection: Connection, order_no: str, events: list[View]) -> str:
        """What is known of where the caller is: as it was last written down."""
        written = notes_of(connection, log.keys, order_no)
        kinds = {event["seq"]: event["kind"] for event in events}
        for seq in sorted(written, reverse=True):
            if kinds[seq] in ("crisis_declared", "colleague_asked") and "address" in written[seq]:
                return written[seq]["address"]
        return ""

    return page


def _warned(connection: Connection, order_no: str) -> bool:
    asked = desk_requests.of_order(connection, order_no)
    return any(
        one.kind is desk_requests.Kind.WARN and one.state is not desk_requests.State.FAILED
        for one in asked
    )
