"""How many orders the stations of a branch have had: figures, no persons."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, render_template, request
from sqlalchemy import Connection, Row, case, func, select

from console.visible import branch
from console.visitor import needs, visitor
from ivr.assembly import Assembly
from workorders.canonical import SHANGHAI
from workorders.order import orders

DAYS = (1, 7, 30)

c = orders.c


def pages(assembly: Assembly, now: Callable[[], datetime]) -> Blueprint:
    page = Blueprint("figures", __name__, url_prefix="/figures")
    stations = assembly.stations

    @page.get("/")
    @needs(lambda may: may.figures)
    def show() -> str:
        days = request.args.get("days", DAYS[0], type=int)
        days = days if days in DAYS else DAYS[0]
        today = now().astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
        since = today - timedelta(days=days - 1)
        theirs = branch(stations, visitor().station)
        rows = assembly.store.read(lambda connection: _counted(connection, since))
        found = [
            (stations.name(row.station_home), row) for row in rows if row.station_home in theirs
        ]
        return render_template("figures.html", stations=found, days=days, choices=DAYS)

    return page


def _counted(connection: Connection, since: datetime) -> list[Row[Any]]:
    """Orders by home station: all, answered, answered elsewhere, left in the queue, messages, not
    closed."""

    def those(condition: Any) -> Any:
        return func.sum(case((condition, 1), else_=0))

    return list(
        connection.execute(
            select(
                c.station_home,
                func.count().label("offered"),
                those(c.t_answer.is_not(None)).label("answered"),
                those(c.station_answering != c.station_home).label("elsewhere"),
                those(c.outcome == "abandoned_in_queue").label("abandoned"),
                those(c.outcome == "voicemail").label("messages"),
                those(c.closed_at.is_(None)).label("open"),
            )
            .where(c.t_offer >= since)
            .group_by(c.station_home)
            .order_by(c.station_home)
        )
    )
