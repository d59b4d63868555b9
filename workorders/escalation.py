"""Telling of deadlines: reminders, and 督办 up the tree. What is told is an event of the order, so
that nobody is told twice and everybody can see who was; `deadlines.due` says to whom.

A job calls `tell_due` every minute, and passes on what it gives.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from config.database import one_at_a_time
from workorders.deadlines import REMINDER, Due, due, of_no_decision, undecided
from workorders.handover import lapse
from workorders.life import Case
from workorders.log import Log

TELLING = 19


def tell_due(
    connection: Connection,
    log: Log,
    at: datetime,
    parent: Callable[[str], str | None],
    duty_lead: Callable[[str], str | None],
) -> list[Due]:
    """Write what is to be told at `at`, and give it. A handover that nobody accepted in time makes
    the duty lead handler. What is left of many follows when called again.

    :param parent: the station above another. `duty_lead`: the counselor id of a station's.
    """
    one_at_a_time(connection, TELLING)
    return [
        each
        for each in due(connection, at)
        if _told(Case(connection, log, each.order_no, at, "system"), each, parent, duty_lead)
    ]


def _told(
    case: Case,
    due: Due,
    parent: Callable[[str], str | None],
    duty_lead: Callable[[str], str | None],
) -> bool:
    """False where somebody did what was waited for, just before."""
    if due.deadline.clock == "handover" and due.level > REMINDER:
        return lapse(case, duty_lead)
    rules = case.log.rules.deadlines
    at = case.at
    found = case.running(due.deadline.clock, due.deadline.of)
    if due.deadline.clock == "decision" and undecided(case.row):
        # Its clock is kept from now on.
        found = of_no_decision(rules, case.row)
        case.deadlines = (found,)
    if found is None or found.level_due(at) != due.level:
        return False
    told = found.after_telling(rules, case.risk, due.level, at)
    case.deadlines = tuple(told if each is found else each for each in case.deadlines)
    data = {"clock": found.clock, "of": found.of, "due": found.due, "to": due.told_to(parent)}
    if due.level == REMINDER:
        case.record("reminded", data)
    else:
        case.record("escalated", {**data, "level": due.level})
    return True
