"""Days and seeds under several policies, on all cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

from routing.simulation.day import Played, play
from routing.simulation.measures import Measures
from routing.simulation.policy import Policy
from routing.simulation.scenario import Scenario
from routing.simulation.station_watch import StationWatch
from routing.simulation.watch import Watch

Job = tuple[int, int, date]
"""The place among the seeds, the seed, the day."""
ScenarioOf = Callable[[date, int], Scenario]
"""The scenario of a day and a seed; it must be sendable to another process."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Policies over the same days and seeds. `measures`: by policy id, one for each seed, all its
    days together."""

    policies: Sequence[Policy]
    seeds: Sequence[int]
    days: Sequence[date]
    measures: dict[str, list[Measures]]


def run_trial(
    scenario_of: ScenarioOf,
    policies: Sequence[Policy],
    first: date,
    days: int,
    seeds: Sequence[int],
    warm_up: int,
    done: Callable[[], None],
) -> Trial:
    """Every day begins at its midnight with nobody waiting. `warm_up`: so many days before each are
    played and not counted where stations are watched, so that as much is known of them. `done` is
    told after each day."""
    dates = [first + timedelta(days=offset) for offset in range(days)]
    jobs = [(place, seed, day) for place, seed in enumerate(seeds) for day in dates]
    measures = {policy.id: [Measures() for _ in seeds] for policy in policies}
    work = partial(_one_day, scenario_of, policies, warm_up)
    for (place, _, _), found in zip(jobs, _in_parallel(work, jobs), strict=True):
        for policy, one in zip(policies, found, strict=True):
            measures[policy.id][place] += one
        done()
    return Trial(policies, seeds, dates, measures)


def play_watched(
    scenario_of: ScenarioOf, policy: Policy, day: date, seed: int, warm_up: int
) -> Played:
    """A day, after `warm_up` days before it."""
    scenario = scenario_of(day, seed)
    if not policy.strength:
        return play(scenario, policy, Watch())
    watch = StationWatch(policy)
    for before in range(warm_up, 0, -1):
        earlier = scenario_of(day - timedelta(days=before), seed)
        watch.begin_day(earlier)
        play(earlier, policy, watch)
    watch.begin_day(scenario)
    return play(scenario, policy, watch)


def _one_day(
    scenario_of: ScenarioOf, policies: Sequence[Policy], warm_up: int, job: Job
) -> list[Measures]:
    _, seed, day = job
    return [
        Measures.of(play_watched(scenario_of, policy, day, seed, warm_up)) for policy in policies
    ]


def _in_parallel(
    work: Callable[[Job], list[Measures]], jobs: Sequence[Job]
) -> Iterable[list[Measures]]:
    processes = min(len(jobs), os.cpu_count() or 1)
    if processes == 1:
        yield from map(work, jobs)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(work, jobs)
