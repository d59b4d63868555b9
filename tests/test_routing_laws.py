"""Laws of the whole tree, in any order of events, on both stores: whoever is given to a call could
not have been given to one before it, fits it, and has one call; a place is kept; no call goes in a
circle; and when no more calls come, everybody is served."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Connection, select

from agents import presence, roster
from agents.counselor import HELD, State
from agents.offer_results import OFFER_RESULTS
from agents.presence import Person
from agents.roster import Role
from config.database import Store
from routing import offers, waiting
from routing.changes import Changes, Nobody, Reserved
from routing.offers import Offer
from routing.queues import Queues
from routing.router import choose
from routing.rules import Rules
from routing.suitability import could_serve
from routing.waiting import UNCLAIMED_LIMIT, Place, waiting_calls
from routing.waiting_call import WaitingCall
from tests.machines_on_stores import fresh, opened, run
from tests.postgresql import PostgreSQL
from tests.routing_stand_in import (
    CENTRE,
    FAR,
    HOME,
    NOON,
    PROVINCE,
    StandIn,
    counselor,
    log_in,
    picked_up,
)

NEIGHBOUR, ELSEWHERE = "450000", "310000"
WRAP_UP = 5
STATIONS = StandIn(
    neighbours=(NEIGHBOUR,), wrap_up_seconds=WRAP_UP, overflow_seconds=86400,
    last_counselor_returns=0,
)  # fmt: skip
RULES = Rules.of(STATIONS, HOME)
PEOPLE = {
    who.id: who
    for who in (
        counselor("home-law", topics=["law"]),
        counselor("home-both"),
        counselor("province", PROVINCE, languages=["zh-CN", "en"]),
        counselor("supervisor", PROVINCE, role=Role.SUPERVISOR),
        counselor("duty", PROVINCE, role=Role.DUTY_PHONE, topics=[]),
        counselor("centre", CENTRE, topics=["psychology"]),
        counselor("neighbour", NEIGHBOUR),
        counselor("far", FAR, languages=["en"]),
        counselor("elsewhere", ELSEWHERE),
    )
}
ALL_DAY = [who for who in PEOPLE if who != "duty"]
CHOICES = st.integers(0, 99)
COMING = st.tuples(
    st.sampled_from([0, 1, 1, 1, 1, 2, 3, 4]),
    st.sampled_from(["law", "psychology", "unknown"]),
    st.sampled_from(["zh-CN", "zh-CN", "zh-CN", "en"]),
    st.sampled_from([None, None, None, *PEOPLE]),
)
"""Priority, topic, language, who handles an open order."""


class Laws(RuleBasedStateMachine):
    open_store: Callable[[], Store]

    @initialize()
    def begin(self) -> None:
        self.store = type(self).open_store()
        self.queues = Queues(STATIONS)
        self.at = NOON
        self.calls = 0
        self.came: dict[str, Any] = {}
        self.failed: dict[str, set[str]] = defaultdict(set)
        self.seen: set[str] = set()
        self.places: list[Place] = []
        self.parts: list[Offer] = []
        self.people: list[Person] = []

        def hire(connection: Connection) -> None:
            for who in PEOPLE.values():
                roster.add(connection, who, self.at)

        self.store.write(hire)
        for who in ("home-law", "home-both", "centre", "elsewhere"):
            self.a_counselor_comes_or_goes(who)

    # What happens.

    @rule(coming=st.lists(COMING, min_size=1, max_size=6))
    def calls_come(self, coming: list[tuple[int, str, str, str | None]]) -> None:
        for priority, topic, language, preferred in coming:
            self.calls += 1
            call_id = f"call {self.calls:03}"
            self.came[call_id] = self.at + timedelta(milliseconds=1)
            self.join(call_id, topic, language, priority, preferred)

    @rule(choice=CHOICES)
    def a_caller_presses_the_star(self, choice: int) -> None:
        call = self.pick(self.places, choice)
        if call is not None and call.offer_id is None:
            self.join(call.call.call_id, call.call.topic, call.call.language, 4, None)

    @rule(choice=CHOICES)
    def a_caller_asks(self, choice: int) -> None:
        call = self.pick(self.places, choice)
        if call is not None:
            self.do(self.queues.status, call.call.call_id)

    @rule(choice=CHOICES)
    def a_caller_leaves(self, choice: int) -> None:
        call = self.pick(self.places, choice)
        if call is not None:
            del self.came[call.call.call_id]
            self.do(self.queues.call_ended, call.call.call_id)

    @rule(choice=CHOICES)
    def a_counselor_answers(self, choice: int) -> None:
        part = self.pick([part for part in self.parts if part.answered_at is None], choice)
        if part is not None:
            self.answered(part)

    @rule(choice=CHOICES)
    def a_talk_ends(self, choice: int) -> None:
        part = self.pick([part for part in self.parts if part.answered_at], choice)
        if part is not None:
            self.ended(part)

    @rule(
        choice=CHOICES,
        result=st.sampled_from(["no_answer", "busy", "congestion"]),
        back=st.booleans(),
    )
    def an_offer_fails(self, choice: int, result: str, back: bool) -> None:
        """`back`: and whoever it rang is there again at once."""
        talking = {part.offer_id for part in self.parts if part.answered_at}
        part = self.pick([part for part in self.parts if part.offer_id not in talking], choice)
        if part is not None:
            if not OFFER_RESULTS[result].again:
                rung = (other for other in self.parts if other.offer_id == part.offer_id)
                self.failed[part.call_id] |= {other.counselor_id for other in rung}
            self.do(self.queues.offer_ended, part.call_id, part.offer_id, result, None)
            if back and part.counselor_id in ALL_DAY:
                self.a_counselor_comes_or_goes(part.counselor_id)

    @rule(who=st.sampled_from(ALL_DAY))
    def a_counselor_comes_or_goes(self, who: str) -> None:
        def turn(connection: Connection, at: Any) -> Changes:
            there = {p.counselor.id: p.state for p in presence.present(connection, at)}
            if there.get(who) not in HELD:
                here = there.get(who) == State.AVAILABLE
                (presence.log_out if here else presence.log_in)(connection, who, at)
            return self.queues.counselor_changed(connection, at)

        self.do(turn)

    @rule(seconds=st.sampled_from([1, 6, 12, 31]))
    def time_passes(self, seconds: int) -> None:
        self.at += timedelta(seconds=seconds)
        self.do(self.queues.tick)

    @rule()
    def no_more_calls_come(self) -> None:
        """Then everybody is served whom anybody could serve, in a round a call at the most."""
        for who in ALL_DAY:
            if who not in {person.counselor.id for person in self.people}:
                self.a_counselor_comes_or_goes(who)
        for _ in range(len(self.places) + 1):
            while ringing := [part for part in self.parts if part.answered_at is None]:
                self.answered(ringing[0])
            while self.parts:
                self.ended(self.parts[0])
            self.at += timedelta(seconds=max(WRAP_UP, *RULES.relax_language.values()))
            self.do(self.queues.tick)
            for place in [place for place in self.places if place.offer_id is None]:
                self.do(self.queues.status, place.call.call_id)
        for place in self.places:
            if place.offer_id is None:
                assert not list(could_serve(place.call, self.people, RULES, self.at))

    # How it is done.

    def do(self, work: Callable[..., Changes], *args: object, **more: object) -> Changes:
        self.at += timedelta(milliseconds=1)

        def transaction(connection: Connection) -> Changes:
            changes = work(connection, *args, at=self.at, **more)
            self.look(connection)
            return changes

        changes = self.store.write(transaction)
        made = [changes.answer] if isinstance(changes.answer, Reserved) else []
        by_call = {place.call.call_id: place.call for place in self.places}
        for reserved in (*made, *changes.woken):
            if reserved.offer_id not in self.seen:
                self.seen.add(reserved.offer_id)
                call = by_call[reserved.call_id]
                self.fits(call, reserved)
                self.nobody_before(call, reserved)
        return changes

    def look(self, connection: Connection) -> None:
        """Who waits, who is rung or talks, who is there."""
        ids = list(
            connection.execute(select(waiting_calls.c.call_id).order_by("call_id")).scalars()
        )
        found = [waiting.place_of(connection, call_id) for call_id in ids]
        self.places = [place for place in found if place is not None]
        self.parts = [part for call_id in ids for part in offers.of_call(connection, call_id)]
        self.people = presence.present(connection, self.at)

    def join(
        self, call_id: str, topic: str, language: str, priority: int, preferred: str | None
    ) -> None:
        self.do(
            self.queues.join, call_id=call_id, order_no=call_id, topic=topic, language=language,
            priority=priority, home=HOME, kinds=["sip"], node="n", preferred=preferred,
        )  # fmt: skip
        if call_id not in {place.call.call_id for place in self.places}:
            # Nobody on duty could ever take it.
            del self.came[call_id]

    def answered(self, part: Offer) -> None:
        self.do(picked_up(self.queues), part.offer_id, part.counselor_id)

    def ended(self, part: Offer) -> None:
        if part.call_id in self.came:
            del self.came[part.call_id]
            who = part.counselor_id
            self.do(self.queues.offer_ended, part.call_id, part.offer_id, "answered", who)

    def pick(self, of: Iterable[Any], choice: int) -> Any:
        known = list(of)
        return known[choice % len(known)] if known else None

    # The laws.

    def fits(self, call: WaitingCall, reserved: Reserved) -> None:
        """Hours, topic and language, and nobody rung in vain before."""
        waited = (self.at - call.enqueued_at).total_seconds()
        for who in reserved.counselor_ids:
            rung = PEOPLE[who]
            assert rung.station in RULES.tier_of
            if not call.urgent:
                assert rung.role is Role.COUNSELOR
                assert who not in self.failed[call.call_id]
                relaxed = waited >= RULES.relax_topic.get(call.topic, RULES.relax_topic["other"])
                assert relaxed or call.topic in rung.topics | {"unknown"}
                relaxed = waited >= RULES.relax_language.get(
                    call.topic, RULES.relax_language["other"]
                )
                assert relaxed or call.language in rung.languages

    def nobody_before(self, call: WaitingCall, reserved: Reserved) -> None:
        """Nobody who could have been given to whoever still waits before."""
        given = [
            person._replace(state=State.AVAILABLE)
            for person in self.people
            if person.counselor.id in reserved.counselor_ids
        ]
        for place in self.places:
            before = place.call
            waits = place.offer_id is None and place.unclaimed < UNCLAIMED_LIMIT
            if waits and before.place < call.place:
                assert choose(before, given, lambda: self.people, RULES, self.at) is None

    @invariant()
    def nobody_has_two_calls(self) -> None:
        if hasattr(self, "came"):
            held = {part.counselor_id: part.call_id for part in self.parts}
            assert len(held) == len(self.parts)
            busy = {p.counselor.id for p in self.people if p.state in HELD}
            assert busy == set(held)

    @invariant()
    def a_place_is_kept(self) -> None:
        if hasattr(self, "came"):
            found = {place.call.call_id: place.call.enqueued_at for place in self.places}
            assert found == self.came

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()


AS_FOUND = (Phase.generate,)
"""To shrink would take minutes: what failed is told as it was found."""


def test_the_laws_on_sqlite(tmp_path: Path) -> None:
    run(Laws, lambda: fresh(tmp_path), 15, 30, AS_FOUND)


@pytest.mark.postgresql
def test_the_laws_on_postgresql(postgresql: PostgreSQL) -> None:
    run(Laws, lambda: opened(postgresql.new_database()), 5, 25, AS_FOUND)


def test_no_call_goes_in_a_circle(store: Store) -> None:
    """Everybody fails it and is there again at once: each is rung once, the nearest first."""
    queues = Queues(STATIONS)
    at = NOON + timedelta(seconds=max(RULES.relax_language.values()))

    def joined(connection: Connection) -> Changes:
        for who in PEOPLE.values():
            log_in(connection, who)
        queues.join(
            connection, call_id="call", order_no="1", topic="unknown", language="zh-CN", priority=1,
            home=HOME, kinds=["sip"], node="n", at=NOON,
        )  # fmt: skip
        return queues.status(connection, "call", at)

    def failed(connection: Connection, held: Reserved) -> tuple[Reserved, ...]:
        queues.offer_ended(connection, "call", held.offer_id, "no_answer", None, at)
        for who in held.counselor_ids:
            presence.log_in(connection, who, at)
        return queues.counselor_changed(connection, at).woken

    held = store.write(joined).answer
    rung: list[str] = []
    while isinstance(held, Reserved):
        rung += held.counselor_ids
        assert len(rung) == len(set(rung))
        place = store.read(lambda c: waiting.place_of(c, "call"))
        assert place is not None
        assert place.call.enqueued_at == NOON
        store.write(lambda c, held=held: failed(c, held))
        held = store.write(lambda c: queues.status(c, "call", at)).answer
    assert isinstance(held, Nobody)
    stations = [PEOPLE[who].station for who in rung]
    assert stations == [HOME, HOME, PROVINCE, CENTRE, NEIGHBOUR, FAR]
