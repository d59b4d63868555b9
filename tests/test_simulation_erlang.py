"""A day played through the router against the closed forms, where these hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import CONFIG
from routing.simulation.day import play
from routing.simulation.measures import Measures
from routing.simulation.policy import Policy
from routing.simulation.scenario import Scenario
from routing.simulation.watch import Watch
from routing.stations import Stations
from stats.erlang import abandoned_a, answered_within_a, answered_within_c
from tests.simulated_days import ALONE, PATIENT, exponential, policy

pytestmark = pytest.mark.long
ONE_POINT = 0.01


@pytest.fixture(scope="module")
def stations() -> Stations:
    return Stations.load(CONFIG)


def measured(day: Scenario, by: Policy) -> Measures:
    return Measures.of(play(day, by, Watch()))


def test_agrees_with_erlang_c(stations: Stations, tmp_path: Path) -> None:
    made = exponential(servers=12, load=9, handling=60, patience=PATIENT, number=40_000)
    found = measured(made.day, policy(stations, tmp_path, ALONE))
    expected = answered_within_c(12, made.load, made.handling, within=15)
    assert found.answered_in_time == pytest.approx(expected, abs=ONE_POINT)
    assert found.abandoned == 0


@pytest.mark.parametrize("load", [9, 12])
def test_agrees_with_erlang_a(stations: Stations, tmp_path: Path, load: float) -> None:
    made = exponential(servers=10, load=load, handling=60, patience=90, number=40_000)
    found = measured(made.day, policy(stations, tmp_path, ALONE))
    asked = 10, made.load, made.handling, made.patience
    in_time = answered_within_a(*asked, within=15)
    assert found.answered_in_time == pytest.approx(in_time, abs=ONE_POINT)
    assert found.abandoned_share == pytest.approx(abandoned_a(*asked), abs=ONE_POINT)
