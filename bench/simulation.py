"""What a policy can reach on the national day, by the tuning seeds: the frontier between answers in
time and calls kept at home, stations that die and return, and how long a day takes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from statistics import median

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.results import machine
from config.settings import CONFIG
from routing.simulation.command_line import A_MONDAY, POLICIES, PROFILE
from routing.simulation.comparison import Estimate
from routing.simulation.day import Played
from routing.simulation.policy import Policy
from routing.simulation.profile import Profile
from routing.simulation.scenario import Scenario, Seat
from routing.simulation.staff import draw_scenario
from routing.simulation.trial import ScenarioOf, Trial, play_watched, run_trial
from routing.stations import NATION, Stations

PICTURE = Path(__file__).parents[1] / "docs" / "frontier.png"
WEAK_UNDER = (0.1, 0.2, 0.3, 0.5)
BESIDE = ("app_queue",)
GOAL_IN_TIME, GOAL_LOCAL = 95, 98
DIES, RETURNS = 10 * 3600.0, 14 * 3600.0
DYING = 20
DAYS_BEFORE = 4
SHORT_ABANDON = 5.0
STRONG, DOWN = "strong", ("weak", "dead")


@dataclass(frozen=True, slots=True)
class _Point:
    """A policy's shares in percent, means over seeds: of the bound's calls answered in time, and
    of those served at home who found somebody there to pick up."""

    name: str
    in_time: Estimate
    local: Estimate


def measured(_stores: Sequence[str]) -> str:
    """What is told of it, in Markdown; the frontier is drawn beside it."""
    stations = Stations.load(CONFIG)
    profile = Profile.load(PROFILE, stations)
    wrap_up = float(stations.setting(NATION, "wrap_up_seconds"))
    scenario_of = partial(draw_scenario, profile, wrap_up_seconds=wrap_up)
    ours = Policy.load(POLICIES / "ours.yaml", stations)
    seeds = profile.file.seeds.tuning
    swept, beside = _frontier(ours, stations, scenario_of, seeds)
    draw(swept, beside, PICTURE)
    rows = [
        f"| {point.name} | {_shown(point.in_time)} | {_shown(point.local)} |"
        for point in (*swept, *beside)
    ]
    table = "\n".join(["| | of the bound % | served at home % |", "|---|---|---|", *rows])
    began = time.process_time()
    play_watched(scenario_of, ours, A_MONDAY, seeds[0], warm_up=0)
    took = time.process_time() - began
    return f"""# The simulated day, as measured

{machine("nothing of it")}. One day of ours: {took:.1f} s of one processor.

Answered within 15 s, of what the bound answers, and served at home, of those who found somebody
there to pick up; seeds {", ".join(map(str, seeds))}, ± 95 %. Ours where stations are weak under an
index of so much, and other policies:

{table}

{_told_of_the_dying(dying_stations(ours, profile, scenario_of, seeds[0]))}
"""


def _frontier(
    ours: Policy, stations: Stations, scenario_of: ScenarioOf, seeds: Sequence[int]
) -> tuple[list[_Point], list[_Point]]:
    _, up = ours.setting(NATION, "strength_thresholds")
    swept = [ours.changed(f"{under:g}", strength_thresholds=(under, up)) for under in WEAK_UNDER]
    beside = [Policy.load(POLICIES / f"{name}.yaml", stations) for name in BESIDE]
    bound = Policy.load(POLICIES / "pool.yaml", stations)
    trial = run_trial(scenario_of, [*swept, *beside, bound], A_MONDAY, 1, seeds, 1, lambda: None)
    return (
        [_point(trial, policy.id, policy.id, bound.id) for policy in swept],
        [_point(trial, policy.id, policy.name.en, bound.id) for policy in beside],
    )


def _point(trial: Trial, policy_id: str, name: str, bound: str) -> _Point:
    found, best = trial.measures[policy_id], trial.measures[bound]
    return _Point(
        name,
        Estimate.of([
            100 * one.answered_in_time / most.answered_in_time
            for one, most in zip(found, best, strict=True)
        ]),
        Estimate.of([100 * one.local_share for one in found]),
    )  # fmt: skip


def draw(swept: Sequence[_Point], beside: Sequence[_Point], path: Path) -> None:
    """The frontier as a PNG."""
    figure = Figure(figsize=(8, 5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.axvspan(GOAL_IN_TIME, 100, color="green", alpha=0.07)
    axes.axhspan(GOAL_LOCAL, 100, color="green", alpha=0.07)
    axes.plot(
        [point.in_time.mean for point in swept],
        [point.local.mean for point in swept],
        "o-",
        label="ours, stations weak under an index of …",
    )
    for point in beside:
        axes.plot(point.in_time.mean, point.local.mean, "s", label=point.name)
    for point in swept:
        where = point.in_time.mean, point.local.mean
        axes.annotate(point.name, where, xytext=(5, 5), textcoords="offset points")
    axes.set(
        title="What is won in time is lost at home",
        xlabel="answered within 15 s, % of what the bound answers",
        ylabel="served at home, % of those who found somebody there to pick up",
    )
    axes.legend(loc="lower left")
    figure.savefig(path)


@dataclass(frozen=True, slots=True)
class Death:
    """What became of a station, for a topic, whose people don't answer from DIES until they log in
    anew at RETURNS. `calls`: its callers between, without those who left at once; `before`: those
    that had ended when it was found. `found`, `back`: seconds until then, and until it was strong
    again; None: it wasn't."""

    station: str
    topic: str
    calls: int
    before: int
    found: float | None
    back: float | None


