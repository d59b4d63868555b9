"""Callers and counselors of one moment in memory, found by station: for whoever has no store to
ask, a day simulated or a benchmark. Who is chosen is the router's to say.

A call is offered only to the few stations of its tiers, and a counselor who frees only to the calls
that their station may serve, so neither looks at the nation.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from agents.counselor import State
from agents.presence import Person
from routing.router import CALM, Choice, Conditions, WaitingCall, after, choose, could_serve
from routing.rules import Rules

ConditionsOf = Callable[[WaitingCall], Conditions]


def calm(_call: WaitingCall) -> Conditions:
    return CALM


class Floor:
    """:param homes: every station that calls come to. `rules_of`: a station's rules.
    `conditions_of`: what is known of the stations for a call's topic.
    """

    def __init__(
        self,
        homes: Iterable[str],
        rules_of: Callable[[str], Rules],
        conditions_of: ConditionsOf = calm,
    ) -> None:
        self._rules = {home: rules_of(home) for home in homes}
        self._conditions_of = conditions_of
        self._stations: dict[str, list[list[str]]] = {}
        """By home, the stations of each tier."""
        self._served_by: dict[str, list[str]] = defaultdict(list)
        """By station, the homes whose calls it may serve."""
        for home, rules in self._rules.items():
            tiers: list[list[str]] = [[] for _ in range(rules.tiers)]
            for station, tier in rules.tier_of.items():
                tiers[tier].append(station)
                self._served_by[station].append(home)
            self._stations[home] = tiers
        self._present: dict[str, dict[str, Person]] = defaultdict(dict)
        self._free: dict[str, dict[str, Person]] = defaultdict(dict)
        self._calls: dict[str, WaitingCall] = {}
        self._lines: dict[str, dict[int, dict[str, WaitingCall]]] = defaultdict(
            lambda: defaultdict(dict)
        )
        """By home and priority, in the order of their coming."""

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
        """A call waits; they must come in the order in which they were enqueued."""
        self._calls[call.call_id] = call
        self._lines[call.home][call.priority][call.call_id] = call

    def leave(self, call_id: str) -> None:
        """It waits no more."""
        call = self._calls.pop(call_id, None)
        if call is not None:
            del self._lines[call.home][call.priority][call_id]

    def waiting_at(self, home: str) -> int:
        return sum(len(line) for line in self._lines[home].values())

    def free_at(self, station: str) -> Iterable[Person]:
        return self._free[station].values()

    def present_at(self, station: str) -> Iterable[Person]:
        return self._present[station].values()

    def for_call(self, call: WaitingCall, at: datetime) -> Choice | None:
        """Who rings for a call now."""
        rules, tiers = self._rules[call.home], self._stations[call.home]
        conditions = self._conditions_of(call)
        opened = rules.open_tiers((at - call.enqueued_at).total_seconds(), call.urgent)
        if call.home in conditions.weak or call.home in conditions.dead or call.urgent:
            opened = len(tiers)

        def everybody() -> list[Person]:
            return self._of(self._present, tiers)

        # Whoever is further away matters only where nobody nearer is free.
        for near in range(opened, len(tiers) + 1):
            free = self._of(self._free, tiers[:near])
            choice = choose(call, free, everybody, rules, at, conditions) if free else None
            if choice is not None:
                return choice
        return None

    def for_station(self, station: str, at: datetime) -> tuple[WaitingCall, Choice] | None:
        """The first waiting call that can be given to somebody now that somebody of `station` has
        become free; by priority, then by time of coming."""
        in_vain = set()
        for call in self._in_order(self._served_by[station]):
            # Of calls alike the later has no better chance.
            alike = call.home, call.topic, call.language, self._stage(call, at)
            if call.excluded or alike not in in_vain:
                choice = self.for_call(call, at)
                if choice is not None:
                    return call, choice
                if not call.excluded:
                    in_vain.add(alike)
        return None

    def _stage(self, call: WaitingCall, at: datetime) -> tuple[int, ...]:
        """How far its filters have fallen."""
        rules = self._rules[call.home]
        waited = (at - call.enqueued_at).total_seconds()
        return (
            call.priority,
            rules.open_tiers(waited, call.urgent),
            waited >= after(rules.relax_topic, call.topic),
            waited >= after(rules.relax_language, call.topic),
        )

    def spares(self, station: str, share: float) -> bool:
        """Has a station more people free than this share of those there?"""
        return len(self._free[station]) > share * len(self._present[station])

    def expected_wait(
        self, call: WaitingCall, handling_seconds: float, at: datetime
    ) -> float | None:
        """Seconds until home has somebody free for a call that isn't waiting yet; None where nobody
        there could ever take it."""
        people = self._present[call.home].values()
        rules = self._rules[call.home]
        staffed = sum(1 for _ in could_serve(call, people, rules, at))
        if not staffed:
            return None
        return (1 + self.waiting_at(call.home)) * handling_seconds / staffed

    @staticmethod
    def _of(where: dict[str, dict[str, Person]], tiers: list[list[str]]) -> list[Person]:
        return [person for tier in tiers for station in tier for person in where[station].values()]

    def _in_order(self, homes: Iterable[str]) -> Iterator[WaitingCall]:
        lines = [
            (-priority, line)
            for home in homes
            for priority, line in self._lines[home].items()
            if line
        ]
        for priority in sorted({priority for priority, _ in lines}):
            same = [iter(line.values()) for its, line in lines if its == priority]
            yield from heapq.merge(*same, key=lambda call: (call.enqueued_at, call.call_id))
