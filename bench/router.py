"""How long it takes to choose, in memory and in the store, as the nation grows."""

from __future__ import annotations

import gc
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from agents.counselor import State
from agents.presence import Person
from bench.nation import (
    AT_CENTRES,
    CALLERS,
    COUNSELORS,
    NOON,
    TALK_SECONDS,
    WAITING,
    Nation,
)
from bench.results import RESULTS, Times, machine, median_and_p99, quantile, ratio, timed
from bench.router_picture import draw
from bench.router_store import JOIN, STORED, in_store
from config.settings import CONFIG
from routing.conditions import Conditions
from routing.floor import Floor
from routing.router import Choice, choose
from routing.rules import Rules
from routing.stations import Stations
from routing.waiting_call import WaitingCall

GROWTH = (1, 10, 100)
COMING, FREEING, PEERS = 2000, 1000, 20
PICTURE = RESULTS.with_name("router.png")
QUIET = "a call comes, nobody waits"
LOOK_AT_ALL = "everybody free looked at"
CROWDED = "a call comes, all these wait"
FREED = "a counselor frees"
TRY_ALL = "every call tried"


def measured(stores: Sequence[str]) -> str:
    """What is told of it, in Markdown; with both stores, it is drawn, too."""
    shipped = Stations.load(CONFIG)
    nations = [Nation(shipped, size) for size in GROWTH]
    memory = [_in_memory(nation) for nation in nations]
    stored = {store: [in_store(nation, store) for nation in nations] for store in stores}
    if len(stores) > 1:
        joins = {store: [times[JOIN] for times in found] for store, found in stored.items()}
        counselors = [COUNSELORS * size for size in GROWTH]
        draw(counselors, memory, {LOOK_AT_ALL, TRY_ALL}, joins, PICTURE)
    titles = ["", "stations", "counselors", "waiting", QUIET, "ratio", CROWDED, FREED, "ratio"]
    rows = [
        [
            f"{nation.size}×", f"{len(nation.cities):,}", f"{COUNSELORS * nation.size:,}",
            f"{WAITING * nation.size:,}",
            median_and_p99(times[QUIET]), _beside(times[QUIET], times[LOOK_AT_ALL]),
            median_and_p99(times[CROWDED]),
            median_and_p99(times[FREED]), _beside(times[FREED], times[TRY_ALL]),
        ]
        for nation, times in zip(nations, memory, strict=True)
    ]  # fmt: skip
    tables = [_table(titles, rows)]
    for store, found in stored.items():
        rows = [
            [f"{size}×", *(median_and_p99(times[what]) for what in STORED)]
            for size, times in zip(GROWTH, found, strict=True)
        ]
        tables.append(_table([store, *STORED], rows))
    shown = "\n\n".join(tables)
    return f"""# The router as the nation grows, as measured

{machine("nothing of it")}.

{shown}

Median, p99 in ms. In memory: whom a call that comes is given, while people are free everywhere and
when all are served who can be; and which waiting call a counselor who frees. The ratio is of
medians, to what is plain: the router is shown everybody who is free in the nation; and each waiting
call in its order, until one suits.

In the store, with as many people and calls waiting, each is one transaction, commit and fsync
included: a call joins the queue; a waiting caller asks for their place; a caller hangs up for whom
somebody was held, who is given to another; and the sweep of each second. PostgreSQL's tables were
vacuumed, as autovacuum does.

Six centres have {AT_CENTRES:.0%} of all counselors; of 20 counselors one is free at first.

![Milliseconds by the number of counselors](router.png)
"""


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _beside(ours: Times, peer: Times) -> str:
    return "× " + ratio(*(quantile(sorted(times), 0.5) for times in (ours, peer)))


def _in_memory(nation: Nation) -> dict[str, Times]:
    rng = random.Random(12355)

    def conditions_of(_call: WaitingCall) -> Conditions:
        return conditions

    rules = {home: Rules.of(nation, home) for home in (*nation.cities, *nation.centres)}
    floor = Floor(rules.__getitem__, conditions_of)
    conditions = Conditions(
        spares=floor.spares, home_wait=lambda call: floor.expected_wait(call, TALK_SECONDS, NOON)
    )
    there = {person.counselor.id: person for person in nation.people(rng)}
    for person in there.values():
        floor.put(person)
    # As the engine does: what is here to stay is not looked through again and again.
    gc.collect()
    gc.freeze()
    times: dict[str, Times] = {}
    coming = [
        replace(call, enqueued_at=NOON - timedelta(seconds=rng.random() * 40))
        for call in nation.calls(rng, COMING, "comes")
    ]
    everybody = list(there.values())
    free = [person for person in everybody if person.state == State.AVAILABLE]

    def look_at_all(call: WaitingCall) -> Choice | None:
        return choose(call, free, lambda: everybody, rules[call.home], NOON, conditions)

    times[QUIET] = [timed(partial(floor.for_call, call, NOON)) for call in coming]
    times[LOOK_AT_ALL] = [timed(partial(look_at_all, call)) for call in coming[:PEERS]]

    line = []
    for call in nation.calls(rng, CALLERS * nation.size, "waits"):
        choice = floor.for_call(call, NOON)
        if choice is None:
            floor.wait(call)
            line.append(call)
        for taken in choice.people if choice else ():
            who = taken.counselor.id
            there[who] = there[who]._replace(state=State.ON_CALL)
            floor.put(there[who])

    def try_all(freed: Person) -> WaitingCall | None:
        for call in line:
            if choose(call, [freed], list, rules[call.home], NOON, conditions):
                return call
        return None

    times[CROWDED] = [timed(partial(floor.for_call, call, NOON)) for call in coming]
    times[FREED], times[TRY_ALL] = [], []
    for number, person in enumerate(rng.choices(list(there.values()), k=FREEING)):
        freed = person._replace(state=State.AVAILABLE)
        floor.put(freed)
        times[FREED].append(timed(partial(floor.for_station, freed.counselor.station, NOON)))
        floor.put(person)
        if number < PEERS:
            times[TRY_ALL].append(timed(partial(try_all, freed)))
    return times
