"""Care for the counselor: a longer wrap-up after a call of high risk, rest after so many calls, and
for a caller in danger nobody too few."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import high_risk_calls, presence
from agents.counselor import State
from agents.presence import HIGH_RISK_CALLS, IN_A_ROW
from agents.presence_log import PresenceChange
from agents.roster import Role
from callflows.events import DialEnded, DialResult, DigitsCollected
from config.database import Store
from routing.care import calls_in_a_row
from routing.changes import Cared, Nobody, Reserved, Waiting
from routing.priority import CRISIS, SILENT_CONFIRMED
from routing.router import choose
from routing.rules import Rules
from routing.verdicts import explain
from tests.orders import open_order
from tests.routing_stand_in import CENTRE, HOME, NOON, PROVINCE, StandIn, call, counselor, person
from tests.test_controller import House, at, offer, on
from tests.test_routing_queues import Desk
from workorders import risk
from workorders.life import Case
from workorders.log import Log
from workorders.verify import verify

IN_AN_HOUR = NOON + timedelta(hours=1)
RULES = Rules.of(StandIn(), HOME)


def resting(who: str, station: str = HOME, why: str = IN_A_ROW, idle: float = 600):
    there = person(counselor(who, station), idle=idle)
    return there._replace(rests_until=IN_AN_HOUR, rest_reason=why)


# Who is chosen.


def test_whoever_rests_is_offered_no_ordinary_call() -> None:
    free = [resting("tired"), person("fresh", idle=5)]
    choice = choose(call(), free, lambda: free, RULES, NOON)
    assert choice is not None
    assert [one.counselor.id for one in choice.people] == ["fresh"]
    assert choose(call(), free[:1], lambda: free[:1], RULES, NOON) is None


def test_in_a_crisis_whoever_rests_rings_last_and_rings() -> None:
    free = [resting("tired"), *(person(f"fresh {n}", idle=5) for n in range(3))]
    rules = Rules.of(StandIn(crisis_places=3), HOME)
    choice = choose(call(priority=CRISIS), free, lambda: free, rules, NOON)
    assert choice is not None
    assert {one.counselor.id for one in choice.people} == {"fresh 0", "fresh 1", "fresh 2"}
    for priority in (CRISIS, SILENT_CONFIRMED):
        alone = choose(call(priority=priority), free[:1], lambda: free[:1], rules, NOON)
        assert alone is not None
        assert alone.people == (free[0],)


def test_in_a_crisis_whoever_rests_at_home_comes_after_the_province() -> None:
    free = [resting("tired"), person(counselor("far", PROVINCE))]
    rules = Rules.of(StandIn(crisis_places=1), HOME)
    choice = choose(call(priority=CRISIS), free, lambda: free, rules, NOON)
    assert choice is not None
    assert choice.people == (free[1],)


@given(st.lists(st.booleans(), min_size=1, max_size=6), st.sampled_from([CRISIS, SILENT_CONFIRMED]))
def test_no_cap_takes_anybody_from_a_caller_in_danger(rests: list[bool], priority: int) -> None:
    everybody = [
        resting(f"c{n}") if rest else person(f"c{n}", idle=n) for n, rest in enumerate(rests)
    ]
    rules = Rules.of(StandIn(crisis_places=len(rests)), HOME)
    choice = choose(call(priority=priority), everybody, lambda: everybody, rules, NOON)
    assert choice is not None
    if priority == CRISIS:
        assert len(choice.people) == len(everybody)
        rung = [one.rests_until is not None for one in choice.people]
        assert rung == sorted(rung)


def test_why_somebody_was_not_chosen_is_told() -> None:
    everybody = [resting("row"), resting("risk", why=HIGH_RISK_CALLS), person("fresh")]
    told = {one.counselor_id: one.reasons for one in explain(call(), everybody, RULES, NOON)}
    assert told["row"] == ("rests until 13:00 after calls in a row",)
    assert told["risk"][0].endswith("after high-risk calls of this shift")
    urgent = explain(call(priority=SILENT_CONFIRMED), everybody, RULES, NOON)
    by_id = {one.counselor_id: one.reasons for one in urgent}
    assert by_id["row"][0].endswith(", rings last")


# How calls in a row are counted.


def changes(*spells: tuple[str, float]) -> list[PresenceChange]:
    """States, each so many minutes long."""
    found, at = [], NOON
    for state, minutes in spells:
        found.append(PresenceChange(len(found), "a", at, state, None, None, None, None))
        at += timedelta(minutes=minutes)
    return found


@pytest.mark.parametrize(
    ("spells", "calls"),
    [
        ([("on_call", 9), ("wrap_up", 1)], 1),
        ([("on_call", 9), ("wrap_up", 1), ("available", 4), ("on_call", 9)], 2),
        ([("on_call", 9), ("wrap_up", 1), ("available", 5), ("on_call", 9)], 1),
        ([("on_call", 9), ("wrap_up", 30), ("available", 1), ("on_call", 9)], 2),
        ([("on_call", 9), ("available", 2), ("paused", 4), ("available", 0), ("on_call", 9)], 1),
        ([("on_call", 9), ("available", 4), ("reserved", 0), ("ringing", 2), ("on_call", 1)], 1),
    ],
)
def test_calls_without_a_break_between_them_are_in_a_row(
    spells: list[tuple[str, float]], calls: int
) -> None:
    assert calls_in_a_row(changes(*spells), timedelta(minutes=5)) == calls


# In the store.


def talks(desk: Desk, call_id: str, priority: int = 1, who: str = "a") -> tuple[Cared, ...]:
    """A call of a minute, from joining to hanging up."""
    held = desk.held(call_id, priority=priority)
    desk.pass_time(60)
    return desk.ended(held, "answered", who).cared


def rests(desk: Desk, who: str = "a") -> str | None:
    found = desk.store.read(lambda c: presence.present(c, desk.at))
    return next(one.rest_reason for one in found if one.counselor.id == who)


def test_after_so_many_calls_in_a_row_somebody_rests(store: Store) -> None:
    desk = Desk(store, calls_in_a_row=2, rest_seconds=300)
    desk.staff(counselor("a"))
    talks(desk, "1")
    desk.pass_time(31)
    desk.tick()
    talks(desk, "2")
    assert rests(desk) == IN_A_ROW
    desk.pass_time(31)
    desk.tick()
    assert desk.state("a")[0] == State.AVAILABLE
    assert isinstance(desk.join("3").answer, Waiting)
    crisis = desk.held("4", priority=CRISIS)
    assert crisis.counselor_ids == ("a",)
    desk.do(desk.queues.leave, "4")
    desk.pass_time(300)
    desk.tick()
    assert isinstance(desk.status("3"), Reserved)


def test_a_break_before_the_cap_begins_a_new_row(store: Store) -> None:
    desk = Desk(store, calls_in_a_row=2, rest_seconds=300)
    desk.staff(counselor("a"))
    for number in range(3):
        talks(desk, str(number))
        desk.pass_time(331)
        desk.tick()
    assert rests(desk) is None


def test_a_crisis_is_a_call_of_high_risk(store: Store) -> None:
    desk = Desk(store, wrap_up_after_high_risk_seconds=600)
    desk.staff(counselor("a"))
    (cared,) = talks(desk, "1", CRISIS)
    assert (cared.order_no, cared.counselor_id, cared.calls) == ("1", "a", 1)
    desk.pass_time(599)
    desk.tick()
    assert desk.state("a")[0] == State.WRAP_UP
    desk.pass_time(1)
    desk.tick()
    assert desk.state("a")[0] == State.AVAILABLE


def test_the_counselor_may_end_the_longer_wrap_up(store: Store) -> None:
    desk = Desk(store)
    desk.staff(counselor("a"))
    talks(desk, "1", CRISIS)
    desk.store.write(lambda c: presence.log_in(c, "a", desk.at))
    assert isinstance(desk.join("2").answer, Reserved)


def writing_up(store: Store, *others: str) -> Desk:
    """Somebody writes up a call of high risk; others are at the centre."""
    desk = Desk(store, wrap_up_after_high_risk_seconds=600)
    desk.staff(counselor("a"))
    talks(desk, "1", CRISIS)
    desk.staff(*(counselor(who, CENTRE) for who in others))
    desk.pass_time(60)
    assert desk.state("a")[0] == State.WRAP_UP
    return desk


@pytest.mark.parametrize("priority", [CRISIS, SILENT_CONFIRMED])
def test_no_wrap_up_takes_the_last_human_from_a_caller_in_danger(
    store: Store, priority: int
) -> None:
    desk = writing_up(store)
    assert isinstance(desk.join("ordinary").answer, Waiting)
    held = desk.held("danger", priority=priority)
    assert held.counselor_ids == ("a",)
    desk.pass_time(20)
    desk.ended(held, "answered", "a")
    assert desk.state("a")[0] == State.WRAP_UP
    assert isinstance(desk.status("ordinary"), Waiting)


def test_whoever_writes_up_a_call_is_left_to_it_while_anybody_else_is_free(store: Store) -> None:
    desk = writing_up(store, "b")
    assert isinstance(desk.join("danger", priority=CRISIS).answer, Waiting)
    desk.pass_time(6)
    desk.tick()
    held = desk.status("danger")
    assert isinstance(held, Reserved)
    assert held.counselor_ids == ("b",)
    assert desk.state("a")[0] == State.WRAP_UP
    # Rung in vain, b may be nowhere near: whoever is left rings, too.
    desk.ended(held, "no_answer")
    held = desk.status("danger")
    assert isinstance(held, Reserved)
    assert held.counselor_ids == ("a", "b")


def test_whoever_is_not_needed_or_declines_goes_on_writing_up(store: Store) -> None:
    desk = writing_up(store)
    desk.ended(desk.held("danger", priority=CRISIS), "declined")
    assert desk.state("a")[0] == State.PAUSED
    desk.do(desk.queues.leave, "danger")
    desk.pass_time(6)
    desk.tick()
    assert (desk.state("a")[0], rests(desk)) == (State.AVAILABLE, presence.WRAP_UP)
    assert isinstance(desk.join("ordinary").answer, Waiting)
    desk.pass_time(500)
    desk.tick()
    assert isinstance(desk.status("ordinary"), Waiting), "the wrap-up is as long as it was"
    desk.pass_time(100)
    desk.tick()
    assert isinstance(desk.status("ordinary"), Reserved)


def test_what_is_left_of_a_wrap_up_is_the_counselors_own_to_end(store: Store) -> None:
    desk = writing_up(store)
    desk.held("danger", priority=CRISIS)
    desk.do(desk.queues.leave, "danger")
    assert isinstance(desk.join("ordinary").answer, Waiting)
    desk.store.write(lambda c: presence.log_in(c, "a", desk.at))
    assert rests(desk) is None
    assert isinstance(desk.status("ordinary"), Reserved)


def test_after_so_many_calls_of_high_risk_nobody_else_comes_in_this_shift(store: Store) -> None:
    desk = Desk(store, high_risk_calls_per_shift=2, wrap_up_after_high_risk_seconds=60)
    desk.staff(counselor("a"))
    for number in (1, 2):
        (cared,) = talks(desk, str(number), CRISIS)
        assert (cared.calls, cared.rests) == (number, number == 2)
        desk.pass_time(61)
        desk.tick()
    assert isinstance(desk.join("3").answer, Nobody)
    # Whoever goes and comes again is not rested.
    desk.store.write(lambda c: presence.log_out(c, "a", desk.at))
    desk.store.write(lambda c: presence.log_in(c, "a", desk.at))
    assert isinstance(desk.join("3").answer, Nobody)
    assert desk.held("4", priority=CRISIS).counselor_ids == ("a",)
    desk.do(desk.queues.leave, "4")
    desk.pass_time(12 * 3600)
    desk.tick()
    assert isinstance(desk.join("3").answer, Reserved)


def test_a_supervisor_who_took_no_call_of_it_is_not_kept(store: Store, log: Log) -> None:
    desk = Desk(store)
    desk.staff(counselor("a"), counselor("boss", role=Role.SUPERVISOR))
    order_no = order(desk, log, "1")
    talks(desk, "1")
    store.write(lambda c: high_risk_calls.told(c, "boss", order_no, desk.at))
    assert desk.tick().cared == ()
    assert desk.state("boss")[0] == State.AVAILABLE


@pytest.mark.parametrize("seconds", [5, 40], ids=["in wrap-up", "just over"])
def test_an_assessment_makes_the_wrap_up_longer(store: Store, log: Log, seconds: float) -> None:
    desk = Desk(store)
    desk.staff(counselor("a"))
    order_no = order(desk, log, "1")
    talks(desk, "1")
    desk.pass_time(seconds)
    if seconds > 30:
        desk.tick()
    store.write(lambda c: high_risk_calls.told(c, "a", order_no, desk.at))
    desk.pass_time(1)
    (cared,) = desk.tick().cared
    assert cared.order_no == order_no
    assert desk.tick().cared == ()
    desk.pass_time(590)
    desk.tick()
    assert desk.state("a")[0] == State.WRAP_UP
    desk.pass_time(10)
    desk.tick()
    assert desk.state("a")[0] == State.AVAILABLE


def order(desk: Desk, log: Log, call_id: str) -> str:
    return desk.store.write(
        lambda c: open_order(
            log,
            c,
            call_id=call_id,
            at=desk.at,
            channel="asterisk",
            access_number="020-12355",
            caller_id=None,
            id_trust="withheld",
            fields={"station_home": HOME},
        )
    )


# As the house has it.


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.assembly.store.close()


@pytest.mark.parametrize("risk_level", ["R4", "R3", "R2"])
def test_what_is_assessed_in_the_talk_is_in_the_order_and_the_supervisor_is_told(
    house: House, risk_level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    house.logs_in("gz-chen")
    ringing = on(house.engine, offer(house.engine), DigitsCollected(at(1), "1"))
    house.engine.counselor_answered("a", "8002", at(8))
    log = house.assembly.log
    house.assembly.store.write(
        lambda c: risk.assess(
            Case(c, log, ringing.order_no, at(40), "counselor:gz-chen"), risk_level, "evidence"
        )
    )
    house.engine.tick(at(41))
    assert house.state("gz-chen") == "on_call"
    on(house.engine, ringing, DialEnded(at(68), DialResult.ANSWERED, "gz-chen", 60))
    house.engine.tick(at(68 + 31))
    high = risk_level != "R2"
    assert house.state("gz-chen") == ("wrap_up" if high else "available")
    events = {event["kind"]: event for event in house.order(ringing.order_no)["events"]}
    assert ("care_begun" in events) is high
    assert ("high_risk_call" in capsys.readouterr().out) is high
    if high:
        said = events["care_begun"]["data"]
        assert (said["cared_for"], said["calls"], said["rests"]) == ("gz-chen", 1, False)
    settings = house.assembly.settings
    assert verify(house.assembly.store, log.keys, settings.seal_file) == []


def test_what_is_assessed_afterwards_makes_the_wrap_up_longer(house: House) -> None:
    house.logs_in("gz-chen")
    ringing = on(house.engine, offer(house.engine), DigitsCollected(at(1), "1"))
    on(house.engine, ringing, DialEnded(at(68), DialResult.ANSWERED, "gz-chen", 60))
    log = house.assembly.log
    house.assembly.store.write(
        lambda c: risk.assess(
            Case(c, log, ringing.order_no, at(90), "counselor:gz-chen"), "R3", "evidence"
        )
    )
    for second in (91, 100, 400):
        house.engine.tick(at(second))
    assert house.state("gz-chen") == "wrap_up"
    kinds = [event["kind"] for event in house.order(ringing.order_no)["events"]]
    assert kinds.count("care_begun") == 1
