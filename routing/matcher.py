"""The matcher: whoever waits is given whoever is free, in the transaction of what has changed."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, partial

from sqlalchemy import Connection

from agents import presence
from agents.counselor import State
from agents.presence import Person
from routing import offers, waiting
from routing.changes import Reserved
from routing.conditions import Conditions
from routing.expected_wait import wait_at_home
from routing.fallback import Fallback, Standings
from routing.floor import Floor, InVain
from routing.offers import Offer
from routing.router import Choice, choose
from routing.rules import Network, Rules
from routing.staff import StoredStaff
from routing.stations import NATION
from routing.suitability import tier_of, would_suit
from routing.touched import touched
from routing.waiting_call import WaitingCall

ASKED_FOR = "asked for by a colleague"


class Matcher:
    """Over a tree of stations. Its caller holds `one_at_a_time(connection, MATCHING)`."""

    def __init__(self, places: Network) -> None:
        self._places = places
        self._rules: dict[str, Rules] = {}
        self._standings = Standings()

    def rules_of(self, station: str) -> Rules:
        """The nation's for a call whose station is no longer in the tree: one caller's home must
        not stop the line for everybody."""
        if station not in self._rules:
            try:
                rules = Rules.of(self._places, station)
            except KeyError:
                rules = Rules.of(self._places, NATION)
            self._rules[station] = rules
        return self._rules[station]

    def standings(self, connection: Connection, at: datetime) -> Fallback:
        """What is gone by now."""
        return self._standings.now(connection, at)

    def floor(self, connection: Connection, at: datetime) -> Floor:
        """The people of this moment, and what is gone by."""

        def home_wait(call: WaitingCall) -> float | None:
            people = floor.present_at(call.home)
            return wait_at_home(connection, call, people, self.rules_of(call.home), talk, at)

        def conditions_of(call: WaitingCall) -> Conditions:
            known = by_topic.get(call.topic)
            if known is None:
                standing = fallback.conditions(call.topic)
                known = replace(standing, home_wait=home_wait, spares=floor.spares)
                by_topic[call.topic] = known
            return known

        fallback = self.standings(connection, at)
        by_topic: dict[str, Conditions] = {}
        talk = cache(partial(offers.mean_talk_seconds, connection))
        floor = Floor(self.rules_of, conditions_of, StoredStaff(connection, at))
        return floor

    def match(
        self, connection: Connection, at: datetime, *, sweep: bool = False
    ) -> tuple[Reserved, ...]:
        """Serve whoever can be served, in order. `sweep`: whatever it is that has changed."""
        fallback, floor = self.standings(connection, at), self.floor(connection, at)
        in_vain = InVain(self.rules_of)
        made: list[Reserved] = []
        for call in touched(connection, self._places, floor, self.rules_of, at, sweep=sweep):
            if in_vain.knows(call, at):
                continue
            if call.urgent:
                self._needed(connection, floor, call, at)
            while choice := floor.for_call(call, at):
                taken = tuple(
                    person
                    for person in choice.people
                    if presence.reserve(connection, person.counselor.id, call.call_id, at)
                )
                for person in choice.people:
                    floor.put(person._replace(state=State.RESERVED))
                if taken:
                    choice = replace(choice, people=taken)
                    change = fallback.change_behind(call, choice)
                    made.append(self._make_offer(connection, call, choice, change, at))
                    break
            else:
                in_vain.note(call, at)
        return tuple(made)

    def ask(
        self, connection: Connection, call: WaitingCall, counselor_id: str, at: datetime
    ) -> Reserved | None:
        """The call is for this counselor, as somebody who talked with the caller wishes: no filter
        holds. None where they are not free."""
        rules = self.rules_of(call.home)
        person = presence.free_person(connection, counselor_id, at)
        if person is None or not call.kinds & person.counselor.kinds:
            return None
        if not presence.reserve(connection, counselor_id, call.call_id, at):
            return None
        tier = tier_of(person, rules)
        choice = Choice((person,), tier or 0, ASKED_FOR, rules.ring_seconds)
        return self._make_offer(connection, call, choice, None, at)

    def _needed(
        self, connection: Connection, floor: Floor, call: WaitingCall, at: datetime
    ) -> None:
        """A caller in danger who has nobody else is given whoever writes up a call: no wrap-up
        takes the last human away. Somebody else is whoever is free anywhere, resting or not, and
        wasn't rung for this call in vain."""
        rules = self.rules_of(call.home)
        free = [person for station in rules.tier_of for person in floor.free_at(station)]
        untried = [person for person in free if person.counselor.id not in call.excluded]
        if would_suit(call, untried, rules, at):
            return
        here = [person for station in rules.tier_of for person in floor.present_at(station)]
        writing_up = {
            person.counselor.id: _free(person) for person in here if person.state == State.WRAP_UP
        }
        if not writing_up:
            return
        choice = choose(call, [*free, *writing_up.values()], lambda: here, rules, at)
        for person in choice.people if choice else ():
            who = person.counselor.id
            if who in writing_up and presence.needed(connection, who, at):
                floor.put(writing_up[who])

    def _make_offer(
        self,
        connection: Connection,
        call: WaitingCall,
        choice: Choice,
        change: int | None,
        at: datetime,
    ) -> Reserved:
        offer_id = secrets.token_hex(8)
        parts = [
            Offer(
                offer_id,
                person.counselor.id,
                call.call_id,
                person.counselor.station,
                call.node,
                choice.tier,
                choice.reason,
                choice.ring_seconds,
                len(choice.people) > 1 or call.urgent,
                at,
                None,
                standing_change=change,
            )
            for person in choice.people
        ]
        lease = timedelta(seconds=self.rules_of(call.home).lease_seconds)
        offers.add(connection, parts, at + lease)
        waiting.hold(connection, call.call_id, offer_id)
        return Reserved.of(parts)


def _free(person: Person) -> Person:
    """As `presence.needed` makes somebody who is in wrap-up."""
    if person.rests_until is None or (person.until and person.rests_until < person.until):
        person = person._replace(rests_until=person.until, rest_reason=presence.WRAP_UP)
    return person._replace(state=State.AVAILABLE, until=None)
