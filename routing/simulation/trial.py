"""Days and seeds under several policies, on all cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

from routing.simulation.day import play
from routing.simulation.measures import Measures
from routing.simulation.policy import Policy
from routing.simulation.scenario import Scenario
from routing.simulation.watch import watch_for

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
    done: Callable[[], None],
) -> Trial:
    """Every day begins at its midnight with nobody waiting and nothing known of the stations.
    `done` is told after each."""
    dates = [first + timedelta(days=offset) for offset in range(days)]
    jobs = [(seed, day) for seed in seeds for day in dates]
    measures = {policy.id: [Measures() for _ in seeds] for policy in policies}
    for (seed, _), found in zip(
        jobs, _in_parallel(partial(_one_day, scenario_of, policies), jobs), strict=True
    ):
        place = list(seeds).index(seed)
        for policy, one in zip(policies, found, strict=True):
            measures[policy.id][place] += one
        done()
    return Trial(policies, seeds, dates, measures)


def _one_day(
    scenario_of: ScenarioOf, policies: Sequence[Policy], job: tuple[int, date]
) -> list[Measures]:
    seed, day = job
    scenario = scenario_of(day, seed)
    return [Measures.of(play(scenario, policy, watch_for(policy, scenario))) for policy in policies]


def _in_parallel(
    work: Callable[[tuple[int, date]], list[Measures]], jobs: Sequence[tuple[int, date]]
) -> Iterable[list[Measures]]:
    processes = min(len(jobs), os.cpu_count() or 1)
    if processes == 1:
        yield from map(work, jobs)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(work, jobs)
