"""Clocks, working days, reminders and escalation 督办."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree

import pytest
from hypothesis import given
from hypothesis import strategies as st

import config
from config.database import Store
from config.yaml_file import ConfigErrors
from tests.order_life import MONDAY, Desk
from workorders import closing, decisions, handover, reports, risk, sent_out
from workorders.canonical import SHANGHAI
from workorders.deadlines import REMINDER, Deadline, Due, due, running, telling_begins
from workorders.escalation import tell_due
from workorders.log import Log
from workorders.order_rules import Period, order_rules, read_order_rules
from workorders.working_days import end_of_working_day, is_working_day

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LEADS: dict[str, str] = {"440100": "gz-huang"}
PARENT: dict[str, str] = {"440100": "440000", "440000": "100000", "530100": "530000"}


@pytest.fixture
def desk(store: Store, log: Log) -> Desk:
    return Desk(store, log)


def shanghai(year: int, month: int, day: int, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("start", "days", "ends"),
    [
        (shanghai(2026, 11, 23, 10), 1, shanghai(2026, 11, 25)),
        (shanghai(2026, 11, 27, 18), 1, shanghai(2026, 12, 1)),  # Friday: until Monday's end
        (shanghai(2026, 9, 30, 9), 1, shanghai(2026, 10, 9)),  # the National Day holidays
        (shanghai(2026, 10, 9, 9), 1, shanghai(2026, 10, 11)),  # 调休: a Saturday at work
        (shanghai(2040, 1, 6, 9), 1, shanghai(2040, 1, 10)),  # nobody knows its holidays yet
        (datetime(2026, 11, 23, 16, 30, tzinfo=UTC), 1, shanghai(2026, 11, 26)),  # past midnight
    ],
)
def test_working_days(start: datetime, days: int, ends: datetime) -> None:
    assert end_of_working_day(start, days) == ends


INSTANTS = st.timedeltas(timedelta(days=-600), timedelta(days=500)).map(MONDAY.__add__)
PERIODS = st.builds(Period, st.integers(1, 40), st.sampled_from(["min", "h", "working days"]))


@given(start=INSTANTS, period=PERIODS, level=st.integers(0, 3))
def test_no_deadline_ends_before_its_start(start: datetime, period: Period, level: int) -> None:
    rules = order_rules().deadlines
    end = period.after(start)
    assert end > start
    deadline = Deadline.starting(rules, "reply", start, end)
    assert deadline.tell_at is not None
    assert start <= deadline.tell_at <= deadline.due
    assert Deadline.of_row(deadline.row()) == deadline
    later = deadline.after_telling(rules, "R1", level, end)
    assert later.tell_at is None or later.tell_at >= end
    assert Deadline.starting(rules, "appointment", start, start - HOUR).due == start


@given(start=INSTANTS, days=st.integers(1, 30))
def test_the_last_day_is_a_working_day(start: datetime, days: int) -> None:
    end = end_of_working_day(start, days).astimezone(SHANGHAI)
    last = (end - timedelta(hours=1)).date()
    assert is_working_day(last)
    first = start.astimezone(SHANGHAI).date()
    between = (first + timedelta(days=n) for n in range(1, (last - first).days + 1))
    assert sum(map(is_working_day, between)) == days


def tells(desk: Desk, at: datetime) -> list[Due]:
    return desk.store.write(lambda c: tell_due(c, desk.log, at, PARENT.get, LEADS.get))


def told(desk: Desk, at: datetime) -> list[tuple[str, int, str]]:
    """What the job tells."""
    found = desk.store.read(lambda c: due(c, at))
    assert tells(desk, at) == found
    assert tells(desk, at) == [], "told twice"
    return [(each.deadline.clock, each.level, each.told_to(PARENT.get)) for each in found]


def test_a_reminder_then_up_the_tree(desk: Desk) -> None:
    desk.does(risk.assess, "R3")
    assert told(desk, MONDAY + 44 * MINUTE) == []
    assert told(desk, MONDAY + 45 * MINUTE) == [("report", REMINDER, "counselor:1")]
    assert told(desk, MONDAY + 59 * MINUTE) == []
    for minutes, level, station in ((60, 1, "440100"), (90, 2, "440000"), (120, 3, "100000")):
        assert told(desk, MONDAY + (minutes - 1) * MINUTE) == []
        assert told(desk, MONDAY + minutes * MINUTE) == [("report", level, f"station:{station}")]
    assert told(desk, MONDAY + 12 * HOUR) == []
    kinds = [event["kind"] for event in desk.view["events"]]
    assert kinds[-4:] == ["reminded", "escalated", "escalated", "escalated"]
    desk.does(reports.report, "公安", "电话", MONDAY, "李警官", after=12 * HOUR)
    assert {each[0] for each in told(desk, MONDAY + 30 * DAY)} == {"supervision", "follow_up"}


def test_after_a_pause_of_the_job_late_is_told_as_late(desk: Desk) -> None:
    desk.does(reports.suspect_harm, "家暴")
    assert told(desk, MONDAY + DAY) == [("report", 1, "station:440100")]
    assert told(desk, MONDAY + DAY) == []


def test_an_order_nobody_decided_on(desk: Desk) -> None:
    assert told(desk, MONDAY + DAY) == []
    assert told(desk, MONDAY + 30 * HOUR) == [("decision", REMINDER, "counselor:1")]
    assert told(desk, MONDAY + 38 * HOUR) == [("decision", 1, "station:440100")]
    desk.does(decisions.answer_directly, after=39 * HOUR)
    assert told(desk, MONDAY + 9 * DAY) == []


def test_answers_from_before_anybody_was_told_are_not_all_told_at_once(desk: Desk) -> None:
    begins = telling_begins.insert().values(answered_after=MONDAY)
    desk.store.write(lambda c: c.execute(begins))
    later = Desk(desk.store, desk.log, "later", at=MONDAY + MINUTE)
    found = desk.store.read(lambda c: due(c, MONDAY + 30 * DAY))
    assert [each.order_no for each in found] == [later.order_no]
    shown = desk.store.read(lambda c: [each.order_no for each in running(c)])
    assert shown == [desk.order_no, later.order_no]
    desk.does(risk.assess, "R3", after=30 * DAY)
    assert ("report", 1, "station:440100") in told(desk, MONDAY + 31 * DAY)


def test_an_open_order_is_never_forgotten(desk: Desk) -> None:
    desk.does(decisions.answer_directly)
    # The fifteenth working day after a Monday is the Monday three weeks later.
    assert told(desk, MONDAY + 23 * DAY) == [("closing", 1, "station:440100")]
    number = desk.does(sent_out.refer, "法援", "法律援助", after=23 * DAY)
    desk.does(sent_out.refuse_referral, number, "无权限", after=23 * DAY)
    assert desk.view["outcomes"] == ["直接答复"]

    other = Desk(desk.store, desk.log, "other")
    number = other.does(sent_out.refer, "法援", "法律援助")
    other.does(sent_out.refuse_referral, number, "无权限")
    assert told(other, MONDAY + 2 * DAY) == [("decision", 1, "station:440100")]


def test_a_station_that_is_asked_is_told_and_its_own_tree(desk: Desk) -> None:
    desk.does(risk.assess, "R4")
    desk.does(handover.open_cross_region, "530100", "户籍地")
    assert ("home_accepts", 1, "station:530100") in told(desk, MONDAY + 5 * MINUTE)
    assert ("home_accepts", 2, "station:530000") in told(desk, MONDAY + 10 * MINUTE)


def test_a_handover_nobody_accepted_is_the_duty_leads(desk: Desk) -> None:
    desk.does(handover.offer, "counselor:2", "下班")
    at = MONDAY + 25 * MINUTE
    assert told(desk, at) == [("handover", REMINDER, "counselor:1")]
    assert told(desk, at + 5 * MINUTE) == [("handover", 1, "station:440100")]
    assert desk.view["handler"] == "station:440100"
    assert desk.view["events"][-1]["data"]["duty_lead"] == "counselor:gz-huang"


def test_several_engines_tell_once(desk: Desk) -> None:
    desk.does(risk.assess, "R3")
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda _: tells(desk, MONDAY + 3 * HOUR), range(4)))
    assert sorted(map(len, said)) == [0, 0, 0, 1]


def test_a_deadline_met_is_not_told(desk: Desk) -> None:
    number = desk.does(sent_out.refer, "法援", "法律援助")
    found = desk.store.read(lambda c: due(c, MONDAY + 40 * HOUR))
    desk.does(sent_out.refuse_referral, number, "无权限", after=40 * HOUR)
    at = MONDAY + 40 * HOUR
    assert [each.deadline.clock for each in found] == ["referral_signed"]
    assert tells(desk, at) == []
    assert desk.view["events"][-1]["kind"] == "referral_refused"


def test_running_shows_what_is_waited_for(desk: Desk) -> None:
    desk.does(risk.assess, "R1")
    found = desk.store.read(lambda c: list(running(c)))
    assert [(each.deadline.clock, each.station) for each in found] == [("reply", "440100")]
    desk.does(decisions.class_non_consultation, "N1")
    desk.does(closing.close)
    assert desk.store.read(lambda c: list(running(c))) == []


@pytest.mark.parametrize(
    ("file", "written", "instead", "says"),
    [
        ("deadlines.yaml", '"24 h"', '"soon"', 'write a period as "15 min", "24 h"'),
        ("deadlines.yaml", '"24 h"', '"0 h"', 'write a period as "15 min", "24 h"'),
        ("deadlines.yaml", "  handover: ", "  hand_over: ", "clocks.hand_over"),
        ("deadlines.yaml", "  RX:", "  R0:", "RX: missing"),
        ("deadlines.yaml", "  留言待回", "  留言", "no outcome 留言"),
        ("closing.yaml", "  非咨询", "  没有", "no such outcome"),
        (
            "closing.yaml",
            "only: [cause_main], events",
            "only: [cause_main, age], events",
            "at most 1",
        ),
        ("closing.yaml", "[appointment_kept]", "[appointment_hold]", "no event appointment_hold"),
        ("closing.yaml", "[risk_evidence]}", "[evidence]}", "an order has no field evidence"),
        (
            "closing.yaml",
            "summary]",
            "summary, schooling, groups, topic]",
            "demands 9 fields, at most 8 are asked for",
        ),
    ],
)
def test_what_is_wrong_with_the_rules(
    tmp_path: Path, file: str, written: str, instead: str, says: str
) -> None:
    folder = copytree(Path(config.__path__[0]), tmp_path / "config")
    content = (folder / file).read_text(encoding="utf-8")
    assert written in content
    (folder / file).write_text(content.replace(written, instead), encoding="utf-8")
    with pytest.raises(ConfigErrors) as raised:
        read_order_rules(folder)
    assert any(says in line and line.startswith(str(folder / file)) for line in raised.value.errors)
