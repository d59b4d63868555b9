"""待办: what is waited for, of the visitor and of their station, what is overdue first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, render_template
from sqlalchemy import Connection, select, text

from config.topics import load_topics
from console import audit
from console.accounts import Account
from console.audit import Action
from console.people import actor_of, names_of
from console.timeline import words_of
from console.visible import known_to, still_theirs
from console.visitor import address, needs, visitor
from ivr.assembly import Assembly
from workorders.deadlines import OF_A_STATION, Deadline, kept, of_no_decision
from workorders.handover import STATION, pending
from workorders.order import UNDECIDED, Row, orders, station_in_charge

SHOWN = 200
"""More are not looked through: the rest follows once these are done."""

SENT_OUT = {
    "referral_signed": "referrals", "referral_replied": "referrals",
    "dispatch_signed": "dispatches", "dispatch_done": "dispatches",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Task:
    order_no: str
    deadline: Deadline
    handler: str
    risk: str | None
    mine: bool


def pages(assembly: Assembly, now: Callable[[], datetime]) -> Blueprint:
    page = Blueprint("tasks", __name__, url_prefix="/tasks")
    store = assembly.store
    topics = load_topics(assembly.settings.stations_directory)

    @page.get("/")
    @needs(lambda may: may.acts)
    def show() -> str:
        who, at, here = visitor(), now(), address()

        def work(connection: Connection) -> tuple[list[Task], dict[str, str]]:
            actor = actor_of(connection, who)
            found = sorted(
                _tasks(connection, assembly, who, actor), key=lambda task: task.deadline.due
            )[:SHOWN]
            return found, names_of(connection, {task.handler for task in found})

        found, people = store.read(work)
        store.write(lambda c: audit.note(c, Action.ORDERS_LISTED, who.id, here, at, detail="tasks"))
        return render_template(
            "tasks.html",
            mine=[task for task in found if task.mine],
            others=[task for task in found if not task.mine],
            at=at,
            said=words_of(assembly, topics, people),
        )

    return page


def _tasks(connection: Connection, assembly: Assembly, who: Account, actor: str) -> Iterator[Task]:
    theirs_ = known_to(who, assembly.stations)
    open_ = orders.c.closed_at.is_(None) & orders.c.deadlines.is_not(None)
    for row in connection.execute(select(orders).where(theirs_, open_)):
        for each in kept(row._mapping):
            if each.runs and _waits_for(who, actor, row._mapping, each):
                yield _task(row._mapping, each, who, actor)
    rules = assembly.log.rules.deadlines
    for row in connection.execute(select(orders).where(theirs_, text(UNDECIDED))):
        clock = of_no_decision(rules, row._mapping)
        if _waits_for(who, actor, row._mapping, clock):
            yield _task(row._mapping, clock, who, actor)


def _waits_for(who: Account, actor: str, row: Row, deadline: Deadline) -> bool:
    """Is it this visitor, or their station, that is waited for?"""
    column = SENT_OUT.get(deadline.clock)
    if column is not None:
        sent = next((each for each in row[column] or () if each["no"] == deadline.of), None)
        if sent is not None and still_theirs(who, sent):
            return True
    if not who.may.work:
        return False
    if deadline.clock in OF_A_STATION:
        return deadline.of == who.station
    waiting = pending(row)
    if deadline.clock == "handover" and waiting is not None and waiting["to"] == actor:
        return True
    return station_in_charge(row) == who.station


def _task(row: Row, deadline: Deadline, who: Account, actor: str) -> Task:
    waiting = pending(row) if deadline.clock == "handover" else None
    of = waiting["to"] if waiting else row["handler"]
    lead = who.may.review and of == f"{STATION}{who.station}"
    return Task(
        row["order_no"], deadline, row["handler"], row["risk"],
        of == actor or lead or who.may.answers,
    )  # fmt: skip
