"""What a change touches is all that it lets be served: after each of them nobody waits who could
have been given somebody, and nobody was overtaken. Here everybody is looked at, each time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from sqlalchemy import Connection, select

from agents import presence
from agents.counselor import State
from agents.presence import Person
from agents.roster import Counselor, Role, RosterError
from config.database import Store
from routing import offers, waiting
from routing.changes import Changes, Reserved
from routing.conditions import Conditions
from routing.floor import Floor
from routing.queues import Queues
from routing.rules import Rules
from routing.waiting_call import WaitingCall
from tests.machines_on_stores import fresh, opened, run
from tests.postgresql import PostgreSQL
from tests.routing_stand_in import NOON, StandIn, counselor, log_in

CITIES = ["110100", "110200", "110300"]
PROVINCE, CENTRE, FAR = "110000", "centre-near", "centre-far"


class Country(StandIn):
    """Three cities of a province, and two centres that serve everybody."""

    def tiers(self, station_id: str) -> Sequence[Sequence[str]]:
        return ((station_id,), (PROVINCE,), (CENTRE,), (FAR,))

    def served_by(self, station_id: str) -> Sequence[str] | None:
        if station_id == PROVINCE:
            return [*CITIES, CENTRE]
        return (station_id,) if station_id in CITIES else None


STAFF = [
    counselor("c0", CITIES[0]),
    counselor("c1", CITIES[1], topics=["law"]),
    counselor("boss", CITIES[1], role=Role.SUPERVISOR),
    counselor("duty", CITIES[2], role=Role.DUTY_PHONE),
    counselor("p0", PROVINCE, topics=["psychology"]),
    counselor("n0", CENTRE),
    counselor("n1", CENTRE, topics=["law"], kinds=["browser"]),
    counselor("n2", CENTRE, topics=["law"]),
    counselor("f0", FAR, languages=["bo"]),
]
DESKS = [who for who in STAFF if who.role is not Role.DUTY_PHONE]
AT_CENTRES = {who.id for who in STAFF if who.station in (CENTRE, FAR)}


class TouchedMachine(RuleBasedStateMachine):
    open_store: Callable[[], Store]

    @initialize()
    def begin(self) -> None:
        self.store = type(self).open_store()
        # Whether the wait at home is too long depends on more than a change; the sweep sees to it.
        self.country = Country(
            wrap_up_seconds=0, reserve_share=0.4, overflow_seconds=10**6, last_counselor_returns=0,
            wrap_up_after_high_risk_seconds=5, calls_in_a_row=2, rest_seconds=20,
            high_risk_calls_per_shift=1,
        )  # fmt: skip
        self.queues = Queues(self.country)
        self.at = NOON
        self.calls = 0

        def everybody_comes(connection: Connection) -> None:
            for who in STAFF:
                log_in(connection, who, self.at)

        self.store.write(everybody_comes)

    def do(self, work: Callable[..., Changes], *args: object, **more: object) -> None:
        self.at += timedelta(milliseconds=1)
        changes = self.store.write(lambda c: work(c, *args, at=self.at, **more))
        made = [*changes.woken, changes.answer]
        self.store.read(
            lambda c: self.check(c, [held for held in made if isinstance(held, Reserved)])
        )

    def check(self, connection: Connection, made: list[Reserved]) -> None:
        """Nobody could be served; nor could they by whoever has been given to a later call."""
        floor = Floor(lambda home: Rules.of(self.country, home), lambda _call: conditions)
        conditions = Conditions(spares=floor.spares)
        people = {p.counselor.id: p for p in presence.present(connection, self.at)}
        for person in people.values():
            floor.put(person)
        unserved = waiting.unserved(connection)
        for call in unserved:
            assert floor.for_call(call, self.at) is None
        for held in made:
            self.check_order(connection, floor, unserved, held, people)

    def check_order(
        self,
        connection: Connection,
        floor: Floor,
        unserved: list[WaitingCall],
        held: Reserved,
        people: dict[str, Person],
    ) -> None:
        place = waiting.place_of(connection, held.call_id)
        assert place is not None
        for who in held.counselor_ids:
            floor.put(people[who]._replace(state=State.AVAILABLE))
            for call in unserved:
                if call.place < place.call.place:
                    assert floor.for_call(call, self.at) is None
            floor.put(people[who])

    def waiting_call(self, choice: int, *held: bool) -> tuple[str, str] | None:
        """One of those who are held somebody, or of those who aren't."""
        w = waiting.waiting_calls.c
        query = select(w.call_id, w.offer_id).order_by(w.call_id)
        found = self.store.read(lambda c: c.execute(query).all())
        rows = [(call_id, offer or "") for call_id, offer in found if bool(offer) in held]
        return rows[choice % len(rows)] if rows else None

    @rule(
        home=st.sampled_from([*CITIES, CENTRE]),
        topic=st.sampled_from(["law", "psychology", "unknown"]),
        language=st.sampled_from(["zh-CN", "zh-CN", "bo"]),
        priority=st.sampled_from([0, 1, 1, 1, 2, 3, 4]),
        kinds=st.sampled_from([["sip"], ["browser"], ["sip", "browser"]]),
    )
    def some_call(self, **wishes: Any) -> None:
        self.calls += 1
        name = f"call {self.calls:03}"
        self.do(self.queues.join, call_id=name, order_no=name, node="n", **wishes)

    @rule(choice=st.integers(0, 99))
    def a_caller_asks(self, choice: int) -> None:
        if found := self.waiting_call(choice, False):
            self.do(self.queues.status, found[0])

    @rule(choice=st.integers(0, 99))
    def a_caller_leaves(self, choice: int) -> None:
        if found := self.waiting_call(choice, True, False):
            self.do(self.queues.call_ended, found[0])

    @rule(choice=st.integers(0, 99))
    def a_talk_ends(self, choice: int) -> None:
        if found := self.waiting_call(choice, True):
            self.do(self.queues.offer_ended, *found, "answered", None)

    @rule(choice=st.integers(0, 99))
    def nobody_answers(self, choice: int) -> None:
        found = self.waiting_call(choice, True)
        if found is None:
            return
        rung = self.store.read(lambda c: offers.parts_of(c, found[1]))
        if any(part.counselor_id in AT_CENTRES for part in rung):
            # Somebody less at a centre may open the next to the nation's calls: the sweep's.
            self.store.write(
                lambda c: self.queues.offer_ended(c, *found, "no_answer", None, at=self.at)
            )
            self.do(self.queues.tick)
        else:
            self.do(self.queues.offer_ended, *found, "no_answer", None)

    @rule(who=st.sampled_from(DESKS), choice=st.integers(0, 99))
    def somebody_comes_untold(self, who: Counselor, choice: int) -> None:
        """As the command line has it: the queue isn't told, and finds them at the next change."""
        self.store.write(lambda c: presence.log_in(c, who.id, self.at))
        self.a_caller_asks(choice)

    @rule(who=st.sampled_from(DESKS))
    def somebody_goes(self, who: Counselor) -> None:
        def go(connection: Connection, at: Any) -> Changes:
            with contextlib.suppress(RosterError):  # gone already
                presence.log_out(connection, who.id, at)
            return self.queues.counselor_changed(connection, at)

        self.do(go)

    @rule(seconds=st.sampled_from([1, 5, 10, 20, 30, 45]), choice=st.integers(0, 99))
    def time_passes_untold(self, seconds: int, choice: int) -> None:
        """Leases end by the tick alone, tiers open at any change."""
        self.at += timedelta(seconds=seconds)
        self.a_caller_asks(choice)

    @rule()
    def a_second_passes(self) -> None:
        self.at += timedelta(seconds=1)
        self.do(self.queues.tick)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()


def test_touched_on_sqlite(tmp_path: Path) -> None:
    run(TouchedMachine, lambda: fresh(tmp_path), examples=10, steps=25)


@pytest.mark.postgresql
def test_touched_on_postgresql(postgresql: PostgreSQL) -> None:
    run(TouchedMachine, lambda: opened(postgresql.new_database()), examples=5, steps=25)
