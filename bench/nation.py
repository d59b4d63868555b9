"""A nation of any size, as the router's benchmarks have it: who is there, and who calls."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from agents.counselor import State
from agents.presence import Person
from agents.roster import Contact, Counselor
from routing.stations import NATION, Stations
from routing.waiting_call import WaitingCall

STATIONS, COUNSELORS, WAITING = 35, 200, 50
"""At size 1."""
CALLERS = 60
"""At size 1: of these so many wait once all are served who can be."""
CENTRES = 6
AT_CENTRES, FREE = 0.15, 0.05
NOON = datetime(2026, 6, 8, 4, 0, tzinfo=UTC)
TALK_SECONDS = 600
TOPICS = ("law", "psychology")
KINDS = frozenset({"sip"})


@dataclass(frozen=True, slots=True)
class Nation:
    """Six centres and as many cities as are wished, with the nation's settings."""

    shipped: Stations
    size: int

    @property
    def cities(self) -> list[str]:
        return [f"city-{number}" for number in range(STATIONS * self.size)]

    @property
    def centres(self) -> list[str]:
        return [f"centre-{number}" for number in range(CENTRES)]

    def tiers(self, station_id: str) -> Sequence[Sequence[str]]:
        covering = self.centres[int(station_id.rpartition("-")[2]) % CENTRES]
        others = [centre for centre in self.centres if centre not in (covering, station_id)]
        return (station_id,), (), (covering,) if covering != station_id else (), others

    def served_by(self, station_id: str) -> Sequence[str] | None:
        return None if station_id in self.centres else (station_id,)

    def setting(self, station_id: str, name: str) -> Any:
        return self.shipped.setting(NATION, name)

    def people(self, rng: random.Random) -> list[Person]:
        cities, centres = self.cities, self.centres
        return [
            _person(number, rng.choice(centres if rng.random() < AT_CENTRES else cities), rng)
            for number in range(COUNSELORS * self.size)
        ]

    def calls(self, rng: random.Random, count: int, name: str) -> Iterator[WaitingCall]:
        cities = self.cities
        for number in range(count):
            since = NOON - timedelta(seconds=(count - number) / 10)
            topic = rng.choice([*TOPICS, "unknown"])
            yield WaitingCall(
                f"{name}-{number}", "", topic, "zh-CN", 1, rng.choice(cities), since, "a", KINDS
            )


def _person(number: int, station: str, rng: random.Random) -> Person:
    topics = frozenset(rng.choice([TOPICS[:1], TOPICS[1:], TOPICS]))
    who = Counselor(
        f"p{number}", f"p{number}", str(number), station, topics=topics,
        credentials=dict.fromkeys(topics, date(2030, 1, 1)), contacts=(Contact("sip", "x"),),
    )  # fmt: skip
    state = State.AVAILABLE if rng.random() < FREE else State.ON_CALL
    return Person(who, state, None, None, NOON - timedelta(seconds=rng.random() * 1000), 0)
