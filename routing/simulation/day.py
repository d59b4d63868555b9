"""A scenario played through the router under one policy, on a clock of its own.

What a counselor's state does next is the transition table's to say, what a failed offer means is
the table of offer results', who rings is the router's. Here is only what telephones and the clock
bring about: somebody calls, picks up, rings out, hangs up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random

from agents.counselor import State
from agents.offer_results import OFFER_RESULTS
from agents.presence import Person
from routing.conditions import Conditions
from routing.floor import Floor
from routing.offers import TALKS_AVERAGED
from routing.router import Choice
from routing.rules import Rules
from routing.simulation.clock import Clock
from routing.simulation.desks import Desk, Desks, Habits
from routing.simulation.policy import Policy
from routing.simulation.pool import Pool
from routing.simulation.scenario import Call, Scenario, Seat
from routing.simulation.staff import CONTACT_KIND
from routing.simulation.watch import ASSESS_SECONDS, EndedCall, StateChange, Watch
from routing.suitability import knows, turning_points
from routing.waiting_call import WaitingCall

KINDS = frozenset({CONTACT_KIND})
LANGUAGE = "zh-CN"


@dataclass(slots=True)
class Served:
    """What became of a call. `station`: who answered, None: abandoned. `waited`: seconds from
    queue entry to the answer, or to hanging up. `free_at_home`: when it queued, somebody of its
    home who knew its topic was free; `willing`: and would have picked up. `offers`: how often it
    rang."""

    call: Call
    free_at_home: bool = False
    willing: bool = False
    station: str | None = None
    waited: float = 0.0
    reason: str = ""
    offers: int = 0


@dataclass(frozen=True, slots=True)
class Played:
    """A scenario under a policy: every call's end, and each change of a station's state.
    `wrap_up`: seconds after a talk, by station."""

    scenario: Scenario
    served: Sequence[Served]
    changes: Sequence[StateChange]
    wrap_up: Callable[[str], float]


@dataclass(slots=True, eq=False)
class _Line:
    """A call under way. `rung`: whose telephones ring. `over`: answered or gone. `widens`: will be
    looked at when a tier opens. `missed_at_home`: was rung there, alone and in vain."""

    served: Served
    waiting: WaitingCall
    rung: tuple[Desk, ...] = ()
    over: bool = False
    widens: bool = False
    missed_at_home: bool = False


def play(scenario: Scenario, policy: Policy, watch: Watch) -> Played:
    """Every call of the scenario, each answered or abandoned exactly once."""
    return _Day(scenario, policy, watch).play()


class _Day:
    def __init__(self, scenario: Scenario, policy: Policy, watch: Watch) -> None:
        self._scenario = scenario
        self._policy = policy
        self._watch = watch
        homes = {policy.home_of(call.home) for call in scenario.calls}
        self._rules = {home: Rules.of(policy, home) for home in homes}
        self._clock = Clock(scenario.begins)
        self._floor: Floor
        if policy.reach == "pool":
            [rules] = self._rules.values()
            self._floor = Pool(rules)
        else:
            self._floor = Floor(self._rules.__getitem__, self._conditions)
        self._desks = Desks(
            self._floor,
            self._clock,
            self._habits_of,
            self._freed,
            policy.home_of,
            scenario.return_after_miss,
            scenario.seed,
        )
        self._lines: dict[str, _Line] = {}
        self._served: list[Served] = []
        self._changes: list[StateChange] = []
        self._talks: deque[float] = deque(maxlen=TALKS_AVERAGED)
        self._habits: dict[str, Habits] = {}

    def play(self) -> Played:
        for call in self._scenario.calls:
            self._clock.at_second(call.at, partial(self._arrive, call))
        beginning: dict[tuple[float, str], list[Seat]] = {}
        for seat in self._seats():
            beginning.setdefault((seat.begins, seat.counselor.station), []).append(seat)
            self._clock.at_second(seat.ends, partial(self._desks.end_shift, seat))
        for (begins, _), seats in beginning.items():
            self._clock.at_second(begins, partial(self._desks.begin_shift, seats))
        if self._policy.strength:
            self._clock.at_second(ASSESS_SECONDS, self._assess)
        while len(self._served) < len(self._scenario.calls):
            self._clock.step()
        return Played(self._scenario, self._served, self._changes, self._wrap_up)

    def _seats(self) -> Sequence[Seat]:
        seats = self._scenario.seats
        if self._policy.reach != "pool":
            return seats
        return [replace(seat, answers=1.0) for seat in seats if seat.answers]

    def _arrive(self, call: Call) -> None:
        name = str(call.number)
        home = self._policy.home_of(call.home)
        waiting = WaitingCall(
            name, name, call.topic, LANGUAGE, call.priority, home, self._clock.at, "", KINDS
        )
        chance = self._chance(call, offer=1).random()
        free = [
            self._desks[person].seat.answers
            for person in self._floor.free_at(home)
            if self._knows(person, call.topic)
        ]
        willing = any(chance < answers for answers in free)
        line = _Line(Served(call, bool(free), willing), waiting)
        self._lines[name] = line
        self._clock.after(call.patience, partial(self._abandon, line))
        self._try(line)

    def _try(self, line: _Line) -> None:
        """Ring somebody for a call that isn't on the floor; or let it wait there."""
        choice = self._floor.for_call(line.waiting, self._clock.at)
        if choice is not None:
            self._ring(line, choice)
            return
        self._floor.wait(line.waiting)
        if not line.widens:
            line.widens = True
            self._later_widenings(line)

    def _later_widenings(self, line: _Line) -> None:
        """Look again when a tier opens or a filter relaxes."""
        moments = turning_points(line.waiting, self._rules[line.waiting.home])
        waited = self._clock.now - line.served.call.at
        for moment in sorted(moments):
            if waited < moment < line.served.call.patience:
                self._clock.after(moment - waited, partial(self._look_again, line))

    def _look_again(self, line: _Line) -> None:
        if line.over or line.rung:
            return
        choice = self._floor.for_call(line.waiting, self._clock.at)
        if choice is not None:
            self._floor.leave(line.waiting.call_id)
            self._ring(line, choice)

    def _ring(self, line: _Line, choice: Choice) -> None:
        served = line.served
        served.offers += 1
        served.reason = choice.reason
        line.rung = tuple(self._desks[person] for person in choice.people)
        random = self._chance(served.call, served.offers)
        first: tuple[float, Desk] | None = None
        for desk in line.rung:
            self._desks.ring(desk)
            answers = random.random() < desk.seat.answers
            picked_up = random.uniform(*self._scenario.pick_up)
            in_time = picked_up < choice.ring_seconds
            if answers and in_time and (first is None or picked_up < first[0]):
                first = picked_up, desk
        offer = line.rung
        if first is not None:
            self._clock.after(first[0], partial(self._pick_up, line, offer, first[1]))
        else:
            self._clock.after(choice.ring_seconds, partial(self._ring_out, line, offer))

    def _chance(self, call: Call, offer: int) -> Random:
        """What an offer of a call meets with, whoever is rung."""
        return Random(f"{self._scenario.seed} ring {call.number} {offer}")

    def _pick_up(self, line: _Line, offer: tuple[Desk, ...], winner: Desk) -> None:
        if line.rung is not offer:
            return
        call = line.served.call
        line.rung = ()
        together = len(offer) > 1
        if not together:
            self._tell_offer(line, winner, answered=True)
        self._desks.answer(winner)
        self._end(line, winner.seat.counselor.station, together)
        self._clock.after(call.talk, partial(self._hang_up, winner, call.talk))
        for desk in offer:
            if desk is not winner:
                self._desks.release(desk)

    def _hang_up(self, desk: Desk, talk: float) -> None:
        self._talks.append(talk)
        self._desks.end_call(desk)

    def _ring_out(self, line: _Line, offer: tuple[Desk, ...]) -> None:
        """Nobody answered: the call goes back to its place, the people as the table says; where
        several rang, or the caller is in danger, it is held against nobody."""
        if line.rung is not offer:
            return
        line.rung = ()
        blamed = len(offer) == 1 and not line.waiting.urgent
        if not OFFER_RESULTS["no_answer"].again:
            excluded = line.waiting.excluded | {desk.id for desk in offer}
            line.waiting = replace(line.waiting, excluded=excluded)
        for desk in offer:
            if blamed:
                line.missed_at_home |= desk.station == line.waiting.home
                self._tell_offer(line, desk, answered=False)
                self._desks.miss(desk)
        self._try(line)
        if not blamed:
            for desk in offer:
                self._desks.release(desk)

    def _abandon(self, line: _Line) -> None:
        if line.over:
            return
        rung, line.rung = line.rung, ()
        if not rung:
            self._floor.leave(line.waiting.call_id)
        self._end(line, None)
        for desk in rung:
            self._desks.release(desk)

    def _end(self, line: _Line, station: str | None, together: bool = False) -> None:
        line.over = True
        served = line.served
        served.station = station
        served.waited = self._clock.now - served.call.at
        del self._lines[line.waiting.call_id]
        self._served.append(served)
        waiting = line.waiting
        here = any(
            desk.person.state != State.PAUSED and self._knows(desk.person, waiting.topic)
            for desk in self._desks.of(waiting.home)
        )
        self._watch.call_ended(
            EndedCall(
                waiting.home,
                waiting.topic,
                station,
                served.waited,
                line.missed_at_home,
                here,
                together,
                waiting.urgent,
                self._clock.at,
            )
        )

    def _freed(self, station: str) -> None:
        """Somebody there can take a call."""
        while found := self._floor.for_station(station, self._clock.at):
            call, choice = found
            self._floor.leave(call.call_id)
            self._ring(self._lines[call.call_id], choice)

    def _assess(self) -> None:
        changes = self._watch.assess(self._clock.now, self._clock.at, self._desks.of)
        self._changes += changes
        changed = {change.station for change in changes}
        for line in list(self._lines.values()) if changed else ():
            if line.waiting.home in changed:
                self._look_again(line)
        self._clock.after(ASSESS_SECONDS, self._assess)

    def _tell_offer(self, line: _Line, desk: Desk, answered: bool) -> None:
        waiting = line.waiting
        self._watch.offer_ended(desk.station, waiting.home, waiting.topic, answered, self._clock.at)

    def _conditions(self, call: WaitingCall) -> Conditions:
        watch, floor = self._watch, self._floor
        return Conditions(
            watch.weak(call.topic), watch.dead(call.topic), self._home_wait, floor.spares
        )

    def _home_wait(self, call: WaitingCall) -> float | None:
        if not self._talks:
            return None
        talk = sum(self._talks) / len(self._talks)
        handling = talk + self._wrap_up(call.home)
        return self._floor.expected_wait(call, handling, self._clock.at)

    def _habits_of(self, station: str) -> Habits:
        habits = self._habits.get(station)
        if habits is None:
            setting = partial(self._policy.setting, station)
            habits = self._habits[station] = Habits(
                float(setting("wrap_up_seconds")),
                float(setting("last_counselor_returns_seconds")),
                int(setting("last_counselor_returns")),
            )
        return habits

    def _wrap_up(self, station: str) -> float:
        return self._habits_of(station).wrap_up

    def _knows(self, person: Person, topic: str) -> bool:
        return knows(person.counselor, topic, self._clock.at.date())
