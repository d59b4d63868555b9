"""What days under one policy came to. Days add up; shares and means are made at the end."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil

from routing.simulation.day import Played
from routing.simulation.scenario import DAY_SECONDS
from routing.simulation.watch import StateChange

SERVICE_LEVEL_SECONDS = 15.0
"""Answered within so long, from queue entry (GB/T 33358-2016)."""
HOURS = range(24)
HOUR_SECONDS = 3600.0
NOT_STRONG = ("weak", "dead", "probing")


@dataclass(slots=True)
class Measures:
    """Counts of calls, and seconds.

    `in_time`: answered within the service level. `waits`: of answered calls. `local_found`: calls
    that found somebody of their home free who knew their topic and would have picked up, and were
    answered; `local_served`: of these by home. `free_found`, `free_served`: the same of all whom
    the router takes for free, also those who then don't answer. `own`, `own_in_time`: by centre,
    of its own callers. `busy`: by station, in talks and wrap-up; `staffed`: at work.
    `state_seconds`: by state and hour of the day, how long stations were in it, a topic each.
    `changes`: of states; `most_changes`: of one station, topic and day.
    """

    days: int = 0
    offered: int = 0
    in_time: int = 0
    abandoned: int = 0
    waits: array[float] = field(default_factory=lambda: array("d"))
    local_found: int = 0
    local_served: int = 0
    free_found: int = 0
    free_served: int = 0
    offered_by_hour: Counter[int] = field(default_factory=Counter)
    in_time_by_hour: Counter[int] = field(default_factory=Counter)
    own: Counter[str] = field(default_factory=Counter)
    own_in_time: Counter[str] = field(default_factory=Counter)
    busy: Counter[str] = field(default_factory=Counter)
    staffed: Counter[str] = field(default_factory=Counter)
    state_seconds: Counter[tuple[str, int]] = field(default_factory=Counter)
    changes: int = 0
    most_changes: int = 0

    @classmethod
    def of(cls, played: Played) -> Measures:
        """Of one day."""
        found = cls(days=1)
        scenario = played.scenario
        for served in played.served:
            call, station = served.call, served.station
            hour = int(call.at // HOUR_SECONDS) % len(HOURS)
            in_time = station is not None and served.waited <= SERVICE_LEVEL_SECONDS
            found.offered += 1
            found.offered_by_hour[hour] += 1
            found.in_time += in_time
            found.in_time_by_hour[hour] += in_time
            if call.home in scenario.centres:
                found.own[call.home] += 1
                found.own_in_time[call.home] += in_time
            if station is None:
                found.abandoned += 1
                continue
            at_home = station == call.home
            found.waits.append(served.waited)
            found.local_found += served.willing
            found.local_served += served.willing and at_home
            found.free_found += served.free_at_home
            found.free_served += served.free_at_home and at_home
            found.busy[station] += round(call.talk + played.wrap_up(station))
        for seat in scenario.seats:
            worked = min(seat.ends, DAY_SECONDS) - min(seat.begins, DAY_SECONDS)
            found.staffed[seat.counselor.station] += round(worked)
        found._count_states(played.changes)
        return found

    def __add__(self, other: Measures) -> Measures:
        added = Measures()
        for name in self.__slots__:
            setattr(added, name, getattr(self, name) + getattr(other, name))
        added.most_changes = max(self.most_changes, other.most_changes)
        return added

    def _count_states(self, changes: Iterable[StateChange]) -> None:
        now: dict[tuple[str, str], StateChange] = {}
        per_station: Counter[tuple[str, str]] = Counter()
        for change in changes:
            self.changes += 1
            key = change.station, change.topic
            per_station[key] += 1
            if key in now:
                self._spell(now[key], change.at)
            now[key] = change
        for last in now.values():
            self._spell(last, DAY_SECONDS)
        self.most_changes = max(per_station.values(), default=0)

    def _spell(self, change: StateChange, ends: float) -> None:
        if change.state not in NOT_STRONG:
            return
        for hour in HOURS:
            begins_hour, ends_hour = hour * HOUR_SECONDS, (hour + 1) * HOUR_SECONDS
            inside = min(ends, ends_hour) - max(change.at, begins_hour)
            if inside > 0:
                self.state_seconds[change.state, hour] += round(inside)

    @property
    def answered_in_time(self) -> float:
        """The share of all offered calls answered within the service level."""
        return _share(self.in_time, self.offered)

    @property
    def abandoned_share(self) -> float:
        return _share(self.abandoned, self.offered)

    @property
    def local_share(self) -> float:
        return _share(self.local_served, self.local_found)

    @property
    def free_share(self) -> float:
        return _share(self.free_served, self.free_found)

    @property
    def mean_wait(self) -> float:
        return _share(sum(self.waits), len(self.waits))

    def wait(self, share: float) -> float:
        """The wait that this share of the answered calls doesn't exceed; nearest rank."""
        if not self.waits:
            return 0.0
        return sorted(self.waits)[ceil(share * len(self.waits)) - 1]

    def own_callers(self, centre: str) -> float:
        """The share of a centre's own callers answered within the service level."""
        return _share(self.own_in_time[centre], self.own[centre])

    def in_time_at(self, hour: int) -> float:
        return _share(self.in_time_by_hour[hour], self.offered_by_hour[hour])

    def in_state(self, state: str, hour: int) -> float:
        """How many stations, counted once for each topic, are in a state on an average day."""
        return _share(self.state_seconds[state, hour], HOUR_SECONDS * self.days)

    def load(self, station: str) -> float:
        """Of the time its people are at work, the share spent in talks and wrap-up."""
        return _share(self.busy[station], self.staffed[station])


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
