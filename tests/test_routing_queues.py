"""What happens to callers and counselors in the queue, in both stores."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, select

from agents import presence, roster
from agents.counselor import State
from agents.roster import Counselor, Role, counselors
from config.database import Store
from routing.offers import offers
from routing.priority import CRISIS
from routing.queues import Changes, Nobody, Queues, Reserved, Waiting
from tests.routing_stand_in import (
    CENTRE,
    HOME,
    NOON,
    PROVINCE,
    StandIn,
    counselor,
    log_in,
    picked_up,
)


class Desk:
    """A store with a queue, and a clock."""

    def __init__(self, store: Store, **settings: object) -> None:
        self.store = store
        self.queues = Queues(StandIn(**settings))
        self.at = NOON

    def staff(self, *people: Counselor) -> None:
        for who in people:
            self.pass_time(1)
            self.store.write(lambda connection, who=who: log_in(connection, who, self.at))

    def pass_time(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def do(self, work: Callable[..., Changes], *args: object, **more: object) -> Changes:
        return self.store.write(lambda connection: work(connection, *args, at=self.at, **more))

    def join(
        self, call_id: str, priority: int = 1, topic: str = "law", kinds: Iterable[str] = ("sip",)
    ) -> Changes:
        return self.do(
            self.queues.join,
            call_id=call_id,
            order_no=call_id,
            topic=topic,
            language="zh-CN",
            priority=priority,
            home=HOME,
            kinds=kinds,
            node="asterisk-1",
        )

    def held(self, call_id: str, **more: object) -> Reserved:
        answer = self.join(call_id, **more).answer
        assert isinstance(answer, Reserved)
        return answer

    def ended(self, held: Reserved, result: str, answered_by: str | None = None) -> Changes:
        return self.do(self.queues.offer_ended, held.call_id, held.offer_id, result, answered_by)

    def tick(self) -> Changes:
        return self.do(self.queues.tick)

    def status(self, call_id: str) -> object:
        return self.do(self.queues.status, call_id).answer

    def state(self, who: str) -> tuple[str, str | None]:
        query = select(counselors.c.state, counselors.c.reason).where(counselors.c.id == who)
        row = self.store.read(lambda connection: connection.execute(query).one())
        return row[0], row[1]


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


def woken(changes: Changes) -> list[str]:
    return [reserved.call_id for reserved in changes.woken]


def test_a_call_from_joining_to_the_next_one(desk: Desk) -> None:
    desk.staff(counselor("a"))
    held = desk.held("1")
    assert held.counselor_ids == ("a",)
    assert isinstance(desk.join("2").answer, Waiting)
    desk.store.write(lambda c: desk.queues.ringing(c, held.offer_id, desk.at))
    assert desk.state("a")[0] == State.RINGING
    desk.do(picked_up(desk.queues), held.offer_id, "a")
    assert desk.state("a")[0] == State.ON_CALL
    desk.pass_time(60)
    assert woken(desk.ended(held, "answered", "a")) == []
    assert desk.state("a")[0] == State.WRAP_UP
    waiting = desk.status("2")
    assert waiting == Waiting(position=1, expected_wait_seconds=90, outer_tier=True)
    desk.pass_time(30)
    assert woken(desk.tick()) == ["2"]
    assert isinstance(desk.do(desk.queues.take, "2").answer, Reserved)


def test_first_come_first_served_within_a_priority(desk: Desk) -> None:
    desk.staff(counselor("a"))
    held = desk.held("0")
    for call_id, priority in [("slow", 0), ("1", 1), ("2", 1), ("risk", 2), ("silent", 3)]:
        desk.pass_time(1)
        desk.join(call_id, priority)
    order = []
    desk_free = held
    for _ in range(5):
        desk.ended(desk_free, "answered")
        desk.pass_time(30)
        desk_free = desk.tick().woken[0]
        order.append(desk_free.call_id)
    assert order == ["silent", "risk", "1", "2", "slow"]


def test_changed_wishes_keep_the_place(desk: Desk) -> None:
    desk.staff(counselor("a"))
    held = desk.held("0")
    desk.pass_time(1)
    desk.join("1")
    desk.pass_time(1)
    desk.join("2")
    desk.join("1", topic="psychology")
    assert desk.status("1").position == 1
    assert desk.status("2").position == 2
    desk.ended(held, "abandoned")
    assert isinstance(desk.status("1"), Reserved)


def test_a_star_after_a_reservation_rings_everybody(desk: Desk) -> None:
    desk.staff(counselor("a"), counselor("b"), counselor("c", PROVINCE))
    first = desk.held("1")
    raised = desk.held("1", priority=CRISIS)
    assert raised.offer_id != first.offer_id
    assert set(raised.counselor_ids) == {"a", "b", "c"}


def test_nobody_on_duty(desk: Desk) -> None:
    assert desk.join("1").answer == Nobody()
    desk.staff(counselor("a", kinds=["browser"]))
    assert desk.join("1").answer == Nobody()
    assert isinstance(desk.join("1", kinds=["browser", "sip"]).answer, Reserved)


def test_rona_pauses_and_the_caller_keeps_the_place(desk: Desk) -> None:
    desk.staff(counselor("a"), counselor("b"))
    held = desk.held("1")
    changes = desk.ended(held, "no_answer")
    assert desk.state("a") == (State.PAUSED, "rona")
    assert woken(changes) == ["1"]
    assert changes.woken[0].counselor_ids == ("b",)
    assert changes.alerts == ()
    again = desk.ended(held, "no_answer")
    assert (again.answer, again.woken, again.outcomes, again.alerts) == (None, (), (), ())
    desk.ended(changes.woken[0], "declined")
    desk.store.write(lambda c: presence.log_in(c, "a", desk.at))
    assert desk.status("1") == Nobody()


def test_the_last_counselor_returns_twice(desk: Desk) -> None:
    desk.staff(counselor("a"), counselor("b", CENTRE))
    for missed in range(1, 4):
        held = desk.held(f"call {missed}")
        changes = desk.ended(held, "no_answer")
        assert [alert.event for alert in changes.alerts] == ["last_counselor_did_not_answer"]
        assert desk.state("a") == (State.PAUSED, "rona")
        desk.do(desk.queues.call_ended, held.call_id)
        desk.pass_time(121)
        desk.tick()
        assert (desk.state("a")[0] == State.AVAILABLE) is (missed < 3)


def test_a_failing_node_pauses_nobody_more_and_tells_once(desk: Desk) -> None:
    desk.staff(*(counselor(f"c{n}") for n in range(8)))
    held = desk.held("1")
    told = []
    for _ in range(8):
        changes = desk.ended(held, "unreachable")
        told += [alert.event for alert in changes.alerts]
        held = changes.woken[0] if changes.woken else held
    paused = [n for n in range(8) if desk.state(f"c{n}")[0] == State.PAUSED]
    assert paused == [0, 1, 2, 3]
    assert told == ["carrier_node_loses_phones"]
    assert desk.status("1") == Nobody(), "the flow falls back"


def test_a_call_on_a_failing_node_comes_to_other_places(desk: Desk) -> None:
    desk.staff(*(counselor(f"c{n}") for n in range(6)), counselor("far", CENTRE))
    held = desk.held("1")
    for _ in range(6):
        (held,) = desk.ended(held, "unreachable").woken
    assert held.counselor_ids == ("far",)


def test_a_crisis_on_a_failing_node_tries_again_after_a_rest(desk: Desk) -> None:
    desk.staff(*(counselor(f"c{n}") for n in range(6)))
    held = desk.held("1", priority=CRISIS)
    while again := desk.ended(held, "unreachable").woken:
        (held,) = again
    assert not woken(desk.tick())
    desk.pass_time(5)
    assert woken(desk.tick()) == ["1"]


def test_an_unreachable_phone_does_not_eat_the_next_call(desk: Desk) -> None:
    desk.staff(counselor("a"), counselor("b"))
    changes = desk.ended(desk.held("1"), "unreachable")
    assert changes.woken[0].counselor_ids == ("b",)
    desk.do(picked_up(desk.queues), changes.woken[0].offer_id, "b")
    assert isinstance(desk.join("2").answer, Waiting)
    desk.pass_time(60)
    assert woken(desk.tick()) == ["2"]


def test_an_abandoned_offer_keeps_the_idle_time(desk: Desk) -> None:
    desk.staff(counselor("a"), counselor("b"))
    desk.ended(desk.held("1"), "abandoned")
    assert desk.held("2").counselor_ids == ("a",)


def test_crisis_first_answer_wins_and_nobody_is_blamed(desk: Desk) -> None:
    duty = counselor("duty", PROVINCE, role=Role.DUTY_PHONE)
    desk.staff(counselor("a"), counselor("b"), counselor("c", PROVINCE), duty)
    held = desk.held("1", priority=CRISIS)
    assert set(held.counselor_ids) == {"a", "b", "c"}
    assert woken(desk.ended(held, "no_answer")) == ["1"]
    again = desk.status("1")
    assert set(again.counselor_ids) == {"a", "b", "c"}
    changes = desk.do(picked_up(desk.queues), again.offer_id, "b")
    assert {(o.counselor_id, o.result) for o in changes.outcomes} == {
        ("a", "not_first"),
        ("c", "not_first"),
    }
    assert desk.state("a")[0] == desk.state("c")[0] == State.AVAILABLE
    desk.ended(again, "answered", "b")
    assert desk.state("b")[0] == State.WRAP_UP
    assert desk.held("2").counselor_ids == ("a",)


def test_a_duty_phone_needs_no_wrap_up_and_is_never_paused(desk: Desk) -> None:
    desk.staff(counselor("duty", role=Role.DUTY_PHONE))
    held = desk.held("1", priority=CRISIS)
    desk.ended(held, "no_answer")
    held = desk.status("1")
    desk.do(picked_up(desk.queues), held.offer_id, "duty")
    desk.ended(held, "answered", "duty")
    assert desk.state("duty")[0] == State.AVAILABLE


def test_an_urgent_call_does_not_hammer_a_dead_phone(desk: Desk) -> None:
    desk.staff(counselor("duty", role=Role.DUTY_PHONE))
    held = desk.held("1", priority=CRISIS)
    assert desk.ended(held, "unreachable").woken == ()
    assert isinstance(desk.status("1"), Waiting)
    desk.pass_time(5)
    assert woken(desk.tick()) == ["1"]


def test_picked_up_but_not_accepted_is_no_answer(desk: Desk) -> None:
    desk.staff(counselor("a"), counselor("b"))
    held = desk.held("1")
    desk.do(picked_up(desk.queues), held.offer_id, "a")
    changes = desk.ended(held, "no_answer")
    assert desk.state("a") == (State.PAUSED, "rona")
    assert changes.woken[0].counselor_ids == ("b",)


def test_an_unclaimed_reservation_runs_out_and_its_call_does_not_hold_people(desk: Desk) -> None:
    desk.staff(counselor("a"))
    desk.held("dead")
    desk.pass_time(1)
    desk.join("alive")
    desk.pass_time(30)
    assert woken(desk.tick()) == ["dead"]
    desk.pass_time(31)
    assert woken(desk.tick()) == ["alive"]
    assert desk.status("dead") == Waiting(1, None, outer_tier=True)


def test_a_talk_has_no_lease(desk: Desk) -> None:
    desk.staff(counselor("a"))
    held = desk.held("1")
    desk.do(picked_up(desk.queues), held.offer_id, "a")
    desk.pass_time(7200)
    desk.tick()
    assert desk.state("a")[0] == State.ON_CALL
    desk.do(desk.queues.call_ended, "1")
    assert desk.state("a")[0] == State.WRAP_UP


def test_an_answer_reported_after_the_call_is_gone_holds_nobody(desk: Desk) -> None:
    desk.staff(counselor("a"))
    held = desk.held("1")
    desk.do(desk.queues.call_ended, "1")
    desk.do(picked_up(desk.queues), held.offer_id, "a")
    assert desk.state("a")[0] == State.AVAILABLE


def test_pausing_on_a_call_is_granted_after_wrap_up(desk: Desk) -> None:
    desk.staff(counselor("a"))
    held = desk.held("1")
    desk.do(picked_up(desk.queues), held.offer_id, "a")
    desk.store.write(lambda c: presence.pause(c, "a", "meal", desk.at))
    desk.ended(held, "answered", "a")
    assert desk.state("a")[0] == State.WRAP_UP
    desk.pass_time(31)
    desk.tick()
    assert desk.state("a") == (State.PAUSED, "meal")


def test_leaving_frees_the_counselor_for_the_next(desk: Desk) -> None:
    desk.staff(counselor("a"))
    desk.held("1")
    desk.pass_time(1)
    desk.join("2")
    assert woken(desk.do(desk.queues.leave, "1")) == ["2"]
    assert desk.status("1") == Nobody()


def test_logging_in_wakes_the_first(desk: Desk) -> None:
    desk.staff(counselor("a"))
    desk.held("0")
    desk.pass_time(1)
    desk.join("1")

    def come(connection: Connection, at: datetime) -> Changes:
        log_in(connection, counselor("b"), at)
        return desk.queues.counselor_changed(connection, at)

    assert woken(desk.do(come)) == ["1"]


def test_removing_somebody_on_a_call_is_refused(desk: Desk) -> None:
    desk.staff(counselor("a"))
    desk.held("1")
    with pytest.raises(roster.RosterError, match="a is on a call"):
        desk.store.write(lambda c: roster.remove(c, "a", desk.at))


def test_many_callers_at_once(store: Store) -> None:
    """Ten counselors, two of whom come and go all the time, and thirty callers on threads of
    their own, until all have been served; on PostgreSQL by two engines."""
    desk = Desk(store, wrap_up_seconds=0)
    desk.staff(*(counselor(f"c{n}") for n in range(10)))
    other = Store(store.url) if store.dialect == "postgresql" else store
    waiting: dict[str, threading.Event] = {f"call {n}": threading.Event() for n in range(30)}
    served: list[str] = []
    errors: list[BaseException] = []
    all_served = threading.Event()

    def act(engine: Store, work: Callable[..., Changes], *args: object) -> Changes:
        changes = engine.write(lambda connection: work(connection, *args, at=desk.at))
        for reserved in changes.woken:
            waiting[reserved.call_id].set()
        return changes

    def serve(engine: Store, call_id: str) -> None:
        answer = desk.join(call_id).answer
        while not isinstance(answer, Reserved):
            assert waiting[call_id].wait(20), f"{call_id} was lost"
            answer = act(engine, desk.queues.take, call_id).answer
        who = answer.counselor_ids[0]
        act(engine, picked_up(desk.queues), answer.offer_id, who)
        assert desk.state(who)[0] == State.ON_CALL
        act(engine, desk.queues.offer_ended, call_id, answer.offer_id, "answered", who)
        served.append(call_id)

    def come_and_go(engine: Store, who: str) -> None:
        def go(connection: Connection, at: datetime) -> Changes:
            presence.log_out(connection, who, at)
            return desk.queues.counselor_changed(connection, at)

        def come(connection: Connection, at: datetime) -> Changes:
            presence.log_in(connection, who, at)
            return desk.queues.counselor_changed(connection, at)

        while not all_served.is_set():
            for work in (go, come):
                with contextlib.suppress(roster.RosterError):
                    act(engine, work)

    def caught(work: Callable[[Store, str], None], *args: object) -> None:
        try:
            work(*args)
        except BaseException as error:
            errors.append(error)

    engines = itertools.cycle([store, other])
    callers = [
        threading.Thread(target=caught, args=(serve, next(engines), name)) for name in waiting
    ]
    restless = [
        threading.Thread(target=caught, args=(come_and_go, next(engines), who))
        for who in ("c3", "c4")
    ]
    for thread in callers + restless:
        thread.start()
    for thread in callers:
        thread.join()
    all_served.set()
    for thread in restless:
        thread.join()
    if other is not store:
        other.close()
    assert errors == []
    assert sorted(served) == sorted(waiting)
    rows = store.read(lambda c: c.execute(select(offers.c.result)).scalars().all())
    assert rows == ["answered"] * 30
