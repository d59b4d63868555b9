"""Who is asked when home is weak, dead or full, and what a centre keeps for its own."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from agents.counselor import State
from agents.presence import Person
from routing.conditions import Conditions
from routing.priority import CRISIS, SILENT_CONFIRMED
from routing.router import choose
from routing.rules import Rules
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

AT_HOME = person("home", idle=999)
BUSY_HOME = person("busy", State.ON_CALL)
IN_PROVINCE = person(counselor("province", PROVINCE), idle=999)
IN_CENTRE = person(counselor("centre", CENTRE), idle=1)
FAR_AWAY = person(counselor("far", FAR), idle=1)
WEAK_HOME = Conditions(weak=frozenset({HOME}))
DEAD_HOME = Conditions(dead=frozenset({HOME}))
FULL_HOME = Conditions(home_wait=lambda _call: 40.0)
NOBODY_HOME = Conditions(home_wait=lambda _call: math.inf)
IN_PROVINCE_BUSY = person(counselor("busy-province", PROVINCE), State.ON_CALL)
NEARLY_FREE_HOME = Conditions(home_wait=lambda _call: 14.0)


def chosen(
    conditions: Conditions,
    people: list[Person],
    rules: Rules | None = None,
    waited: float = 0,
    **about: Any,
) -> tuple[list[str], str]:
    free = [someone for someone in people if someone.state == State.AVAILABLE]

    def spares(station: str, share: float) -> bool:
        there = [p for p in people if p.counselor.station == station]
        return sum(p in free for p in there) > share * len(there)

    conditions = replace(conditions, spares=spares)
    rules = rules or Rules.of(StandIn(), HOME)
    choice = choose(call(waited=waited, **about), free, lambda: people, rules, NOON, conditions)
    if choice is None:
        return [], ""
    return [someone.counselor.id for someone in choice.people], choice.reason


@pytest.mark.parametrize(
    ("conditions", "people", "waited", "who", "why"),
    [
        pytest.param(WEAK_HOME, [BUSY_HOME, IN_CENTRE], 0, "centre", "home weak", id="weak"),
        pytest.param(WEAK_HOME, [AT_HOME], 0, "home", "home, ", id="weak, none else"),
        pytest.param(DEAD_HOME, [AT_HOME, IN_CENTRE], 0, "centre", "home dead", id="dead"),
        pytest.param(DEAD_HOME, [AT_HOME], 99, None, "", id="dead: home unrung"),
        pytest.param(FULL_HOME, [BUSY_HOME, IN_CENTRE], 0, "centre", "40 s at home", id="full"),
        pytest.param(FULL_HOME, [AT_HOME, IN_CENTRE], 0, "home", "home, ", id="local first"),
        pytest.param(NEARLY_FREE_HOME, [BUSY_HOME, IN_CENTRE], 0, None, "", id="soon free"),
        pytest.param(NEARLY_FREE_HOME, [BUSY_HOME, IN_CENTRE], 10, "centre", "centre, ",
                     id="soon free, but not after all"),
        pytest.param(FULL_HOME, [BUSY_HOME, FAR_AWAY], 0, "far", "any, longest_idle, 40 s at home",
                     id="any centre where the covering one is full"),
        pytest.param(NEARLY_FREE_HOME, [BUSY_HOME, FAR_AWAY], 19, None, "", id="any opens later"),
        pytest.param(NOBODY_HOME, [IN_PROVINCE_BUSY, IN_CENTRE], 0, "centre",
                     "centre, longest_idle, nobody at home", id="nobody at home"),
        pytest.param(Conditions(weak=frozenset({CENTRE})), [BUSY_HOME, IN_CENTRE, FAR_AWAY], 20,
                     "far", "any, ", id="weak centre after the others"),
        pytest.param(Conditions(weak=frozenset({CENTRE})), [BUSY_HOME, IN_CENTRE], 20,
                     "centre", "centre, ", id="weak centre rather than nobody"),
        pytest.param(Conditions(dead=frozenset({CENTRE})), [BUSY_HOME, IN_CENTRE], 20,
                     None, "", id="dead centre never"),
        pytest.param(Conditions(dead=frozenset({HOME, CENTRE})), [AT_HOME, IN_CENTRE, FAR_AWAY],
                     0, "far", "any, ", id="nobody alive nearer: at once"),
        pytest.param(Conditions(dead=frozenset({HOME}), weak=frozenset({CENTRE})),
                     [IN_PROVINCE, IN_CENTRE], 0, "province", "home dead", id="province"),
    ],
)  # fmt: skip
def test_fallback(
    conditions: Conditions, people: list[Person], waited: float, who: str | None, why: str
) -> None:
    ids, reason = chosen(conditions, people, waited=waited)
    assert ids == ([who] if who else [])
    assert why in reason


LAWYER_IN_CENTRE = person(counselor("lawyer", CENTRE, topics=["law"]), idle=1)
WEAK_HOME_AND_CENTRE = Conditions(weak=frozenset({HOME, CENTRE}))


@pytest.mark.parametrize(
    ("conditions", "people", "waited", "who", "why"),
    [
        pytest.param(WEAK_HOME, [AT_HOME, IN_CENTRE], 0, ["home", "centre"],
                     "home and centre, longest_idle, home weak", id="the covering centre"),
        pytest.param(WEAK_HOME, [AT_HOME, IN_PROVINCE, IN_CENTRE], 0, ["home", "province"],
                     "home and province", id="whoever is nearest"),
        pytest.param(WEAK_HOME, [AT_HOME, FAR_AWAY], 0, ["home", "far"],
                     "home and any", id="any"),
        pytest.param(WEAK_HOME, [person("less", idle=1), AT_HOME, IN_CENTRE], 0,
                     ["home", "centre"], "", id="one of each"),
        pytest.param(WEAK_HOME, [LAWYER_IN_CENTRE, person(counselor("p", topics=["psychology"]))],
                     45, ["lawyer"], "centre, ", id="not who fits less"),
        pytest.param(WEAK_HOME_AND_CENTRE, [AT_HOME, IN_CENTRE, FAR_AWAY], 20, ["home", "far"],
                     "home and any", id="not a weak centre before a strong one"),
        pytest.param(WEAK_HOME_AND_CENTRE, [AT_HOME, IN_CENTRE], 0, ["home", "centre"],
                     "home and centre", id="a weak centre rather than nobody"),
    ],
)  # fmt: skip
def test_a_weak_home_and_its_cover_ring_at_once(
    conditions: Conditions, people: list[Person], waited: float, who: list[str], why: str
) -> None:
    ids, reason = chosen(conditions, people, waited=waited)
    assert ids == who
    assert why in reason


@pytest.mark.parametrize(("people", "seconds"), [([AT_HOME], 10), ([AT_HOME, IN_CENTRE], 15)])
def test_a_weak_home_that_rings_alone_rings_for_a_short_time(
    people: list[Person], seconds: int
) -> None:
    rules = Rules.of(StandIn(), HOME)
    choice = choose(call(), people, lambda: people, rules, NOON, WEAK_HOME)
    assert choice is not None
    assert choice.ring_seconds == seconds


@pytest.mark.parametrize("priority", [SILENT_CONFIRMED, CRISIS])
def test_no_weakness_keeps_an_urgent_call_from_anybody(priority: int) -> None:
    dead = Conditions(dead=frozenset({HOME, CENTRE, PROVINCE, FAR}))
    ids, _ = chosen(dead, [AT_HOME], priority=priority)
    assert ids == ["home"]


WITH_NEIGHBOURS = Rules.of(StandIn(neighbours=("450000", "430000")), HOME)
FIRST_NEIGHBOUR = person(counselor("first", "450000"), idle=1)
SECOND_NEIGHBOUR = person(counselor("second", "430000"), idle=999)
BUSY_CENTRE = person(counselor("busy-centre", CENTRE), State.ON_CALL)
WEAK_CENTRE = Conditions(weak=frozenset({CENTRE}))
ELSEWHERE = [SECOND_NEIGHBOUR, FIRST_NEIGHBOUR, FAR_AWAY]


def other(name: str, station: str, **about: Any) -> Person:
    return person(counselor(name, station, **about), idle=999)


@pytest.mark.parametrize(
    ("conditions", "people", "waited", "who", "why"),
    [
        pytest.param(FULL_HOME, [BUSY_HOME, BUSY_CENTRE, *ELSEWHERE], 0, "first",
                     "neighbour, longest_idle, 40 s at home", id="centre full: in order"),
        pytest.param(FULL_HOME, [BUSY_HOME, IN_CENTRE, *ELSEWHERE], 0, "centre", "centre, ",
                     id="centre free"),
        pytest.param(FULL_HOME, [BUSY_HOME, BUSY_CENTRE, SECOND_NEIGHBOUR, FAR_AWAY], 20, "second",
                     "neighbour, ", id="first neighbour not there"),
        pytest.param(FULL_HOME, [BUSY_HOME, BUSY_CENTRE, FAR_AWAY], 20, "far", "any, ",
                     id="no neighbour there: any centre"),
        pytest.param(NEARLY_FREE_HOME, [BUSY_HOME, BUSY_CENTRE, *ELSEWHERE], 9, None, "",
                     id="home soon free"),
        pytest.param(WEAK_CENTRE, [BUSY_HOME, IN_CENTRE, *ELSEWHERE], 10, "first", "neighbour, ",
                     id="centre weak"),
        pytest.param(replace(FULL_HOME, weak=frozenset({"450000"})),
                     [BUSY_HOME, BUSY_CENTRE, *ELSEWHERE], 0, "second", "neighbour, ",
                     id="first neighbour weak"),
        pytest.param(replace(FULL_HOME, dead=frozenset({"450000", "430000"})),
                     [BUSY_HOME, BUSY_CENTRE, *ELSEWHERE], 0, "far", "any, ", id="neighbours dead"),
        pytest.param(WEAK_HOME, [AT_HOME, BUSY_CENTRE, *ELSEWHERE], 0, "home first",
                     "home and neighbour, ", id="home weak: a neighbour covers it"),
        pytest.param(DEAD_HOME, [AT_HOME, BUSY_CENTRE, *ELSEWHERE], 0, "first", "home dead",
                     id="home dead"),
        pytest.param(FULL_HOME,
                     [BUSY_HOME, BUSY_CENTRE, other("p", "450000", topics=["psychology"]),
                      SECOND_NEIGHBOUR], 0, "second", "neighbour, ", id="topic"),
        pytest.param(FULL_HOME,
                     [BUSY_HOME, BUSY_CENTRE, other("e", "450000", languages=["en"]),
                      SECOND_NEIGHBOUR], 0, "second", "neighbour, ", id="language"),
        pytest.param(FULL_HOME,
                     [BUSY_HOME, BUSY_CENTRE, other("x", "450000", until=date(2020, 1, 1)),
                      SECOND_NEIGHBOUR], 0, "second", "neighbour, ", id="credential"),
        pytest.param(FULL_HOME, [BUSY_HOME, BUSY_CENTRE, FAR_AWAY, other("idler", FAR)], 20,
                     "idler", "any, ", id="any centre: whoever has the least to do"),
    ],
)  # fmt: skip
def test_neighbours(
    conditions: Conditions, people: list[Person], waited: float, who: str | None, why: str
) -> None:
    ids, reason = chosen(conditions, people, WITH_NEIGHBOURS, waited)
    assert ids == (who.split() if who else [])
    assert why in reason


KEEPS_HALF = Rules.of(StandIn(reserve_share=0.5), HOME)
CENTRE_OF_FOUR = [person(counselor(f"c{n}", CENTRE), idle=n) for n in range(4)]


def busy(someone: Person) -> Person:
    return someone._replace(state=State.ON_CALL)


def test_a_centre_keeps_its_share_for_its_own_callers() -> None:
    assert chosen(FULL_HOME, [BUSY_HOME, *CENTRE_OF_FOUR], KEEPS_HALF)[0] == ["c3"]
    half = [*map(busy, CENTRE_OF_FOUR[:2]), *CENTRE_OF_FOUR[2:]]
    assert chosen(FULL_HOME, [BUSY_HOME, *half], KEEPS_HALF)[0] == []
    # Nobody is stranded by it, and no urgent call waits for it.
    assert chosen(FULL_HOME, [BUSY_HOME, *half], KEEPS_HALF, waited=45)[0] == ["c3"]
    assert chosen(FULL_HOME, [BUSY_HOME, *half], KEEPS_HALF, priority=3, waited=5)[0] == ["c3"]


def test_why_is_explained() -> None:
    verdicts = explain(call(), [AT_HOME, IN_CENTRE], Rules.of(StandIn(), HOME), NOON, DEAD_HOME)
    assert [(v.counselor_id, v.chosen) for v in verdicts] == [("centre", True), ("home", False)]
    assert "its station is dead" in verdicts[1].reasons


def test_whom_a_centre_keeps_is_explained() -> None:
    reserve = Rules.of(StandIn(reserve_share=0.5), HOME)
    kept = Conditions(spares=lambda _station, _share: False)
    verdicts = explain(call(waited=10), [BUSY_HOME, IN_CENTRE], reserve, NOON, kept)
    why = {verdict.counselor_id: verdict.reasons for verdict in verdicts}
    assert why == {"busy": ("on_call",), "centre": ("50% are kept for its own callers",)}


def test_what_is_open_to_a_weak_home_is_not_said_to_open_later() -> None:
    people = [BUSY_HOME, IN_CENTRE, person(counselor("other", CENTRE), idle=0)]
    verdicts = explain(call(), people, Rules.of(StandIn(), HOME), NOON, WEAK_HOME)
    why = {verdict.counselor_id: verdict.reasons for verdict in verdicts}
    assert why["other"] == ("behind the chosen by longest_idle",)
