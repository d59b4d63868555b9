"""Laws of an order's life, whatever people do in whatever order, on both stores."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from config.database import Store
from tests.order_life import FORM, MONDAY, Desk
from workorders import (
    assessments,
    closing,
    decisions,
    follow_ups,
    handover,
    reports,
    risk,
    sent_out,
)
from workorders.deadlines import kept, next_due
from workorders.escalation import tell_due
from workorders.life import Case
from workorders.life_cycle import State
from workorders.log import Log
from workorders.order import FIELDS, derive, order_events, orders
from workorders.verify import verify

Act = Callable[[Case], object]

PARENT: dict[str, str] = {"440100": "440000"}
NUMBERS = st.integers(1, 2)
STATIONS = st.sampled_from(["440100", "530100", "430100"])
WHOM = st.sampled_from(["本人", "监护人"])
TEXT = st.sampled_from(["话", "话", "话", ""])
RISKS = st.sampled_from(["R4", "R3", "R2", "R1", "RX"])


def _do(act: Callable[..., object], *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Act]:
    return st.tuples(*arguments).map(lambda given: lambda case: act(case, *given))


def _later(act: Callable[..., object], *arguments: Any) -> Act:
    """`arguments` may hold a function of the case."""
    return lambda case: act(case, *(each(case) if callable(each) else each for each in arguments))


def _tell(case: Case) -> None:
    tell_due(case.connection, case.log, case.at, PARENT.get, PARENT.get)


def _fill_in(case: Case, names: list[str]) -> None:
    form = {name: FORM[name] for name in names}
    case.log.fill_in(case.connection, case.order_no, case.at, case.actor, form)


def _work_it_off(case: Case) -> None:
    """What most orders want before they are closed."""
    _fill_in(case, list(FORM))
    if case.risk is None:
        risk.assess(case, "R1")
    decisions.answer_directly(case)
    risk.review(case, "话")
    risk.supervise(case, "话")
    reports.suspect_harm(case, "话", "否")
    reports.report(case, "公安", "电话", case.at, "警官", "1")
    follow_ups.follow_up(case, None, "本人", "已联系", "话")


def _tomorrow(case: Case) -> Any:
    return case.at + timedelta(days=1)


ACTS: st.SearchStrategy[Act] = st.one_of(
    _do(_fill_in, st.lists(st.sampled_from(sorted(FORM)), unique=True)),
    st.just(lambda case: _fill_in(case, list(FORM))),
    _do(decisions.answer_directly, TEXT),
    _do(decisions.record_outcome, st.sampled_from(["危机干预", "三方转接", "转介", "来电人终止"])),
    _do(decisions.class_non_consultation, st.sampled_from(["N1", "L1"])),
    WHOM.map(lambda whom: _later(decisions.appoint, "面询", _tomorrow, whom)),
    _do(decisions.keep_appointment, NUMBERS),
    _do(decisions.miss_appointment, NUMBERS, TEXT),
    _do(sent_out.refer, st.sampled_from(["公安", "月球"]), TEXT),
    _do(sent_out.dispatch, st.just("合作单位"), TEXT, TEXT),
    *(_do(act, NUMBERS) for act in (sent_out.sign_referral, sent_out.sign_dispatch)),
    *(
        _do(act, NUMBERS, TEXT)
        for act in (
            sent_out.refuse_referral,
            sent_out.refuse_dispatch,
            sent_out.reply_to_referral,
            sent_out.finish_dispatch,
            reports.give_receipt,
        )
    ),
    _do(reports.suspect_harm, TEXT, st.sampled_from(["是", "否"])),
    TEXT.map(lambda no: _later(reports.report, "公安", "电话", lambda case: case.at, "警官", no)),
    _do(risk.assess, RISKS, TEXT),
    _do(risk.review, TEXT),
    _do(risk.supervise, TEXT),
    WHOM.map(lambda whom: _later(follow_ups.plan_follow_up, _tomorrow, whom)),
    _do(follow_ups.follow_up, st.none() | NUMBERS, WHOM, st.sampled_from(["已联系", "未联系上"])),
    _do(handover.offer, st.sampled_from(["counselor:2", "counselor:3"]), TEXT),
    _do(handover.open_cross_region, STATIONS, TEXT),
    _do(handover.accept, st.none() | STATIONS),
    _do(handover.decline, TEXT, st.none() | STATIONS),
    st.just(lambda case: handover.lapse(case, PARENT.get)),
    _do(assessments.convene, st.lists(STATIONS, max_size=2), TEXT),
    _do(assessments.sign_off, STATIONS, TEXT),
    _do(assessments.conclude, TEXT),
    st.just(_tell),
    _do(closing.reopen, TEXT),
)
OFTEN: st.SearchStrategy[Act] = st.sampled_from(
    [
        _work_it_off,
        _work_it_off,
        closing.close,
        closing.close,
        *(partial(risk.assess, risk=each, evidence="话") for each in ("R4", "R2")),
    ]
)
STEPS = st.tuples(
    st.booleans().flatmap(lambda often: OFTEN if often else ACTS),
    st.sampled_from(["counselor:1", "counselor:2", "supervisor:3"]),
    st.sampled_from([timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)]),
)
calls = count()


def stored(connection: Connection, order_no: str) -> tuple[dict[str, Any], list[Any]]:
    row = connection.execute(select(orders).where(orders.c.order_no == order_no)).one()
    events = connection.execute(
        select(order_events).where(order_events.c.order_no == order_no).order_by(order_events.c.seq)
    ).all()
    return dict(row._mapping), list(events)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=st.lists(STEPS, min_size=5, max_size=16))
def test_laws(store: Store, log: Log, steps: list[tuple[Act, str, timedelta]]) -> None:
    desk = Desk(store, log, f"call-{next(calls)}")
    at = MONDAY
    for act, actor, passes in steps:
        at += passes
        before = store.read(lambda c: stored(c, desk.order_no))
        lacking = desk.lacks(at)
        refusal = None
        try:
            desk.does(act, by=actor, after=at - MONDAY)
        except ValueError as error:
            refusal = str(error)
        row, events = store.read(lambda c: stored(c, desk.order_no))
        if refusal is not None:
            assert len(refusal.splitlines()) == 1
            assert (row, events) == before, "what is refused changes nothing"
        _check_row(row, events)
        if row["state"] == State.CLOSED and before[0]["state"] != State.CLOSED:
            assert lacking == [], "nothing closes without what its kind demands"
            event("closed")
        if before[0]["risk"] == "R4" and row["risk"] != "R4":
            proposed = [each["by"] for each in before[0]["lowering"] if each["risk"] == row["risk"]]
            assert {actor, *proposed} > {actor}, "two persons lower the highest risk"
            event("R4 lowered")


def _check_row(row: dict[str, Any], events: list[Any]) -> None:
    truth = derive((e.kind, e.at, e.actor, e.data) for e in events)
    assert {name: row[name] for name in FIELDS} == truth
    assert row["handler"], "an order never lacks a handler"
    assert row["first_responder"] == "counselor:1"
    closed = row["state"] == State.CLOSED
    assert (row["closed_at"] is not None) == closed
    deadlines = kept(row)
    assert all(each.due >= each.start for each in deadlines)
    assert row["deadlines"] is None or closed != any(each.runs for each in deadlines)
    assert row["next_due"] == next_due(deadlines)


@pytest.mark.parametrize("kind", ["closed", "reopened", "assessment_signed"])
def test_no_writer_gets_round_the_table(store: Store, log: Log, kind: str) -> None:
    desk = Desk(store, log)
    with pytest.raises(ValueError, match="is not possible while the order is received"):
        store.write(lambda c: log.append(c, desk.order_no, kind, MONDAY, "engine", {}))
    with pytest.raises(ValueError, match="'deadlines' is not set by a 'queued' event"):
        store.write(
            lambda c: log.append(c, desk.order_no, "queued", MONDAY, "engine", {}, deadlines=[])
        )
    assert verify(store, log.keys, Path("nowhere")) == []
