"""`run_ivr.py simulate`: days of calls through the router, on a clock of their own.

The context's object carries `settings`, and `store` for a replay.
"""

from __future__ import annotations

import sys
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

import click
from rich.console import Console

from config.database import Store
from config.settings import CONFIG, Settings
from routing.simulation.policy import Policy
from routing.simulation.profile import Profile
from routing.simulation.replay import Replay, logged_calls
from routing.simulation.staff import draw_scenario
from routing.simulation.table import sheets
from routing.simulation.trial import ScenarioOf, run_trial
from routing.stations import NATION, Stations

PROFILE = CONFIG / "national_profile.yaml"
POLICIES = CONFIG / "policies"
A_MONDAY = date(2026, 6, 8)
SHIPPED = ("local_only", "overflow_30", "app_queue", "ours", "pool")


class Context(Protocol):
    """What this command needs of the command line's object."""

    @property
    def settings(self) -> Settings: ...

    @property
    def store(self) -> Store: ...


class _Seeds(click.ParamType[tuple[int, ...]]):
    name = "1,2,3"

    def convert(self, value: object, param: object, ctx: object) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            seeds = tuple(int(word) for word in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r}: write whole numbers by commas, 1,2,3")
        if len(set(seeds)) < len(seeds):
            self.fail(f"{value!r}: a seed stands twice; the same day twice tells nothing")
        return seeds


@click.command("simulate")
@click.option(
    "--profile",
    "profile_file",
    default=PROFILE,
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Who calls and who answers.",
)
@click.option(
    "--date",
    "first",
    type=click.DateTime(["%Y-%m-%d"]),
    help=f"The first day; {A_MONDAY}, in a replay the log's first, if not given.",
)
@click.option("--days", type=click.IntRange(1, 366), default=1, show_default=True)
@click.option("--seeds", type=_Seeds(), help="Days drawn; the profile's judging seeds otherwise.")
@click.option(
    "--policy",
    "chosen",
    multiple=True,
    default=SHIPPED,
    show_default=True,
    help="A policy's file, or the name of a shipped one; differences are from the first.",
)
@click.option(
    "--warm-up",
    type=click.IntRange(0, 7),
    default=1,
    show_default=True,
    help="Days played and not counted before each, so that stations are known as on any day.",
)
@click.option(
    "--replay", is_flag=True, help="The log's own calls; of the profile only who is at work."
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write simulation.html and its pictures into this directory.",
)
def simulate(
    profile_file: Path,
    first: datetime | None,
    days: int,
    seeds: tuple[int, ...] | None,
    chosen: tuple[str, ...],
    warm_up: int,
    replay: bool,
    out: Path | None,
) -> None:
    """Play days of calls through the router and compare policies on them."""
    house: Context = click.get_current_context().obj
    stations = Stations.load(house.settings.stations_directory)
    profile = Profile.load(profile_file, stations)
    policies = [Policy.load(_policy_file(name), stations) for name in chosen]
    seeds = seeds or profile.file.seeds.judging
    wrap_up = float(stations.setting(NATION, "wrap_up_seconds"))
    scenario_of: ScenarioOf
    if replay:
        logged = house.store.read(partial(logged_calls, stations=stations))
        scenario_of = of_log = Replay.of(logged, profile, wrap_up)
        if not of_log.calls:
            raise click.ClickException(
                "no call in the log has queued and ended yet: leave out --replay"
            )
        begins = first.date() if first else min(of_log.calls)
        last = begins + timedelta(days=days - 1)
        if not any(begins <= day <= last for day in of_log.calls):
            raise click.ClickException(f"no call in the log queued from {begins} to {last}")
    else:
        begins = first.date() if first else A_MONDAY
        scenario_of = partial(draw_scenario, profile, wrap_up_seconds=wrap_up)
    with click.progressbar(length=days * len(seeds), label="days", file=sys.stderr) as bar:
        trial = run_trial(
            scenario_of, policies, begins, days, seeds, warm_up, lambda: bar.update(1)
        )
    names = {centre: stations.name(centre) for centre in profile.centres}
    console = Console(width=None if sys.stdout.isatty() else 160)
    for sheet in sheets(trial, names):
        console.print(sheet.for_terminal())
    if out is not None:
        # Half a second to import: no other command shall wait for it.
        from routing.simulation.report import PAGE, write_report

        write_report(trial, names, stations.name, "the log" if replay else profile_file.name, out)
        click.echo(f"{out / PAGE}")


def _policy_file(name: str) -> Path:
    shipped = POLICIES / f"{name}.yaml"
    return shipped if shipped.exists() else Path(name)
