"""For those above the stations: the contents of one order, for a case's purpose that is recorded
and shown to its station."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, render_template, request
from sqlalchemy import Connection, select

from config.topics import load_topics
from console import audit
from console.audit import Action
from console.pages.orders import LONGEST_REASON, SHORTEST_REASON
from console.timeline import words_of
from console.visible import branch
from console.visitor import address, needs, visitor
from console.words import FIELDS
from ivr.assembly import Assembly
from workorders.order import orders
from workorders.views import order_view


def pages(assembly: Assembly, now: Callable[[], datetime]) -> Blueprint:
    page = Blueprint("cases", __name__, url_prefix="/cases")
    store, stations = assembly.store, assembly.stations
    topics = load_topics(assembly.settings.stations_directory)

    @page.get("/")
    @needs(lambda may: may.cases)
    def ask() -> str:
        return render_template("case.html", order_no="", purpose="", problem="")

    @page.post("/")
    @needs(lambda may: may.cases)
    def open_() -> str | tuple[str, int]:
        """This once: looked at again, it is asked for again."""
        order_no = request.form.get("order_no", "").strip()
        purpose = " ".join(request.form.get("purpose", "").split())[:LONGEST_REASON]
        if len(purpose) < SHORTEST_REASON:
            return _refused(order_no, purpose, "purpose")
        who, at, here = visitor(), now(), address()
        homes = sorted(branch(stations, who.station))

        def work(connection: Connection) -> bool:
            in_branch = (orders.c.order_no == order_no) & orders.c.station_home.in_(homes)
            if connection.execute(select(orders.c.order_no).where(in_branch)).first() is None:
                return False
            audit.note(connection, Action.CASE_OPENED, who.id, here, at, order_no, purpose)
            return True

        if not store.write(work):
            return _refused(order_no, purpose, "order")
        view = store.read(lambda c: order_view(c, assembly.log.keys, order_no))
        said = words_of(assembly, topics)
        fields = [
            (str(called), said.value(name, view[name]))
            for name, called in FIELDS.items()
            if view[name] not in (None, [], "") and name not in ("handler", "first_responder")
        ]
        return render_template("case_opened.html", order_no=order_no, fields=fields)

    def _refused(order_no: str, purpose: str, problem: str) -> tuple[str, int]:
        page_ = render_template("case.html", order_no=order_no, purpose=purpose, problem=problem)
        return page_, 422

    return page
