"""Small scenarios for the simulator: one station, whoever is told of, calls as told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from statistics import mean

from agents.roster import PEOPLE_TIME
from routing.simulation.policy import Policy
from routing.simulation.scenario import NORMAL, Call, Scenario, Seat
from routing.simulation.staff import BOTH, counselor
from routing.stations import Stations

MIDNIGHT = datetime(2026, 6, 8, tzinfo=PEOPLE_TIME)
HOME = "440100"
CENTRE = "centre-guangdong"
FOR_EVER = 1e9
PATIENT = 1e8
ALONE = "reach: home\nsettings: {wrap_up_seconds: 0}\n"
"""A policy: home alone, and nothing to write after a talk."""


def seat(name: str, station: str = HOME, answers: float = 1.0, ends: float = FOR_EVER) -> Seat:
    return Seat(counselor(name, station, BOTH), 0.0, ends, answers)


def incoming(
    number: int, at: float, patience: float = PATIENT, talk: float = 60.0, priority: int = NORMAL
) -> Call:
    return Call(number, at, HOME, "psychology", priority, patience, talk)


def scenario(
    calls: Sequence[Call], seats: Sequence[Seat], pick_up: tuple[float, float] = (4.0, 4.0)
) -> Scenario:
    return Scenario(MIDNIGHT, "test", calls, seats, pick_up, return_after_miss=600.0)


@dataclass(frozen=True, slots=True)
class Exponential:
    """Calls at random, talks and patience exponential, answered at once by whoever is free.
    `load`, `handling`, `patience`: what chance made of them, means of the very calls."""

    day: Scenario
    load: float
    handling: float
    patience: float


def exponential(
    servers: int, load: float, handling: float, patience: float, number: int
) -> Exponential:
    random = Random("exponential")
    at = 0.0
    calls = []
    for each in range(number):
        at += random.expovariate(load / handling)
        waits = random.expovariate(1 / patience)
        calls.append(incoming(each, at, waits, random.expovariate(1 / handling)))
    seats = [seat(f"c{each}") for each in range(servers)]
    talk = mean(call.talk for call in calls)
    return Exponential(
        scenario(calls, seats, pick_up=(0.0, 0.0)),
        number / at * talk,
        talk,
        mean(call.patience for call in calls),
    )


def policy(stations: Stations, path: Path, text: str = "") -> Policy:
    """A policy written into a file of `path`."""
    file = path / "policy.yaml"
    file.write_text(f"name: {{zh-CN: 试, en: trial}}\n{text}", encoding="utf-8")
    return Policy.load(file, stations)
