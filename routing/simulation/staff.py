"""Who is at work on a day of a profile, and which stations are weak or dead."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from random import Random

from agents.roster import PEOPLE_TIME, Contact, Counselor
from agents.shifts import Hours
from routing.simulation.arrivals import HOUR_SECONDS, HOURS, draw_calls
from routing.simulation.profile import Profile
from routing.simulation.scenario import DAY_SECONDS, Scenario, Seat

LAW = frozenset({"law"})
PSYCHOLOGY = frozenset({"psychology"})
BOTH = LAW | PSYCHOLOGY
CONTACT_KIND = "sip"


@dataclass(frozen=True, slots=True)
class _Shift:
    begins: float
    ends: float

    @classmethod
    def of(cls, hours: Hours) -> _Shift:
        begins, ends = _seconds(hours.begins), _seconds(hours.ends)
        return cls(begins, ends if ends > begins else ends + DAY_SECONDS)

    def around(self) -> Iterator[_Shift]:
        """As the day sees it: what reaches into it from yesterday, today's, and whoever is there
        for those who call at the very end."""
        for offset in (-DAY_SECONDS, 0.0, DAY_SECONDS):
            begins, ends = self.begins + offset, self.ends + offset
            if ends > 0 and begins <= DAY_SECONDS:
                yield _Shift(max(0.0, begins), ends)

    def hours(self) -> Iterator[int]:
        for hour in range(HOURS):
            if self.begins < (hour + 1) * HOUR_SECONDS and hour * HOUR_SECONDS < self.ends:
                yield hour


def draw_scenario(profile: Profile, day: date, seed: int, wrap_up_seconds: float) -> Scenario:
    """A day of the profile as this seed has it. `wrap_up_seconds`: counted as load where the
    profile says how many people a load needs."""
    file = profile.file
    chosen = Random(f"{seed} stations").sample(profile.places, file.weak.count + file.dead.count)
    weak, dead = frozenset(chosen[: file.weak.count]), frozenset(chosen[file.weak.count :])
    silent_but_there = set(
        chosen[file.weak.count :][: round(file.dead.count * file.dead.logged_in_share)]
    )
    seats: list[Seat] = []
    skills = Random(f"{seed} skills")
    by_hour = file.calls.by_hour
    for station in profile.places:
        for number, shift in enumerate(map(_Shift.of, file.stations.shifts)):
            busiest = max((by_hour[hour] for hour in shift.hours()), default=0.0)
            calls = file.calls.a_day * profile.weights[station] * busiest / sum(by_hour)
            load = calls * (profile.mean_talk_seconds + wrap_up_seconds) / HOUR_SECONDS
            people = max(file.stations.fewest, math.ceil(load / file.stations.occupancy))
            answers = file.stations.answers
            # Drawn for every station alike, so that which ones are weak changes no other's people.
            topics = _topics(profile, people, skills)
            if station in weak:
                topics, answers = topics[: file.weak.counselors], file.weak.answers
            elif station in dead:
                topics, answers = topics[: station in silent_but_there], 0.0
            seats += _seats(station, f"{station}-{number + 1}", shift, topics, answers)
    for centre, about in file.centres.at.items():
        for number, (hours, people) in enumerate(
            zip(file.centres.shifts, about.counselors, strict=True)
        ):
            topics = _topics(profile, people, skills)
            name = f"{centre}-{number + 1}"
            seats += _seats(centre, name, _Shift.of(hours), topics, file.centres.answers)
    return Scenario(
        begins=datetime.combine(day, time(), PEOPLE_TIME),
        seed=f"{seed} {day}",
        calls=draw_calls(profile, day, seed),
        seats=seats,
        pick_up=(file.pick_up.shortest_seconds, file.pick_up.longest_seconds),
        return_after_miss=file.return_after_miss_seconds,
        weak=weak,
        dead=dead,
        centres=profile.centres,
    )


def counselor(who: str, station: str, topics: Iterable[str]) -> Counselor:
    """Somebody with these topics, credentialled for good, whom every call reaches."""
    known = frozenset(topics)
    return Counselor(
        id=who,
        name=who,
        number=who,
        station=station,
        topics=known,
        credentials=dict.fromkeys(known, date.max),
        contacts=(Contact(CONTACT_KIND, who),),
    )


def _topics(profile: Profile, people: int, random: Random) -> list[frozenset[str]]:
    """What each of a shift knows; the first knows both topics."""
    file = profile.file
    topics = []
    for place in range(people):
        chance = random.random()
        if place == 0 or chance < file.both_topics_share:
            topics.append(BOTH)
        elif chance < file.both_topics_share + file.law_only_share:
            topics.append(LAW)
        else:
            topics.append(PSYCHOLOGY)
    return topics


def _seats(
    station: str, name: str, shift: _Shift, topics: Sequence[frozenset[str]], answers: float
) -> Iterator[Seat]:
    for part, span in enumerate(shift.around()):
        for place, known in enumerate(topics):
            who = f"{name}-{place + 1}" + ("" if part == 0 else f"-{part + 1}")
            yield Seat(counselor(who, station, known), span.begins, span.ends, answers)


def _seconds(moment: time) -> float:
    return moment.hour * HOUR_SECONDS + moment.minute * 60.0
