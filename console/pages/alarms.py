"""What somebody of the station must see to at once, for all of its pages; and plans that are to be
looked at again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, render_template
from sqlalchemy import Connection, func

from config.topics import load_topics
from console import audit
from console.audit import Action
from console.people import names_of
from console.timeline import words_of
from console.visitor import address, asked_by_the_page, needs, visitor
from ivr.assembly import Assembly
from workorders import alarms, contact_plans
from workorders.order import Row, orders

c = orders.c


def pages(assembly: Assembly, now: Callable[[], datetime]) -> Blueprint:
    page = Blueprint("alarms", __name__, url_prefix="/alarms")
    store = assembly.store
    topics = load_topics(assembly.settings.stations_directory)

    def _raised(connection: Connection) -> list[Row]:
        in_charge = func.coalesce(c.station_lead, c.station_answering, c.station_home)
        return alarms.waiting(connection, in_charge == visitor().station)

    @page.get("/")
    @needs(lambda may: may.work)
    def show() -> str:
        who, at = visitor(), now()

        def work(
            connection: Connection,
        ) -> tuple[list[Row], dict[str, str], list[tuple[str, datetime]]]:
            found = _raised(connection)
            named = {each["taken_by"] for row in found for each in row["alarms"]}
            plans = contact_plans.to_review(connection, who.station, at)
            return found, names_of(connection, named - {None}), plans

        found, people, plans = store.read(work)
        store.write(
            lambda connection: audit.note(
                connection, Action.ORDERS_LISTED, who.id, address(), at, detail="alarms"
            )
        )
        return render_template(
            "alarms.html",
            found=[
                (row["order_no"], {**each, "due_at": datetime.fromisoformat(each["due"])})
                for row in found
                for each in row["alarms"]
            ],
            plans=plans,
            at=at,
            said=words_of(assembly, topics, people),
        )

    @page.get("/count")
    @needs(lambda may: may.work)
    @asked_by_the_page
    def count() -> str:
        """Asked again and again by every page."""
        many = sum(len(row["alarms"]) for row in store.read(_raised))
        return render_template("alarm_count.html", many=many)

    return page
