"""Callers and counselors of one moment, found by station. Who is chosen is the router's to say.

A call is offered only to the few stations of its tiers, and a counselor who frees only to the calls
that their station may serve, so neither looks at the nation. A day simulated has everybody in
memory; a match in the store asks for the people of a station where it comes to matter.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from heapq import heappop, heappush
from itertools import chain
from typing import Any, NamedTuple, Protocol

from agents.counselor import State
from agents.presence import Person
from routing.conditions import CALM, Conditions, kept_from, why_outside
from routing.priority import Place
from routing.router import Choice, choose
from routing.rules import FIRST_OUTER_TIER, Rules
from routing.suitability import after, could_serve, somebody_nearer
from routing.waiting_call import WaitingCall

ConditionsOf = Callable[[WaitingCall], Conditions]
RulesOf = Callable[[str], Rules]


def calm(_call: WaitingCall) -> Conditions:
    return CALM


class Staff(Protocol):
    """Who is where at one moment, for who asks station by station."""

    def free(self, stations: Sequence[str]) -> Iterable[Person]: ...

    def present(self, stations: Sequence[str]) -> Iterable[Person]: ...

    def how_many(self, station: str) -> int: ...


class Floor:
    """:param rules_of: a station's rules. `conditions_of`: what is known of the stations for a
    call's topic. `staff`: whoever was there before anybody was `put`; None: nobody.
    """

    def __init__(
        self,
        rules_of: RulesOf,
        conditions_of: ConditionsOf = calm,
        staff: Staff | None = None,
    ) -> None:
        self._rules_of = rules_of
        self.conditions_of = conditions_of
        self._staff = staff
        self._free_known: set[str] = set()
        self._present_known: set[str] = set()
        self._counted: dict[str, int] = {}
        self._present: dict[str, dict[str, Person]] = defaultdict(dict)
        self._free: dict[str, dict[str, Person]] = defaultdict(dict)
        self._calls: dict[str, WaitingCall] = {}
        self._places: dict[str, list[Place]] = defaultdict(list)
        """By home, the places of all who wait, in order."""
        self._lines: dict[str, list[Entry]] = defaultdict(list)
        """By station, a heap of the calls that it may serve; who has left is passed over."""

    def put(self, person: Person) -> None:
        """Somebody is there, in this state."""
        who, station = person.counselor.id, person.counselor.station
        self._present[station][who] = person
        if person.state == State.AVAILABLE:
            self._free[station][who] = person
        else:
            self._free[station].pop(who, None)

    def remove(self, person: Person) -> None:
        """Somebody has logged out."""
        who, station = person.counselor.id, person.counselor.station
        self._present[station].pop(who, None)
        self._free[station].pop(who, None)

    def wait(self, call: WaitingCall) -> None:
        """A call waits; one that was rung in vain comes back to its place."""
        self._calls[call.call_id] = call
        place = call.place
        insort(self._places[call.home], place)
        for station in self._rules_of(call.home).tier_of:
            heappush(self._lines[station], Entry(place, call))

    def leave(self, call_id: str) -> None:
        """It waits no more."""
        call = self._calls.pop(call_id, None)
        if call is not None:
            places = self._places[call.home]
            del places[bisect_left(places, call.place)]

    def free_at(self, station: str) -> Iterable[Person]:
        self._know_free((station,))
        return self._free[station].values()

    def present_at(self, station: str) -> Iterable[Person]:
        self._know_present((station,))
        return self._present[station].values()

    def expect(self, homes: Sequence[str]) -> None:
        """Calls of these are about to be looked at: ask for their people at once."""
        self._know_free(homes)
        self._know_present(homes)

    def kept_from(self, call: WaitingCall, station: str, at: datetime) -> bool:
        """Does `station` keep whom it has free for others than this call?"""
        rules = self._rules_of(call.home)
        return kept_from(call, station, rules, self.conditions_of(call), at)

    def for_call(self, call: WaitingCall, at: datetime) -> Choice | None:
        """Who rings for a call now."""
        rules = self._rules_of(call.home)
        tiers = rules.stations
        conditions = self.conditions_of(call)
        opened = rules.open_tiers((at - call.enqueued_at).total_seconds(), call.urgent)
        stations: list[str] = []
        # Whoever is further away matters only where nobody nearer is free who comes first.
        for near in range(_nearest(call, rules, conditions, at, opened), len(tiers) + 1):
            if (
                near > opened
                and why_outside(call, True, rules, conditions) is None
                and somebody_nearer(
                    call, near - 1, self._everybody(stations), rules, at, conditions.dead
                )
            ):
                return None
            stations = [station for tier in tiers[:near] for station in tier]
            self._know_free(stations)
            free = [
                person
                for station in stations
                if self._free[station] and not kept_from(call, station, rules, conditions, at)
                for person in self._free[station].values()
            ]
            everybody = partial(self._everybody, stations)
            choice = choose(call, free, everybody, rules, at, conditions) if free else None
            if choice is not None and (near >= opened or _strong(choice, conditions)):
                return choice
        return None

    def for_station(self, station: str, at: datetime) -> tuple[WaitingCall, Choice] | None:
        """The first waiting call that can be given to somebody now that somebody of `station` has
        become free; by priority, then by time of coming."""
        line, tried = self._lines[station], []
        in_vain = InVain(self._rules_of)
        try:
            while line:
                entry = heappop(line)
                if self._calls.get(entry.call.call_id) is not entry.call:
                    continue
                tried.append(entry)
                if in_vain.knows(entry.call, at):
                    continue
                choice = self.for_call(entry.call, at)
                if choice is not None:
                    return entry.call, choice
                in_vain.note(entry.call, at)
            return None
        finally:
            for entry in tried:
                heappush(line, entry)

    def spares(self, station: str, share: float) -> bool:
        """Has a station more people free than this share of those there?"""
        self._know_free((station,))
        return len(self._free[station]) > share * self._how_many(station)

    def expected_wait(self, call: WaitingCall, handling_seconds: float, at: datetime) -> float:
        """Seconds until home has somebody free for a call, after those who are before it there."""
        staffed = sum(
            1 for _ in could_serve(call, self.present_at(call.home), self._rules_of(call.home), at)
        )
        ahead = bisect_left(self._places[call.home], call.place)
        return wait_in_line(ahead, staffed, handling_seconds)

    def _everybody(self, stations: Sequence[str]) -> Iterator[Person]:
        return chain.from_iterable(map(self.present_at, stations))

    def _know_free(self, stations: Sequence[str]) -> None:
        if self._staff is None:
            return
        unknown = [station for station in stations if station not in self._free_known]
        if unknown:
            self._free_known.update(unknown)
            for person in self._staff.free(unknown):
                self.put(person)

    def _know_present(self, stations: Sequence[str]) -> None:
        if self._staff is None:
            return
        unknown = [station for station in stations if station not in self._present_known]
        if unknown:
            self._present_known.update(unknown)
            for person in self._staff.present(unknown):
                self._present[person.counselor.station].setdefault(person.counselor.id, person)

    def _how_many(self, station: str) -> int:
        if self._staff is None:
            return len(self._present[station])
        if station not in self._counted:
            self._counted[station] = self._staff.how_many(station)
        return self._counted[station]


def wait_in_line(ahead: int, staffed: int, handling_seconds: float) -> float:
    """Seconds until whoever has `ahead` before them is served by `staffed` people, none of whom is
    free: as often as each of them ends a call. Endless where there is nobody."""
    return (1 + ahead) * handling_seconds / staffed if staffed else math.inf


def _nearest(
    call: WaitingCall, rules: Rules, conditions: Conditions, at: datetime, opened: int
) -> int:
    """How many tiers to look at first: more than home only where somebody further away may come
    before somebody near."""
    covered = call.home in conditions.weak or call.home in conditions.dead
    waited = (at - call.enqueued_at).total_seconds()
    relaxed = min(after(rules.relax_topic, call.topic), after(rules.relax_language, call.topic))
    anywhere = call.urgent or call.preferred is not None
    if anywhere or (covered and waited >= relaxed):
        return rules.tiers
    if covered:
        return min(FIRST_OUTER_TIER + 1, rules.tiers)
    return opened if waited >= relaxed else 1


def _strong(choice: Choice, conditions: Conditions) -> bool:
    """Rings somebody of a station that isn't weak: nobody further away comes before them."""
    return any(person.counselor.station not in conditions.weak for person in choice.people)


