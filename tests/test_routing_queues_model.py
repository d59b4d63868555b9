"""The queue against a plain model: ten counselors, many callers, in any order of events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select

from agents import presence, presence_log
from agents.roster import counselors
from config.database import Store
from routing.offers import offers
from routing.queues import Changes, Nobody, Queues, Reserved, Waiting
from routing.waiting import waiting_calls
from tests.machines_on_stores import fresh, opened, run
from tests.postgresql import PostgreSQL
from tests.routing_stand_in import HOME, NOON, StandIn, counselor, log_in, picked_up

PEOPLE = [f"c{n}" for n in range(10)]
WRAP_UP = 30
LEASE = 30
HEAD_START = {0: timedelta(minutes=-40), 1: timedelta(), 2: timedelta(minutes=10)}


@dataclass
class Caller:
    id: str
    priority: int
    since: datetime
    excluded: set[str] = field(default_factory=set)
    unclaimed: int = 0


@dataclass
class Held:
    """`until`: end of the lease, None in a talk."""

    caller: Caller
    who: str
    until: datetime | None


class Model:
    """What everybody would expect. All counselors are alike and at home, so the longest idle
    who has not missed the call serves the first in the queue."""

    def __init__(self, at: datetime) -> None:
        self.idle: dict[str, datetime] = dict.fromkeys(PEOPLE, at)
        self.busy: dict[str, Held] = {}
        self.resting: dict[str, datetime | None] = {}
        self.out: set[str] = set()
        self.queue: dict[str, Caller] = {}
        self.kept_idle: dict[str, datetime] = {}

    def waiting(self) -> list[Caller]:
        callers = (c for c in self.queue.values() if c.id not in self.held_calls())
        return sorted(callers, key=lambda c: (c.since - HEAD_START[c.priority], c.id))

    def held_calls(self) -> dict[str, Held]:
        return {held.caller.id: held for held in self.busy.values()}

    def match(self, at: datetime) -> None:
        for caller in self.waiting():
            if caller.unclaimed >= 2:
                continue
            fit = [who for who in self.idle if who not in caller.excluded]
            if fit:
                who = min(fit, key=lambda w: (self.idle[w], w))
                self.kept_idle[who] = self.idle.pop(who)
                self.busy[who] = Held(caller, who, at + timedelta(seconds=LEASE))

    def release(self, who: str) -> None:
        del self.busy[who]
        self.idle[who] = self.kept_idle.pop(who)


class QueueMachine(RuleBasedStateMachine):
    """Every rule does the same to queue and model; the invariants compare them."""

    open_store: Callable[[], Store]

    @initialize()
    def begin(self) -> None:
        self.store = type(self).open_store()
        self.queues = Queues(StandIn(wrap_up_seconds=WRAP_UP, last_counselor_returns=0))
        self.at = NOON
        self.model = Model(self.at)
        self.calls = 0
        for who in PEOPLE:
            self.store.write(lambda c, who=who: log_in(c, counselor(who), self.at))

    def do(self, work: Callable[..., Changes], *args: object, **more: object) -> Changes:
        self.at += timedelta(milliseconds=1)
        return self.store.write(lambda connection: work(connection, *args, at=self.at, **more))

    def pick(self, of: list[str], choice: int) -> str | None:
        return sorted(of)[choice % len(of)] if of else None

    def join(self, caller: Caller) -> Changes:
        return self.do(
            self.queues.join,
            call_id=caller.id,
            order_no=caller.id,
            topic="law",
            language="zh-CN",
            priority=caller.priority,
            home=HOME,
            kinds=["sip"],
            node="n",
        )

    def offer_of(self, call_id: str) -> str:
        query = select(waiting_calls.c.offer_id).where(waiting_calls.c.call_id == call_id)
        return str(self.store.read(lambda c: c.execute(query).scalar_one()))

    @rule(priorities=st.lists(st.sampled_from([0, 1, 1, 1, 2]), min_size=1, max_size=8))
    def some_call(self, priorities: list[int]) -> None:
        for priority in priorities:
            self.calls += 1
            caller = Caller(f"call {self.calls:03}", priority, self.at + timedelta(milliseconds=1))
            answer = self.join(caller).answer
            self.model.queue[caller.id] = caller
            self.model.match(self.at)
            self.check_answer(caller, answer)

    def check_answer(self, caller: Caller, answer: object) -> None:
        held = self.model.held_calls().get(caller.id)
        if held is not None:
            assert isinstance(answer, Reserved)
            assert answer.counselor_ids == (held.who,)
            return
        ever = [
            who
            for who in PEOPLE
            if who not in self.model.out and who not in caller.excluded
            if self.model.resting.get(who, NOON) is not None
        ]
        if not ever:
            assert answer == Nobody()
            del self.model.queue[caller.id]
            return
        live = [c.id for c in self.model.waiting() if c.unclaimed < 2]
        assert isinstance(answer, Waiting)
        assert answer.position == live.index(caller.id) + 1

    @rule(choice=st.integers(0, 99))
    def a_caller_asks(self, choice: int) -> None:
        call_id = self.pick(list(self.model.queue), choice)
        if call_id is not None:
            caller = self.model.queue[call_id]
            caller.unclaimed = 0
            answer = self.do(self.queues.status, call_id).answer
            self.model.match(self.at)
            self.check_answer(caller, answer)

    @rule(choice=st.integers(0, 99))
    def a_caller_leaves(self, choice: int) -> None:
        call_id = self.pick(list(self.model.queue), choice)
        if call_id is not None:
            self.do(self.queues.call_ended, call_id)
            held = self.model.held_calls().get(call_id)
            if held is not None and held.until is None:
                self.rest(held.who)
            elif held is not None:
                self.model.release(held.who)
            del self.model.queue[call_id]
            self.model.match(self.at)

    def rest(self, who: str) -> None:
        del self.model.busy[who]
        self.model.kept_idle.pop(who)
        self.model.resting[who] = self.at + timedelta(seconds=WRAP_UP)

    @rule(choice=st.integers(0, 99))
    def a_counselor_answers(self, choice: int) -> None:
        who = self.pick([w for w, h in self.model.busy.items() if h.until], choice)
        if who is not None:
            held = self.model.busy[who]
            self.do(picked_up(self.queues), self.offer_of(held.caller.id), who)
            held.until = None

    @rule(choice=st.integers(0, 99))
    def a_talk_ends(self, choice: int) -> None:
        who = self.pick([w for w, h in self.model.busy.items() if h.until is None], choice)
        if who is not None:
            caller = self.model.busy[who].caller
            self.do(self.queues.offer_ended, caller.id, self.offer_of(caller.id), "answered", who)
            del self.model.queue[caller.id]
            self.rest(who)
            self.model.match(self.at)

    @rule(choice=st.integers(0, 99), result=st.sampled_from(["no_answer", "declined"]))
    def an_offer_fails(self, choice: int, result: str) -> None:
        who = self.pick([w for w, h in self.model.busy.items() if h.until], choice)
        if who is not None:
            caller = self.model.busy[who].caller
            self.do(self.queues.offer_ended, caller.id, self.offer_of(caller.id), result, None)
            del self.model.busy[who]
            self.model.kept_idle.pop(who)
            back = self.at + timedelta(seconds=30) if result == "declined" else None
            self.model.resting[who] = back
            caller.excluded.add(who)
            self.model.match(self.at)

    @rule(who=st.sampled_from(PEOPLE))
    def a_counselor_goes(self, who: str) -> None:
        if who in self.model.busy or who in self.model.out:
            return
        self.store.write(lambda c: presence.log_out(c, who, self.at))
        self.model.idle.pop(who, None)
        self.model.resting.pop(who, None)
        self.model.out.add(who)

    @rule(who=st.sampled_from(PEOPLE))
    def a_counselor_comes(self, who: str) -> None:
        def come(connection, at: datetime) -> Changes:
            presence.log_in(connection, who, at)
            return self.queues.counselor_changed(connection, at)

        if who in self.model.busy or who in self.model.idle:
            return
        self.do(come)
        self.model.out.discard(who)
        self.model.resting.pop(who, None)
        self.model.idle[who] = self.at
        self.model.match(self.at)

    @rule(seconds=st.sampled_from([1, 15, 31]))
    def time_passes(self, seconds: int) -> None:
        self.at += timedelta(seconds=seconds)
        self.do(self.queues.tick)
        for who, held in list(self.model.busy.items()):
            if held.until is not None and held.until <= self.at:
                self.model.release(who)
                held.caller.unclaimed += 1
        for who, until in list(self.model.resting.items()):
            if until is not None and until <= self.at:
                del self.model.resting[who]
                self.model.idle[who] = self.at
        self.model.match(self.at)

    @invariant()
    def counselors_are_where_the_model_has_them(self) -> None:
        if not hasattr(self, "model"):
            return
        c = counselors.c
        rows = self.store.read(lambda k: k.execute(select(c.id, c.state, c.call_id)).all())
        for who, state, call_id in rows:
            if who in self.model.busy:
                held = self.model.busy[who]
                assert call_id == held.caller.id
                assert state == ("on_call" if held.until is None else "reserved")
            else:
                assert call_id is None
                assert (state == "available") == (who in self.model.idle)
                assert (state == "logged_out") == (who in self.model.out)

    @invariant()
    def the_log_tells_what_counselors_do(self) -> None:
        if not hasattr(self, "model"):
            return
        c, soon = counselors.c, self.at + timedelta(seconds=1)
        told = self.store.read(lambda k: presence_log.latest(k, PEOPLE, soon))
        columns = (
            c.id, c.since, c.state, c.reason, c.until, c.available_since, c.call_id,
            c.rests_until, c.rest_reason,
        )  # fmt: skip
        rows = self.store.read(lambda k: k.execute(select(*columns).order_by(c.id)).all())
        assert [tuple(change)[1:] for change in told] == [tuple(row) for row in rows]

    @invariant()
    def nobody_is_lost_and_nobody_is_rung_twice(self) -> None:
        if not hasattr(self, "model"):
            return
        w, o = waiting_calls.c, offers.c
        calls = self.store.read(lambda k: k.execute(select(w.call_id, w.offer_id)).all())
        parts = self.store.read(
            lambda k: k.execute(select(o.counselor_id, o.call_id).where(o.ended_at.is_(None))).all()
        )
        assert {call for call, _ in calls} == set(self.model.queue)
        assert {call for call, offer in calls if offer} == set(self.model.held_calls())
        expected = sorted((h.who, h.caller.id) for h in self.model.busy.values())
        assert sorted(tuple(part) for part in parts) == expected

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()


def test_queue_on_sqlite(tmp_path: Path) -> None:
    run(QueueMachine, lambda: fresh(tmp_path), examples=20, steps=40)


@pytest.mark.postgresql
def test_queue_on_postgresql(postgresql: PostgreSQL) -> None:
    run(QueueMachine, lambda: opened(postgresql.new_database()), examples=10, steps=40)
