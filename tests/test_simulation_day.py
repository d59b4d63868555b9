"""A day played through the router, call by call."""

from __future__ import annotations

from collections import Counter
from datetime import date
from functools import partial
from pathlib import Path
from statistics import median

import pytest

from bench.simulation import dying_stations
from config.yaml_file import ConfigErrors
from routing.priority import CRISIS
from routing.simulation.command_line import POLICIES, PROFILE, SHIPPED
from routing.simulation.comparison import Estimate, paired
from routing.simulation.day import Served, play
from routing.simulation.policy import Policy
from routing.simulation.profile import Profile
from routing.simulation.scenario import Scenario
from routing.simulation.staff import draw_scenario
from routing.simulation.trial import play_watched
from routing.simulation.watch import EndedCall, Watch
from routing.stations import Stations
from tests.simulated_days import (
    ALONE,
    CENTRE,
    HOME,
    incoming,
    policy,
    scenario,
    seat,
)

CONFIG = Path("config")
MONDAY = date(2026, 6, 8)


@pytest.fixture(scope="module")
def stations() -> Stations:
    return Stations.load(CONFIG)


@pytest.fixture(scope="module")
def quiet(stations: Stations, tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """A national day with a tenth of the calls."""
    text = PROFILE.read_text(encoding="utf-8").replace("a_day: 20000", "a_day: 2000")
    path = tmp_path_factory.mktemp("profile") / "quiet.yaml"
    path.write_text(text, encoding="utf-8")
    return draw_scenario(Profile.load(path, stations), MONDAY, 1, 30)


def played(day: Scenario, by: Policy) -> dict[int, Served]:
    found = play(day, by, Watch()).served
    return {served.call.number: served for served in found}


def test_who_does_not_answer_costs_a_ring_and_is_paused(stations: Stations, tmp_path: Path) -> None:
    """The first call rings 15 s in vain, then the colleague; the second rings nobody in vain."""
    day = scenario([incoming(1, 10.0), incoming(2, 200.0)], [seat("a", answers=0.0), seat("b")])
    calls = played(day, policy(stations, tmp_path, "reach: home\n"))
    assert [calls[1].waited, calls[1].offers] == [pytest.approx(19.0), 2]
    assert [calls[2].waited, calls[2].offers] == [pytest.approx(4.0), 1]


def test_the_last_one_returns_by_itself_after_a_miss(stations: Stations, tmp_path: Path) -> None:
    day = scenario([incoming(1, 10.0, patience=500.0)], [seat("a", answers=0.0)])
    calls = played(day, policy(stations, tmp_path, "reach: home\n"))
    assert calls[1].station is None
    # Rung at 10 s; whoever failed a call isn't rung for it again, though back after 120 s.
    assert calls[1].offers == 1


def test_a_call_rung_in_vain_keeps_its_place(stations: Stations, tmp_path: Path) -> None:
    day = scenario(
        [incoming(1, 0.0), incoming(2, 1.0, talk=60.0), incoming(3, 12.0)],
        [seat("a", answers=0.0), seat("b")],
    )
    calls = played(day, policy(stations, tmp_path, ALONE))
    # a doesn't answer the first, b talks to the second from 5 s to 65 s.
    assert [calls[1].waited, calls[3].waited] == [pytest.approx(69.0), pytest.approx(121.0)]


def test_the_centre_is_asked_when_its_tier_opens(stations: Stations, tmp_path: Path) -> None:
    """Home is full; nothing else happens at the tenth second."""
    day = scenario([incoming(1, 0.0), incoming(2, 5.0)], [seat("a"), seat("b", CENTRE)])
    later = "settings: {widen_seconds: [0, 0, 10, 20], overflow_seconds: 86400}\n"
    calls = played(day, policy(stations, tmp_path, later))
    assert [calls[2].station, calls[2].waited] == [CENTRE, pytest.approx(14.0)]


def test_a_full_home_overflows_before_the_caller_waits(stations: Stations, tmp_path: Path) -> None:
    """Once a talk has ended its length is known: 60 s are more than the caller shall wait."""
    calls = [incoming(1, 0.0), incoming(2, 100.0, talk=600.0), incoming(3, 150.0)]
    day = scenario(calls, [seat("a"), seat("b", CENTRE)])
    found = played(day, policy(stations, tmp_path))
    assert [found[3].station, found[3].waited] == [CENTRE, pytest.approx(4.0)]


def test_a_crisis_rings_several_and_blames_nobody(stations: Stations, tmp_path: Path) -> None:
    calls = [incoming(1, 0.0, priority=CRISIS), incoming(2, 70.0), incoming(3, 71.0)]
    day = scenario(calls, [seat("a"), seat("b", answers=0.0), seat("c", CENTRE)])
    found = played(day, policy(stations, tmp_path))
    assert found[1].waited == pytest.approx(4.0)
    assert found[2].offers == 1 or found[3].offers == 1


def test_who_leaves_at_the_end_of_a_shift_ends_the_talk_first(
    stations: Stations, tmp_path: Path
) -> None:
    day = scenario(
        [incoming(1, 0.0, talk=100.0), incoming(2, 120.0, patience=30.0)], [seat("a", ends=50.0)]
    )
    calls = played(day, policy(stations, tmp_path, ALONE))
    assert calls[1].station is not None
    assert [calls[2].station, calls[2].waited] == [None, pytest.approx(30.0)]


@pytest.mark.long
@pytest.mark.parametrize("name", SHIPPED)
def test_every_call_is_answered_or_abandoned_once_by_every_policy(
    stations: Stations, quiet: Scenario, name: str
) -> None:
    by = Policy.load(POLICIES / f"{name}.yaml", stations)
    found = play_watched(lambda _day, _seed: quiet, by, MONDAY, 1, warm_up=0).served
    assert Counter(served.call for served in found) == Counter(quiet.calls)
    for served in found:
        assert 0 <= served.waited <= served.call.patience + 1e-6
        if served.station is None:
            assert served.waited == pytest.approx(served.call.patience)


def test_the_same_seed_is_the_same_day(stations: Stations, quiet: Scenario) -> None:
    by = Policy.load(POLICIES / "ours.yaml", stations)
    one, again = (
        play_watched(lambda _day, _seed: quiet, by, MONDAY, 1, warm_up=0) for _ in range(2)
    )
    assert one.served == again.served
    assert one.changes == again.changes


def test_a_dead_home_is_found_and_its_callers_are_covered(
    stations: Stations, tmp_path: Path
) -> None:
    """Somebody is logged in at home, who never answers."""
    calls = [incoming(number, 300.0 * number) for number in range(1, 30)]
    day = scenario(calls, [seat("a", answers=0.0), seat("b", CENTRE)])
    by = policy(stations, tmp_path, "strength: true\n")
    found = play_watched(lambda _day, _seed: day, by, MONDAY, 1, warm_up=0)
    assert {change.state for change in found.changes if change.station == HOME} <= {"weak", "dead"}
    late = [served for served in found.served if served.call.number > 20]
    assert [(served.station, served.offers) for served in late] == [(CENTRE, 1)] * len(late)
    assert found.changes[0].why


class WeakHome(Watch):
    """Takes HOME for weak, and hears what is said of it."""

    def __init__(self) -> None:
        self.heard: list[EndedCall] = []

    def weak(self, topic: str) -> frozenset[str]:
        return frozenset({HOME})

    def call_ended(self, call: EndedCall) -> None:
        self.heard.append(call)


@pytest.mark.parametrize(("answers", "station"), [(0.0, CENTRE), (1.0, HOME)])
def test_a_weak_home_rings_beside_its_centre_and_the_first_to_answer_has_the_call(
    stations: Stations, tmp_path: Path, answers: float, station: str
) -> None:
    """Nobody waits for home, and not answering is held against nobody: the next call rings there
    again."""
    day = scenario(
        [incoming(1, 10.0), incoming(2, 300.0)], [seat("a", answers=answers), seat("b", CENTRE)]
    )
    watch = WeakHome()
    found = play(day, policy(stations, tmp_path), watch).served
    assert [(served.station, served.waited) for served in found] == [
        (station, pytest.approx(4.0)),
        (station, pytest.approx(4.0)),
    ]
    assert all("home and centre" in served.reason for served in found)
    assert all(call.together for call in watch.heard)


@pytest.mark.long
def test_a_station_that_dies_is_covered_within_five_calls_and_is_back_in_a_quarter_of_an_hour(
    stations: Stations,
) -> None:
    """On the national day, from 10:00 to 14:00."""
    ours = Policy.load(POLICIES / "ours.yaml", stations)
    profile = Profile.load(PROFILE, stations)
    found = dying_stations(ours, profile, partial(draw_scenario, profile, wrap_up_seconds=30), 101)
    seen = [death for death in found if death.found is not None]
    assert len(seen) > 30
    assert all(death.calls <= 5 for death in found if death.found is None)
    assert median(death.before for death in seen) <= 6
    assert all(death.back is not None for death in seen)
    strong_again = sorted(death.back for death in seen if death.back is not None)
    assert strong_again[len(strong_again) * 9 // 10] <= 15 * 60


def test_weak_stations_change_nobody_else(stations: Stations) -> None:
    """Another seed has other weak and dead stations, and other callers; the same seed has the
    same whoever asks."""
    profile = Profile.load(PROFILE, stations)
    one, other = (draw_scenario(profile, MONDAY, seed, 30) for seed in (1, 2))
    assert one == draw_scenario(profile, MONDAY, 1, 30)
    assert one.weak != other.weak
    assert (len(one.weak), len(one.dead), len(one.centres)) == (40, 15, 6)
    assert one.calls[:9] != other.calls[:9]


def test_intervals() -> None:
    assert Estimate.of([0.9]) == Estimate(0.9, None)
    # Mean 2, standard deviation 1, t with 2 degrees of freedom 4.303.
    assert Estimate.of([1, 2, 3]).half_width == pytest.approx(4.303 / 3**0.5)
    # What both have in common falls out.
    assert paired([1.1, 5.1, 9.1], [1, 5, 9]).half_width == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: {zh-CN: 试, en: a}\nreach: far", "policy.yaml:2: reach: Input should be"),
        ("name: {zh-CN: 试, en: a}\nsettings: {ring_second: 9}",
         "policy.yaml:2: settings.ring_second: unknown key (did you mean ring_seconds?)"),
        ("name: {zh-CN: 试, en: a}\nsettings: {widen_seconds: [0, 9, 5, 20]}",
         "policy.yaml:2: settings.widen_seconds: home is asked at 0, and no wider tier"),
        ("name: {zh-CN: 试, en: a}\nstrenght: true",
         "policy.yaml:2: strenght: unknown key (did you mean strength?)"),
        ("reach: home", "policy.yaml:1: name: missing"),
    ],
)  # fmt: skip
def test_bad_policy(stations: Stations, tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigErrors) as caught:
        Policy.load(path, stations)
    [line] = caught.value.errors
    assert told in line