def dying_stations(
    ours: Policy, profile: Profile, scenario_of: ScenarioOf, seed: int
) -> list[Death]:
    """The busiest stations that are neither weak, nor dead, nor a centre, after a week."""
    drawn = scenario_of(A_MONDAY, seed)
    able = [name for name in profile.places if name not in drawn.weak | drawn.dead]
    busiest = sorted(able, key=lambda name: profile.weights[name], reverse=True)[:DYING]

    def scenario_with_deaths(day: date, of_seed: int) -> Scenario:
        drawn = scenario_of(day, of_seed)
        return _with_deaths(drawn, busiest) if day == A_MONDAY else drawn

    played = play_watched(scenario_with_deaths, ours, A_MONDAY, seed, DAYS_BEFORE)
    return list(_deaths(played, busiest))


def _with_deaths(scenario: Scenario, stations: Sequence[str]) -> Scenario:
    """The same day, but that nobody answers at these stations from DIES to RETURNS."""
    return replace(
        scenario,
        seats=[
            part
            for seat in scenario.seats
            for part in (_parts(seat) if seat.counselor.station in stations else [seat])
        ],
    )


def _parts(seat: Seat) -> Iterator[Seat]:
    for begins, ends, answers in (
        (0.0, DIES, seat.answers), (DIES, RETURNS, 0.0), (RETURNS, seat.ends, seat.answers),
    ):  # fmt: skip
        begins, ends = max(begins, seat.begins), min(ends, seat.ends)
        if begins < ends:
            who = replace(seat.counselor, id=f"{seat.counselor.id}@{begins:g}")
            yield replace(seat, counselor=who, begins=begins, ends=ends, answers=answers)


def _deaths(played: Played, stations: Sequence[str]) -> Iterator[Death]:
    """Of every station and topic that somebody called while it was dead."""
    for station in stations:
        for topic in sorted({call.topic for call in played.scenario.calls}):
            ended = [
                served.call.at + served.waited
                for served in played.served
                if (served.call.home, served.call.topic) == (station, topic)
                and DIES <= served.call.at < RETURNS
                and not served.call.urgent
                and (served.station is not None or served.waited >= SHORT_ABANDON)
            ]
            changes = [
                change
                for change in played.changes
                if (change.station, change.topic) == (station, topic)
            ]
            found = next(
                (c.at for c in changes if c.state in DOWN and DIES <= c.at < RETURNS), None
            )
            back = next((c.at for c in changes if c.state == STRONG and c.at >= RETURNS), None)
            if ended:
                yield Death(
                    station,
                    topic,
                    len(ended),
                    sum(found is None or end <= found for end in ended),
                    None if found is None else found - DIES,
                    None if back is None or found is None else back - RETURNS,
                )


def _told_of_the_dying(found: Sequence[Death]) -> str:
    seen = [death for death in found if death.found is not None]
    calls = sorted(death.before for death in seen)
    back = sorted(death.back / 60 for death in seen if death.back is not None)
    missed = max((death.calls for death in found if death.found is None), default=0)
    return f"""The {DYING} busiest ordinary stations die at 10:00 and are back at 14:00, each for \
three topics, {len(found)} in all:
{len(seen)} are found, after {median(calls):g} callers in the middle and {calls[-1]} at most; none \
of the others
had more than {missed} in these hours. Of those found {len(back)} are strong again, after \
{median(back):.0f} minutes in the
middle and {back[-1]:.0f} at most."""


def _shown(estimate: Estimate) -> str:
    return f"{estimate.mean:.1f} ± {estimate.half_width or 0:.1f}"