class Entry(NamedTuple):
    """A call in a line. One that left and came back stands there twice, at the same place."""

    place: Place
    call: WaitingCall

    def __lt__(self, other: tuple[Any, ...]) -> bool:
        return bool(self.place < other[0])


class InVain:
    """Calls that nobody could be found for at one moment: those that are alike and come after
    them are not tried then. Only by a longer wait at home could one of them go elsewhere, ahead of
    the first: it waits until a tier opens to it instead."""

    def __init__(self, rules_of: RulesOf) -> None:
        self._rules_of = rules_of
        self._alike: set[Hashable] = set()

    def knows(self, call: WaitingCall, at: datetime) -> bool:
        return not call.excluded and self._key(call, at) in self._alike

    def note(self, call: WaitingCall, at: datetime) -> None:
        if not call.excluded:
            self._alike.add(self._key(call, at))

    def _key(self, call: WaitingCall, at: datetime) -> Hashable:
        rules = self._rules_of(call.home)
        waited = (at - call.enqueued_at).total_seconds()
        return (
            call.home,
            call.topic,
            call.language,
            call.priority,
            call.kinds,
            call.preferred,
            rules.open_tiers(waited, call.urgent),
            waited >= after(rules.relax_topic, call.topic),
            waited >= after(rules.relax_language, call.topic),
        )
