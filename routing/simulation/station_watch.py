"""Stations watched by the strength index, calls and offers judged as in `routing.trials`.

Counts are of the last 15 minutes and of all days played. A standing is advanced within 15 s where
something has happened, every minute where it isn't strong.

A probe is answered as a call is, and takes none of a counselor's time. A parent's rate, which moves
slowly, is made anew every PARENTS_EVERY. Callers of a probing station are covered as a weak one's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from agents.counselor import State as At
from routing.probing import SPARED
from routing.simulation.desks import Desk
from routing.simulation.policy import Policy
from routing.simulation.scenario import Scenario
from routing.simulation.watch import DesksOf, EndedCall, StateChange, Watch
from routing.standing import Happened, Standing, State, Thresholds, trial_of_call
from routing.strength import FAST, NATION_RATE, Counts, Figures, People, Trial, parent_rates
from routing.suitability import knows
from routing.transitions import advance, probe_due
from routing.waiting_call import UNKNOWN_TOPIC

PARENTS_EVERY = timedelta(minutes=15)
ROUNDS_EVERY = timedelta(minutes=1)
TALKING = frozenset({At.ON_CALL, At.WRAP_UP})

Key = tuple[str, str]
"""A station and a topic."""
Plan = dict[str, list[tuple[float, float, frozenset[str]]]]
"""By station, who is to be there: from, until, knowing what."""


@dataclass(slots=True)
class _Watched:
    standing: Standing = field(default_factory=Standing)
    fast: deque[Happened] = field(default_factory=deque)
    slow: Counts = field(default_factory=Counts)
    fresh: list[Happened] = field(default_factory=list)
    refused: dict[str, datetime] = field(default_factory=dict)
    """By counselor, when a probe was last not accepted."""


class StationWatch(Watch):
    """`begin_day` first."""

    _scenario: Scenario
    _plan: Plan

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._watched: dict[Key, _Watched] = {}
        self._thresholds: dict[str, Thresholds] = {}
        self._in_state: dict[str, dict[State, frozenset[str]]] = {}
        self._to_look_at: set[Key] = set()
        self._not_strong: set[Key] = set()
        self._rounds_at: datetime | None = None
        self._parents: dict[str, Callable[[str], float]] = {}
        self._parents_at: datetime | None = None

    def begin_day(self, scenario: Scenario) -> None:
        """A day of the same stations, with what is known of them from days before."""
        self._scenario = scenario
        self._plan = _plan(scenario)

    def offer_ended(
        self, station: str, home: str, topic: str, answered: bool, at: datetime
    ) -> None:
        if not answered:
            self._note(station, topic, Trial.IN_VAIN, at)
        elif station != home:
            self._note(station, topic, Trial.HELPED, at)

    def call_ended(self, call: EndedCall) -> None:
        trial = trial_of_call(
            self._thresholds_of(call.home),
            call.waited,
            answered=call.answering is not None,
            at_home=call.answering == call.home,
            excused=call.urgent or self._closed(call.home, call.topic, call.at),
            rung=call.rung,
            here=call.here,
            together=call.together,
        )
        self._note(call.home, call.topic, trial, call.at)

    def assess(self, seconds: float, at: datetime, desks_of: DesksOf) -> Sequence[StateChange]:
        self._refresh_parents(at)
        changes = []
        today = at.date()
        to_look_at, self._to_look_at = self._to_look_at, set()
        if self._rounds_at is None or at >= self._rounds_at + ROUNDS_EVERY:
            self._rounds_at = at
            # Where nobody is at work nothing happens, either.
            to_look_at |= {key for key in self._not_strong if desks_of(key[0])}
        for key in sorted(to_look_at):
            station, topic = key
            watched = self._watched[key]
            desks = [
                desk for desk in desks_of(station) if knows(desk.person.counselor, topic, today)
            ]
            people = self._people(station, topic, seconds, desks)
            self._probe(key, watched, people, desks, at)
            while watched.fast and watched.fast[0].at <= at - FAST:
                watched.fast.popleft()
            figures = Figures(
                Counts.of(happened.trial for happened in watched.fast),
                watched.slow,
                self._parents.get(topic, _at_the_nations_rate)(station),
                people,
            )
            before = watched.standing.state
            watched.standing = advance(
                watched.standing, figures, watched.fresh, at, self._thresholds_of(station)
            )
            watched.fresh.clear()
            standing = watched.standing
            if standing.state is State.STRONG is not before:
                watched.fast.clear()
                watched.slow = Counts()
            if standing.state is not before:
                changes.append(
                    StateChange(seconds, station, topic, str(standing.state), standing.cause)
                )
            if standing.state is State.STRONG and standing.empty_since is None:
                self._not_strong.discard(key)
            else:
                self._not_strong.add(key)
        if changes:
            self._sort_states()
        return changes

    def weak(self, topic: str) -> frozenset[str]:
        """Probing ones among them: their callers are still covered."""
        states = self._in_state.get(topic, _NONE)
        return states.get(State.WEAK, frozenset()) | states.get(State.PROBING, frozenset())

    def dead(self, topic: str) -> frozenset[str]:
        return self._in_state.get(topic, _NONE).get(State.DEAD, frozenset())

    def _note(self, station: str, topic: str, trial: Trial, at: datetime) -> None:
        if trial is Trial.SAYS_NOTHING:
            return
        key = station, topic
        watched = self._watched.setdefault(key, _Watched())
        happened = Happened(at, trial)
        watched.fresh.append(happened)
        watched.fast.append(happened)
        watched.slow = watched.slow.and_one(trial)
        self._to_look_at.add(key)

    def _probe(
        self,
        key: Key,
        watched: _Watched,
        people: People,
        desks: Collection[Desk],
        at: datetime,
    ) -> None:
        due = probe_due(watched.standing, people, self._thresholds_of(key[0]))
        if due is None or due > at:
            return
        asked = next(
            (
                desk
                for desk in desks
                if desk.person.state == At.AVAILABLE
                and watched.refused.get(desk.id, at - SPARED) <= at - SPARED
            ),
            None,
        )
        if asked is None:
            return
        random = Random(f"{self._scenario.seed} probe {key} {at}")
        accepted = random.random() < asked.seat.answers
        if not accepted:
            watched.refused[asked.id] = at
        watched.fresh.append(Happened(at, Trial.ACCEPTED if accepted else Trial.REFUSED))

    def _people(self, station: str, topic: str, seconds: float, desks: Sequence[Desk]) -> People:
        states = [desk.person.state for desk in desks]
        since = [desk.person.available_since for desk in desks if desk.person.available_since]
        return People(
            roster=sum(topic in known or topic == UNKNOWN_TOPIC
                       for _, _, known in self._plan.get(station, ())),
            planned=self._planned(station, topic, seconds),
            logged_in=len(desks),
            absent=sum(desk.person.absent for desk in desks),
            free=states.count(At.AVAILABLE),
            talking=sum(state in TALKING for state in states),
            arrived_at=max(since, default=None),
        )  # fmt: skip

    def _closed(self, station: str, topic: str, at: datetime) -> bool:
        """Out of hours: a station with a plan, and nobody in it now."""
        seconds = (at - self._scenario.begins).total_seconds()
        return station in self._plan and not self._planned(station, topic, seconds)

    def _planned(self, station: str, topic: str, seconds: float) -> int:
        return sum(
            begins <= seconds < ends and (topic in known or topic == UNKNOWN_TOPIC)
            for begins, ends, known in self._plan.get(station, ())
        )

    def _refresh_parents(self, at: datetime) -> None:
        if self._parents_at is not None and at < self._parents_at + PARENTS_EVERY:
            return
        self._parents_at = at
        by_topic: dict[str, dict[str, Counts]] = {}
        for (station, topic), watched in self._watched.items():
            by_topic.setdefault(topic, {})[station] = watched.slow
        for topic, slow in by_topic.items():
            prior = self._thresholds_of(next(iter(slow))).prior_calls
            self._parents[topic] = parent_rates(slow, self._policy.parent, prior)

    def _thresholds_of(self, station: str) -> Thresholds:
        found = self._thresholds.get(station)
        if found is None:
            found = self._thresholds[station] = Thresholds.of(self._policy, station)
        return found

    def _sort_states(self) -> None:
        found: dict[str, dict[State, set[str]]] = {}
        for (station, topic), watched in self._watched.items():
            found.setdefault(topic, {}).setdefault(watched.standing.state, set()).add(station)
        self._in_state = {
            topic: {state: frozenset(stations) for state, stations in states.items()}
            for topic, states in found.items()
        }


def _plan(scenario: Scenario) -> Plan:
    plan: Plan = {}
    for seat in scenario.seats:
        span = seat.begins, seat.ends, seat.counselor.topics
        plan.setdefault(seat.counselor.station, []).append(span)
    return plan


_NONE: Mapping[State, frozenset[str]] = {}


def _at_the_nations_rate(_station: str) -> float:
    return NATION_RATE
