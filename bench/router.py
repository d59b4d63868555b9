"""How long it takes to choose, in memory and in the store, as the nation grows."""

from __future__ import annotations

import gc
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, update

from agents import roster
from agents.counselor import State
from agents.presence import Person
from agents.roster import Contact, Counselor, counselors
from bench.results import machine, quantile
from config.database import Store
from config.settings import CONFIG
from config.tables import load_tables
from routing import waiting
from routing.floor import Floor
from routing.queues import Queues
from routing.router import Conditions, WaitingCall
from routing.rules import Rules
from routing.stations import NATION, Stations
from tests.postgresql import PostgreSQL

GROWTH = (1, 10, 100)
STATIONS, COUNSELORS, WAITING = 35, 200, 50
"""At 1×."""
CENTRES = 6
AT_CENTRES, FREE = 0.15, 0.05
COMING, FREED, JOINING = 2000, 1000, 50
NOON = datetime(2026, 6, 8, 4, 0, tzinfo=UTC)
HANDLING = 600.0
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


def measured(stores: Sequence[str]) -> str:
    """What is told of it, in Markdown."""
    shipped = Stations.load(CONFIG)
    lines = []
    for size in GROWTH:
        nation = Nation(shipped, size)
        cells = [
            f"{size}×", f"{len(nation.cities):,}", f"{COUNSELORS * size:,}", f"{WAITING * size:,}",
            *map(_shown, _in_memory(nation)),
            *(_shown(_in_store(nation, store)) for store in stores),
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    titles = ["", "stations", "counselors", "waiting", "a call comes", "a counselor frees"]
    titles += [f"joins, {store}" for store in stores]
    head = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    table = "\n".join([*head, *lines])
    return f"""# The router as the nation grows, as measured

{machine("nothing of it")}.

{table}

Median, p99 in ms. In memory: whom a call that comes is given, and which waiting call a counselor
who frees; one in twenty is free, the six centres have {AT_CENTRES:.0%} of all. In the store: a call
joins the queue, with all the others in it, and is committed.
"""


def _shown(times: list[float]) -> str:
    ordered = sorted(times)
    return f"{quantile(ordered, 0.5):.2f}, {quantile(ordered, 0.99):.2f}"


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _in_memory(nation: Nation) -> tuple[list[float], list[float]]:
    rng = random.Random(12355)

    def conditions_of(_call: WaitingCall) -> Conditions:
        return conditions

    homes = [*nation.cities, *nation.centres]
    floor = Floor(homes, lambda home: Rules.of(nation, home), conditions_of)
    conditions = Conditions(
        spares=floor.spares, home_wait=lambda call: floor.expected_wait(call, HANDLING, NOON)
    )
    there = nation.people(rng)
    for person in there:
        floor.put(person)
    for call in nation.calls(rng, WAITING * nation.size, "waits"):
        floor.wait(call)
    # As the engine does: what is here to stay is not looked through again and again.
    gc.collect()
    gc.freeze()
    comes = []
    for call in nation.calls(rng, COMING, "comes"):
        call = replace(call, enqueued_at=NOON - timedelta(seconds=rng.random() * 40))
        comes.append(_timed(lambda call=call: floor.for_call(call, NOON)))  # type: ignore[misc]
    frees = []
    for person in rng.choices(there, k=FREED):
        floor.put(person._replace(state=State.AVAILABLE))
        station = person.counselor.station
        frees.append(_timed(lambda station=station: floor.for_station(station, NOON)))  # type: ignore[misc]
        floor.put(person)
    return comes, frees


def _in_store(nation: Nation, kind: str) -> list[float]:
    server = PostgreSQL() if kind == "postgresql" else None
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            url = server.new_database() if server else f"sqlite:///{Path(folder) / 'store.db'}"
            return _joins(nation, url)
    finally:
        if server is not None:
            server.remove()


def _joins(nation: Nation, url: str) -> list[float]:
    rng = random.Random(12355)
    load_tables()
    store = Store(url)
    store.create_all()
    queues = Queues(nation)

    def staff(connection: Connection) -> None:
        for person in nation.people(rng):
            roster.add(connection, person.counselor, NOON)
            here = counselors.c.id == person.counselor.id
            about = {"state": person.state, "available_since": person.available_since}
            connection.execute(update(counselors).where(here).values(about))

    def join(connection: Connection, call: WaitingCall) -> None:
        queues.join(
            connection, call_id=call.call_id, order_no=call.call_id, topic=call.topic,
            language=call.language, priority=call.priority, home=call.home, kinds=call.kinds,
            node=call.node, at=call.enqueued_at,
        )  # fmt: skip

    store.write(staff)

    def fill(connection: Connection) -> None:
        for call in nation.calls(rng, WAITING * nation.size, "waits"):
            waiting.add(connection, call)

    store.write(fill)
    took = []
    for call in nation.calls(rng, JOINING, "comes"):
        late = replace(call, enqueued_at=NOON)
        took.append(_timed(lambda late=late: store.write(lambda c: join(c, late))))  # type: ignore[misc]
    store.close()
    return took
