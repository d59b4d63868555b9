"""The people of a simulated day: what each does next, by the transition table of counselors."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random

from agents.counselor import HELD, Happening, State, after
from agents.offer_results import OFFER_RESULTS
from agents.presence import RONA, Person
from routing.floor import Floor
from routing.simulation.clock import Clock
from routing.simulation.scenario import Seat

NO_ANSWER = OFFER_RESULTS["no_answer"]


@dataclass(frozen=True, slots=True)
class Habits:
    """A station's settings that bind its people, in seconds."""

    wrap_up: float
    last_returns_after: float
    last_returns: int


@dataclass(slots=True, eq=False)
class Desk:
    """Somebody at work. `leaving`: the shift is over, the call isn't yet. `misses`: in a row.
    `spell`: counts states, so that what was due for an earlier one is known to be stale."""

    seat: Seat
    person: Person
    leaving: bool = False
    misses: int = 0
    spell: int = 0

    @property
    def id(self) -> str:
        return self.person.counselor.id

    @property
    def station(self) -> str:
        return self.person.counselor.station


class Desks:
    """:param freed: told of each station where somebody has become available. `place_of`: where
    the policy puts people of a station.
    `return_after_miss`: mean seconds until somebody paused for not answering logs in again.
    """

    def __init__(
        self,
        floor: Floor,
        clock: Clock,
        habits_of: Callable[[str], Habits],
        freed: Callable[[str], None],
        place_of: Callable[[str], str],
        return_after_miss: float,
        seed: str,
    ) -> None:
        self._floor = floor
        self._clock = clock
        self._habits_of = habits_of
        self._freed = freed
        self._place_of = place_of
        self._return_after_miss = return_after_miss
        self._seed = seed
        self._desks: dict[str, Desk] = {}
        self._colleagues: dict[str, dict[str, Desk]] = {}

    def __getitem__(self, person: Person) -> Desk:
        return self._desks[person.counselor.id]

    def of(self, station: str) -> Collection[Desk]:
        """Whoever is at work there."""
        return self._colleagues.get(station, {}).values()

    def begin_shift(self, seats: Iterable[Seat]) -> None:
        """People of one station come."""
        station = ""
        for seat in seats:
            counselor = seat.counselor
            if (place := self._place_of(counselor.station)) != counselor.station:
                counselor = replace(counselor, station=place)
            person = Person(counselor, State.AVAILABLE, None, None, self._clock.at, 0)
            desk = Desk(seat, person)
            station = desk.station
            self._desks[desk.id] = desk
            self._colleagues.setdefault(station, {})[desk.id] = desk
            self._floor.put(person)
        self._freed(station)

    def end_shift(self, seat: Seat) -> None:
        """At once, or after the call and its wrap-up."""
        desk = self._desks[seat.counselor.id]
        if desk.person.state in HELD or desk.person.state == State.WRAP_UP:
            desk.leaving = True
        else:
            self._leave(desk)

    def ring(self, desk: Desk) -> None:
        reserved = after(State(desk.person.state), Happening.RESERVE)
        self._set(desk, after(reserved, Happening.RING))

    def answer(self, desk: Desk) -> None:
        desk.misses = 0
        person = desk.person
        self._change(desk, Happening.ANSWER, calls_today=person.calls_today + 1)

    def release(self, desk: Desk) -> None:
        """Let go without fault, keeping the idle time."""
        if desk.leaving:
            self._leave(desk)
            return
        self._change(desk, Happening.RELEASE)
        self._freed(desk.station)

    def end_call(self, desk: Desk) -> None:
        self._change(desk, Happening.END_CALL)
        spell = desk.spell
        wrap_up = self._habits_of(desk.station).wrap_up
        self._clock.after(wrap_up, lambda: self._wrap_up_over(desk, spell))

    def miss(self, desk: Desk) -> None:
        """An offer rang in vain: paused as the table of offer results says. A station's last one
        comes back by itself; others, and the last in the end, when they notice and log in."""
        if desk.leaving:
            self._leave(desk)
            return
        habits = self._habits_of(desk.station)
        alone = not any(
            other.person.state != State.PAUSED
            for other in self._colleagues[desk.station].values()
            if other is not desk
        )
        until = None
        if alone and desk.misses < habits.last_returns:
            until = self._clock.at + timedelta(seconds=habits.last_returns_after)
        desk.misses += 1
        self._change(desk, NO_ANSWER.happening, reason=RONA, until=until)
        spell, misses = desk.spell, desk.misses
        if until is not None:
            self._clock.after(
                habits.last_returns_after, lambda: self._pause_over(desk, spell, misses)
            )
        else:
            random = Random(f"{self._seed} return {desk.id} {self._clock.now}")
            away = random.expovariate(1 / self._return_after_miss)
            self._clock.after(away, lambda: self._pause_over(desk, spell, misses=0))

    def _wrap_up_over(self, desk: Desk, spell: int) -> None:
        if desk.spell != spell:
            return
        if desk.leaving:
            self._leave(desk)
            return
        self._change(desk, Happening.WRAP_UP_OVER, available_since=self._clock.at)
        self._freed(desk.station)

    def _pause_over(self, desk: Desk, spell: int, misses: int) -> None:
        if desk.spell != spell:
            return
        desk.misses = misses
        since = self._clock.at
        self._change(desk, Happening.LOG_IN, reason=None, until=None, available_since=since)
        self._freed(desk.station)

    def _leave(self, desk: Desk) -> None:
        desk.spell += 1
        self._floor.remove(desk.person)
        del self._desks[desk.id]
        del self._colleagues[desk.station][desk.id]

    def _change(self, desk: Desk, happening: Happening, **values: object) -> None:
        self._set(desk, after(State(desk.person.state), happening), **values)

    def _set(self, desk: Desk, state: State, **values: object) -> None:
        desk.spell += 1
        desk.person = desk.person._replace(state=state, **values)  # type: ignore[arg-type]
        self._floor.put(desk.person)
