"""What somebody of the station must see to at once, whoever it is: an alarm of an order.

Each has a clock, so that the tree is told where nobody comes, and stands in the order's row until
it is met, so that a page finds all of them by an index. Danger that drops is among them: it is
never redialled by a machine, people see to it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, cast, or_, select
from sqlalchemy import case as first_of

from workorders.decisions import class_non_consultation
from workorders.life import Case, NotPossible, must_say
from workorders.life_cycle import State
from workorders.order import Row, order_events, orders
from workorders.order_rules import Clock
from workorders.risk import assess

DROPPED: Clock = "dropped_crisis"
SUPERVISOR: Clock = "supervisor_comes"
COLLEAGUE: Clock = "colleague_reports"
MESSAGE: Clock = "message"
SLOWING: Clock = "slowing"
FOR_SUPERVISORS: Collection[Clock] = (DROPPED, SUPERVISOR, SLOWING)

MORE_THAN_A_MESSAGE: Collection[Clock] = (*FOR_SUPERVISORS, COLLEAGUE)

MOST_SHOWN = 50
ENDED_WELL = ("safe_to_end", "silent_ended")
SILENT_AT_LEAST = timedelta(minutes=3)
SILENT_CALL = "N1"
"""无声 in order_fields.yaml."""

c = orders.c


def waiting(connection: Connection, where: ColumnElement[bool]) -> list[Row]:
    """Orders with an alarm, of those that `where` holds of: danger before messages, then the
    oldest first."""
    urgent = or_(*(cast(c.alarms, String).contains(f'"{kind}"') for kind in MORE_THAN_A_MESSAGE))
    query = (
        select(c.order_no, c.alarms, c.handler, c.risk, c.station_home, c.station_answering)
        .where(c.alarms.is_not(None), where)
        .order_by(first_of((urgent, 0), else_=1), c.order_no)
        .limit(MOST_SHOWN)
    )
    return [row._mapping for row in connection.execute(query)]


def crisis_dropped(case: Case) -> None:
    """The caller is gone who told of danger, and nobody had said that it was safe to end. What
    isn't assessed is reviewed, and never shown as low."""
    if case.state is State.CLOSED or _said_safe(case):
        return
    if case.risk is None:
        assess(case, "RX", crisis_key=True)
    raised(case, DROPPED, "crisis_dropped")


def message_waits(case: Case, in_hours: bool) -> None:
    """A message is to be heard by somebody: sooner while the station is staffed."""
    if case.state is State.CLOSED:
        return
    rules = case.log.rules.deadlines
    due = None if in_hours else rules.message_out_of_hours.after(case.at)
    raised(case, MESSAGE, "message_waits", due)


def press(case: Case, address: str = "") -> None:
    """The crisis button: the recording is kept, the supervisor is called.

    :param address: where the caller is, as far as it is known; personal.
    """
    notes = {"address": address.strip()}
    raised(case, SUPERVISOR, "crisis_declared", notes=notes, recording_held=True)


def ask_colleague(case: Case, address: str) -> None:
    """代为报警: somebody else reports while the counselor talks on.

    :param address: where the police must go, or what is known of it; personal.
    """
    must_say("the address, or what is known of it,", address)
    raised(case, COLLEAGUE, "colleague_asked", notes={"address": address.strip()})


def place(case: Case, region: str) -> None:
    """Where the incident is, as the counselor was told: whose 110 it is."""
    case.record("incident_placed", region_incident=region)


def take(case: Case, alarm: Clock) -> None:
    """The actor sees to it. The supervisor who comes has come; what else there is stays until it
    is done."""
    every = [dict(each) for each in case.row["alarms"] or ()]
    found = next((each for each in every if each["kind"] == alarm), None)
    if found is None:
        raise NotPossible(f"alarm: {alarm} is over")
    if found["taken_by"] is not None:
        raise NotPossible(f"alarm: {found['taken_by']} has taken it")
    found.update(taken_by=case.actor, taken_at=case.at)
    if alarm == SUPERVISOR:
        case.end(alarm)
        every.remove(found)
    case.record("alarm_taken", {"clock": alarm}, alarms=every or None)


def met(case: Case, alarm: Clock) -> list[Mapping[str, Any]] | None:
    """The order's alarms once this one is met; its clock ends."""
    case.end(alarm)
    return [each for each in case.row["alarms"] or () if each["kind"] != alarm] or None


def drop_seen_to(case: Case, what_was_done: str) -> None:
    """A supervisor has seen to a crisis call that dropped.

    :param what_was_done: personal.
    """
    must_say("what was done", what_was_done)
    if case.running(DROPPED) is None:
        raise NotPossible(f"alarm: {DROPPED} is over")
    case.record("drop_seen_to", notes={"opinion": what_was_done}, alarms=met(case, DROPPED))


def colleague_reported(case: Case) -> None:
    """Whoever was asked has reported: the report itself is one of `reports.report`."""
    if case.running(COLLEAGUE) is None:
        raise NotPossible(f"alarm: {COLLEAGUE} is over")
    case.record("colleague_reported", alarms=met(case, COLLEAGUE))


def hear(case: Case) -> None:
    """Somebody has heard the caller's message."""
    if case.running(MESSAGE) is None:
        raise NotPossible("message: somebody has heard it, or there is none")
    case.record("message_heard", alarms=met(case, MESSAGE))


def safe_to_end(case: Case) -> None:
    """The counselor says that the caller is safe for now: the call may end."""
    case.record("safe_to_end")


def end_silent(case: Case) -> None:
    """无声: nobody was heard, after the silent protocol; the counselor ends the call. Its risk
    isn't known: never low, and reviewed."""
    if not may_end_silent(case.row, case.at):
        raise NotPossible("silent: listen for 3 minutes first")
    case.must_allow("silent_ended")
    if case.risk is None:
        assess(case, "RX", crisis_key=True)
    case.record("silent_ended")
    class_non_consultation(case, SILENT_CALL)


def may_end_silent(row: Row, at: datetime) -> bool:
    """A silent call may be ended by the counselor, who has listened for long enough."""
    answered: datetime | None = row["t_answer"]
    return answered is not None and at >= answered + SILENT_AT_LEAST


def _said_safe(case: Case) -> bool:
    e = order_events.c
    query = select(e.seq).where(e.order_no == case.order_no, e.kind.in_(ENDED_WELL)).limit(1)
    return case.connection.execute(query).first() is not None


def raised(
    case: Case,
    alarm: Clock,
    kind: str,
    due: datetime | None = None,
    *,
    notes: Mapping[str, str | None] | None = None,
    **columns: Any,
) -> None:
    """An alarm of this kind is raised by an event; where there is one, the event only says so
    again."""
    case.must_allow(kind)
    due = case.start(alarm, due=due)
    every = [dict(each) for each in case.row["alarms"] or ()]
    if not any(each["kind"] == alarm for each in every):
        raised = {"kind": alarm, "at": case.at, "by": case.actor, "due": due}
        every.append({**raised, "taken_by": None, "taken_at": None})
    case.record(kind, {"clock": alarm}, notes=notes, alarms=every, **columns)
