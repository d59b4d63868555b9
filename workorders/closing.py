"""Closing 办结 and reopening. An order is closed only with what its outcomes and its risk demand
(`config/closing.yaml`), and while nothing is under way."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from workorders.handover import pending
from workorders.life import Case, NotPossible, must_say
from workorders.life_cycle import State
from workorders.order import order_events
from workorders.order_rules import Clock
from workorders.personal import PERSONAL_FIELDS, order_secrets

MET_BY_CLOSING: tuple[Clock, ...] = ("reply", "decision", "closing")


def missing(case: Case) -> list[str]:
    """What keeps the order from being closed, in words for the form; empty when nothing does."""
    return list(_missing(case))


def close(case: Case) -> None:
    """办结. Raises NotPossible with all that is missing in one line."""
    lacking = missing(case)
    if lacking and case.state is not State.CLOSED:
        raise NotPossible("not to be closed yet: " + "; ".join(lacking))
    for clock in MET_BY_CLOSING:
        case.meet(clock)
    case.record("closed")


def reopen(case: Case, reason: str) -> None:
    """Take it up again; the caller waits for a reply. It needs no new decision to be closed again.

    :param reason: personal.
    """
    case.start("reply")
    case.record("reopened", notes={"reason": must_say("the reason", reason)})


def _missing(case: Case) -> Iterator[str]:
    rules = case.log.rules
    outcomes = case.outcomes()
    if not outcomes:
        yield "nobody said what becomes of it (outcomes)"
    if case.state is State.ASSESSING:
        yield "the joint assessment is not concluded"
    for name in _fields(case, outcomes):
        yield f"{name} is not filled in"
    events = {event for each in outcomes for event in rules.closing.outcomes[each].events}
    yield from (f"{event} has not happened" for event in sorted(events - _kinds(case)))
    if case.risk is not None and not rules.deadlines.risks[case.risk].closable:
        yield f"its risk is {case.risk}"
    if pending(case.row) is not None:
        yield "a handover is not answered"
    yield from (
        f"report {each['no']} has no receipt number"
        for each in case.items("reports")
        if not each["receipt_no"]
    )
    for each in case.deadlines:
        if each.runs and each.clock not in MET_BY_CLOSING:
            about = f" {each.of}" if isinstance(each.of, int) else ""
            yield f"{each.clock}{about} is still waited for"


def _fields(case: Case, outcomes: list[str]) -> list[str]:
    """The fields that are demanded and empty. Nobody can write personal ones any more once the
    order's data were deleted."""
    closing = case.log.rules.closing
    demanded = [name for each in outcomes for name in closing.fields_of(each)]
    demanded += closing.risks.get(case.risk or "", ())
    secrets = case.connection.execute(
        select(order_secrets).where(order_secrets.c.order_no == case.order_no)
    ).one()
    given = {**case.row, **secrets._mapping}
    forgotten = frozenset(PERSONAL_FIELDS if secrets.wrapped_key is None else ())
    return [
        name
        for name in dict.fromkeys(demanded)
        if given[name] in (None, []) and name not in forgotten
    ]


def _kinds(case: Case) -> set[str]:
    return set(
        case.connection.execute(
            select(order_events.c.kind).where(order_events.c.order_no == case.order_no).distinct()
        ).scalars()
    )
