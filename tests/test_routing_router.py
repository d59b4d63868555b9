"""Who is chosen for a call, and why."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from agents.counselor import State
from agents.presence import RONA, Person
from agents.roster import Role
from routing.priority import CRISIS, SILENT_CONFIRMED
from routing.router import choose
from routing.rules import Rules
from routing.suitability import could_serve
from routing.verdicts import explain
from tests.routing_stand_in import (
    CENTRE,
    FAR,
    HOME,
    NOON,
    PROVINCE,
    StandIn,
    call,
    counselor,
    person,
)

RULES = Rules.of(StandIn(), HOME)
BUSY_HOME = person("busy", State.ON_CALL)
BUSY_CENTRE = person(counselor("busy-centre", CENTRE), State.ON_CALL)


def chosen(a_call, people: list[Person], rules: Rules = RULES) -> list[str]:
    free = [someone for someone in people if someone.state == State.AVAILABLE]
    choice = choose(a_call, free, lambda: people, rules, NOON)
    return [someone.counselor.id for someone in choice.people] if choice else []


SPECIALIST = counselor("specialist", topics=["law"])
ALL_ROUNDER = counselor("all-rounder", topics=["law", "psychology"], languages=["zh-CN", "en"])


@pytest.mark.parametrize(
    ("strategy", "people", "expected"),
    [
        ("longest_idle", [person("a", idle=5), person("b", idle=9)], "b"),
        ("longest_idle", [person("b", idle=5), person("a", idle=5)], "a"),
        ("least_calls", [person("a", idle=90, calls=3), person("b", idle=1, calls=2)], "b"),
        ("least_calls", [person("a", idle=1, calls=2), person("b", idle=9, calls=2)], "b"),
        ("skills_first", [person(ALL_ROUNDER, idle=90), person(SPECIALIST, idle=1)], "specialist"),
        ("skills_first", [person("a", idle=1), person("b", idle=9)], "b"),
    ],
)
def test_strategy(strategy: str, people: list[Person], expected: str) -> None:
    rules = Rules.of(StandIn(strategy=strategy), HOME)
    assert chosen(call(), people, rules) == [expected]
    assert chosen(call(), people[::-1], rules) == [expected]


PSYCHOLOGIST = person(counselor("psychologist", topics=["psychology"]))
ENGLISH = person(counselor("english", languages=["en"]))


@pytest.mark.parametrize(
    ("a_call", "people", "expected"),
    [
        pytest.param(call("law"), [PSYCHOLOGIST], [], id="another topic"),
        pytest.param(call("law", waited=44), [PSYCHOLOGIST], [], id="law not yet relaxed"),
        pytest.param(call("law", waited=45), [PSYCHOLOGIST], ["psychologist"], id="law relaxed"),
        pytest.param(
            call("law", waited=99), [PSYCHOLOGIST, person("fits", idle=1)], ["fits"],
            id="who fits comes first even then",
        ),
        pytest.param(call("psychology", waited=59), [ENGLISH], [], id="language not yet relaxed"),
        pytest.param(call("psychology", waited=60), [ENGLISH], ["english"], id="language relaxed"),
        pytest.param(call("unknown"), [PSYCHOLOGIST], ["psychologist"], id="no key: anybody"),
        pytest.param(
            call("law"), [person(counselor("late", until=date(2026, 6, 7)))], [], id="expired",
        ),
        pytest.param(
            call("law", waited=999), [person(counselor("late", until=date(2026, 6, 7)))], [],
            id="expired is never relaxed",
        ),
        pytest.param(
            call("law"), [person(counselor("late", until=date(2026, 6, 8)))], ["late"],
            id="valid to the end of its last day",
        ),
        pytest.param(call(kinds=["browser"]), [person("a")], [], id="carrier can't reach"),
        pytest.param(call(excluded=["a"]), [person("a"), person("b", idle=1)], ["b"], id="rona"),
        pytest.param(
            call(), [person(counselor("s", role=Role.SUPERVISOR))], [],
            id="supervisors take urgent calls only",
        ),
        pytest.param(
            call(waited=999), [person(counselor("d", role=Role.DUTY_PHONE))], [],
            id="duty phones too",
        ),
    ],
)  # fmt: skip
def test_filters(a_call, people: list[Person], expected: list[str]) -> None:
    assert chosen(a_call, people) == expected


IN_PROVINCE = person(counselor("province", PROVINCE), idle=999)
IN_CENTRE = person(counselor("centre", CENTRE), idle=999)
FAR_AWAY = person(counselor("far", FAR), idle=999)


@pytest.mark.parametrize(
    ("waited", "people", "expected"),
    [
        pytest.param(0, [IN_PROVINCE, person("home", idle=1)], ["home"], id="home first"),
        pytest.param(0, [BUSY_HOME, IN_PROVINCE], ["province"], id="province at once"),
        pytest.param(9, [BUSY_HOME, IN_CENTRE], [], id="centre not yet"),
        pytest.param(10, [BUSY_HOME, IN_CENTRE], ["centre"], id="centre after 10 s"),
        pytest.param(19, [BUSY_HOME, FAR_AWAY], [], id="any not yet"),
        pytest.param(20, [BUSY_HOME, FAR_AWAY], ["far"], id="any after 20 s"),
        pytest.param(0, [IN_CENTRE, FAR_AWAY], ["centre"], id="nobody nearer on duty: at once"),
        pytest.param(0, [BUSY_CENTRE, FAR_AWAY], [], id="centre staffed but busy: far waits"),
        pytest.param(
            0, [person("home", State.PAUSED, reason=RONA), IN_CENTRE], ["centre"],
            id="who didn't answer isn't there",
        ),
    ],
)  # fmt: skip
def test_tiers_widen(waited: float, people: list[Person], expected: list[str]) -> None:
    assert chosen(call(waited=waited), people) == expected


SUPERVISOR = person(counselor("supervisor", PROVINCE, role=Role.SUPERVISOR, topics=[]))
DUTY = person(counselor("duty", PROVINCE, role=Role.DUTY_PHONE, topics=[]))
EXPIRED = person(counselor("expired", until=date(2020, 1, 1)))


def test_a_crisis_rings_a_supervisor_beside_any_number_of_counselors() -> None:
    people = [SUPERVISOR, *(person(f"c{n}", idle=n) for n in range(20))]
    choice = choose(call(priority=CRISIS), people, lambda: people, RULES, NOON)
    assert choice is not None
    assert len(choice.people) == RULES.crisis_places
    assert choice.people[-1] is SUPERVISOR


@pytest.mark.parametrize(
    ("a_call", "people", "expected"),
    [
        pytest.param(
            call(priority=CRISIS),
            [ENGLISH, PSYCHOLOGIST, IN_PROVINCE, SUPERVISOR, IN_CENTRE, DUTY],
            {"english", "psychologist", "province", "supervisor"},
            id="home, province and supervisor at once, whatever topic and language",
        ),
        pytest.param(
            call(priority=CRISIS, waited=5), [BUSY_HOME, IN_PROVINCE, IN_CENTRE, FAR_AWAY],
            {"province", "centre"}, id="centre after 5 s",
        ),
        pytest.param(
            call(priority=CRISIS, waited=15), [BUSY_HOME, FAR_AWAY, DUTY], {"far", "duty"},
            id="everybody and duty phones after 15 s",
        ),
        pytest.param(call(priority=CRISIS), [BUSY_HOME, DUTY], set(), id="duty phone not at once"),
        pytest.param(call(priority=CRISIS), [DUTY], {"duty"}, id="unless nobody else is there"),
        pytest.param(call(priority=CRISIS), [EXPIRED], {"expired"}, id="the last human"),
        pytest.param(
            call(priority=CRISIS), [EXPIRED, PSYCHOLOGIST], {"psychologist"},
            id="an expired credential only as the last",
        ),
        pytest.param(
            call(priority=CRISIS, excluded=["psychologist"]), [PSYCHOLOGIST], {"psychologist"},
            id="rung again, if nobody else",
        ),
        pytest.param(
            call(priority=SILENT_CONFIRMED, excluded=["psychologist"]), [PSYCHOLOGIST],
            {"psychologist"}, id="silent: no filter removes the last human either",
        ),
        pytest.param(
            call(priority=CRISIS), [EXPIRED, DUTY], {"expired"},
            id="a duty phone that may not ring yet keeps nobody silent",
        ),
        pytest.param(
            call(priority=CRISIS), [EXPIRED, IN_CENTRE], {"expired"},
            id="nor a centre that may not ring yet",
        ),
        pytest.param(
            call(priority=CRISIS, waited=15, excluded=["duty"]), [EXPIRED, DUTY],
            {"expired", "duty"}, id="nor a duty phone that nobody answers",
        ),
        pytest.param(
            call(priority=CRISIS, excluded=["supervisor"]), [EXPIRED, SUPERVISOR],
            {"expired", "supervisor"}, id="nor a supervisor who doesn't",
        ),
        pytest.param(
            call(priority=CRISIS, excluded=["supervisor"]), [EXPIRED, SUPERVISOR, PSYCHOLOGIST],
            {"supervisor", "psychologist"}, id="while somebody fit is left to ring",
        ),
        pytest.param(
            call(priority=SILENT_CONFIRMED, waited=15, excluded=["fit", "duty"]),
            [person("fit"), EXPIRED, DUTY], {"expired"},
            id="silent: whoever hasn't been rung before whoever was in vain",
        ),
        pytest.param(
            call(priority=SILENT_CONFIRMED), [EXPIRED, DUTY], {"expired"},
            id="silent: a duty phone that may not ring yet keeps nobody silent",
        ),
        pytest.param(
            call(priority=SILENT_CONFIRMED), [PSYCHOLOGIST, person("b", idle=1)], {"b"},
            id="silent: one at a time, relaxed at once",
        ),
    ],
)  # fmt: skip
def test_urgent_calls(a_call, people: list[Person], expected: set[str]) -> None:
    assert set(chosen(a_call, people)) == expected


def test_a_crisis_rings_no_more_than_the_configured_places() -> None:
    people = [person(f"c{n:02}", idle=n) for n in range(20)]
    assert len(chosen(call(priority=CRISIS), people)) == 8


def test_a_crisis_rings_again_when_the_next_tier_opens() -> None:
    people = [person("home"), IN_CENTRE]
    first = choose(call(priority=CRISIS), people, lambda: people, RULES, NOON)
    alone = choose(call(priority=CRISIS), people[:1], lambda: people[:1], RULES, NOON)
    assert first is not None
    assert alone is not None
    assert (first.ring_seconds, alone.ring_seconds) == (5, 15)


@pytest.mark.parametrize(
    ("a_call", "people", "nobody"),
    [
        (call(), [], True),
        (call(), [BUSY_HOME], False),
        (call("law"), [PSYCHOLOGIST], False),
        (call(), [EXPIRED, SUPERVISOR, DUTY], True),
        (call(), [person("a", State.PAUSED, reason=RONA)], True),
        (call(), [person("a", State.PAUSED, reason=RONA, until=NOON + timedelta(60))], False),
        (call(), [person("a", State.PAUSED, reason="meal")], False),
        (call(excluded=["a"]), [person("a")], True),
        (call(), [person(counselor("elsewhere", "310000"))], True),
        (call(priority=CRISIS), [EXPIRED], False),
        (call(priority=CRISIS), [DUTY], False),
        (call(priority=CRISIS), [], True),
    ],
)
def test_nobody_could_ever_take_it(a_call, people: list[Person], nobody: bool) -> None:
    assert (not list(could_serve(a_call, people, RULES, NOON))) is nobody


def test_explanation_names_everybody_and_a_reason() -> None:
    people = [
        BUSY_HOME,
        PSYCHOLOGIST,
        person("second", idle=1),
        person("first"),
        IN_CENTRE,
        person(counselor("elsewhere", "310000")),
    ]
    told = {v.counselor_id: v.reasons for v in explain(call("law"), people, RULES, NOON)}
    assert told == {
        "first": ("home, longest_idle",),
        "busy": ("on_call",),
        "psychologist": ("topic: law",),
        "second": ("behind the chosen by longest_idle",),
        "centre": ("tier centre opens after 10 s",),
        "elsewhere": ("station doesn't serve this region",),
    }
    assert explain(call("law"), people, RULES, NOON)[0].chosen
