"""What people do to an order on its page: the acts that are offered to them, and doing one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from console.accounts import Account, partners
from console.acts import ACTS, Act, Given, offered
from console.forms import came_back
from console.people import actor_of, colleagues
from console.reading import known, note_reading
from console.refusals import REFUSED, lacks, said
from console.roles import Orders
from console.visible import in_charge, still_theirs, went_back
from console.visitor import needs, visitor
from ivr.assembly import Assembly
from workorders.canonical import SHANGHAI
from workorders.closing import missing
from workorders.life import Case
from workorders.life_cycle import State
from workorders.notes import notes_of
from workorders.once import done_before, new_name
from workorders.order import Row, station_in_charge
from workorders.views import View, order_view

Answer = Response | str | tuple[str, int]

SENT = {"referred": "referrals", "dispatched": "dispatches"}


def pages(assembly: Assembly, now: Callable[[], datetime]) -> Blueprint:
    page = Blueprint("order_acts", __name__, url_prefix="/orders")
    store, log = assembly.store, assembly.log

    @page.post("/<order_no>/acts/<name>")
    @needs(lambda may: may.acts)
    def do(order_no: str, name: str) -> Answer:
        row = store.read(lambda c: known(c, assembly.stations, visitor(), order_no))
        if row is not None and went_back(visitor(), row):
            return redirect(url_for("orders.show", order_no=order_no), 303)  # It says so.
        note_reading(assembly, order_no, now())
        act, at, who = ACTS.get(name), now(), visitor()
        if act is None:
            abort(404)
        given = Given(request.form, dict(request.form.lists()))
        form = came_back(request.form)

        def work(connection: Connection) -> bool:
            case = Case(connection, log, order_no, at, actor_of(connection, who))
            if done_before(case, form) is not None:
                return True
            if (given.number or None) not in act.offered(who, case.row):
                case.must_allow(act.kind)
                abort(403)
            act.do(case, given, who)
            return False

        try:
            again = store.write(work)
        except REFUSED as refusal:
            told = {"problem": said(refusal), "at_act": name, "at_number": given.number or None}
            return _page(order_no, request.form, **told), 422
        twice = "1" if again else None
        return redirect(url_for("orders.show", order_no=order_no, done=name, again=twice), 303)

    def _page(order_no: str, typed: MultiDict[str, str], **told: Any) -> str:
        acts = store.read(lambda c: shown_acts(c, assembly, order_no, now(), typed=typed, **told))
        return render_template("acts_page.html", acts=acts, order_no=order_no)

    return page


def shown_acts(
    connection: Connection, assembly: Assembly, order_no: str, at: datetime, **told: Any
) -> dict[str, Any]:
    """What the acts' template shows to the visitor.

    :param told: `done`, the name of an act, and whether it was done before, `again`; or `problem`,
        with the act it is `at_act`, `at_number`, and what was `typed`.
    """
    who, log = visitor(), assembly.log
    case = Case(connection, log, order_no, at, actor_of(connection, who), to_read=True)
    row = case.row
    every = list(offered(who, row))
    lacking = missing(case) if in_charge(who, row) and case.state is not State.CLOSED else []
    done = ACTS.get(told.pop("done", None) or "")
    possible = {(act.name, number) for act, number in every}
    return {
        "order_no": order_no,
        "new_name": new_name,
        "offered": [each for each in every if not (each[0].name == "close" and lacking)],
        "lacking": [lacks(each) for each in lacking],
        "asked": _asked(connection, assembly, who, row),
        "fields": log.fields,
        "colleagues": _colleagues(connection, row),
        "stations": _stations(connection, assembly, [act for act, _ in every]),
        "now": at.astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M"),
        "done": done,
        "again": None,
        "nothing": MultiDict(),
        "still_offered": (told.get("at_act"), told.get("at_number")) in possible,
        "undone": _written(told.get("at_act"), told.get("typed")),
        **told,
    }


def _written(name: str | None, typed: MultiDict[str, str] | None) -> list[tuple[str, str]]:
    """What was written for an act that was refused, each with what it is."""
    if name is None or typed is None:
        return []
    written = [(field.label, " ".join(typed.getlist(field.name))) for field in ACTS[name].fields]
    return [(label, text) for label, text in written if text.strip()]


def _asked(
    connection: Connection, assembly: Assembly, who: Account, row: Row
) -> list[tuple[str, int, Mapping[str, str]]]:
    """What the visitor was sent: kind, number and words of each referral or dispatch."""
    if who.may.orders is Orders.NONE or in_charge(who, row):
        return []
    mine = {
        (kind, each["no"])
        for kind, column in SENT.items()
        for each in row[column] or ()
        if still_theirs(who, each)
    }
    if not mine:
        return []
    keys = assembly.log.keys
    notes = notes_of(connection, keys, row["order_no"])
    events: list[View] = order_view(connection, keys, row["order_no"])["events"]
    return [
        (event["kind"], event["data"]["number"], notes.get(event["seq"], {}))
        for event in events
        if (event["kind"], event["data"].get("number")) in mine
    ]


def _colleagues(connection: Connection, row: Row) -> list[tuple[str, str]]:
    found = colleagues(connection, station_in_charge(row) or "")
    return [(actor, name) for actor, name in found if actor != row["handler"]]


def _stations(connection: Connection, assembly: Assembly, acts: list[Act]) -> list[tuple[str, str]]:
    """Stations, each with its name; for a dispatch the partners that have an account, too."""
    kinds = {field.kind for act in acts for field in act.fields}
    if not kinds & {"station", "stations"}:
        return []
    found = [(station, assembly.stations.name(station)) for station in assembly.stations]
    dispatches = any(act.kind == "dispatched" for act in acts)
    return [*found, *((unit, "") for unit in partners(connection) if dispatches)]
