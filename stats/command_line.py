"""`run_ivr.py staffing …`: how many counselors a station needs, hour by hour.

The context's object carries `store` and `stations`; neither is asked for a what-if.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import click
from rich.console import Console
from rich.table import Table

from config.database import Store
from config.yaml_file import suggestion
from stats.staffing import DAY, SECOND, Aim, BadFigures, Need, need
from stats.traffic import ENOUGH_ABANDONED, Hour, NoCalls, Traffic, traffic

DEFAULT_PATIENCE = 90.0
"""Seconds, where the log cannot tell: what the national day is planned with."""


class Stations(Protocol):
    """What this command asks of the stations."""

    def __contains__(self, station: object) -> bool: ...

    def __iter__(self) -> Iterator[str]: ...

    def name(self, station: str) -> str: ...

    def setting(self, station: str, name: str) -> Any: ...


class Context(Protocol):
    """What this command needs of the command line's object."""

    @property
    def store(self) -> Store: ...

    @property
    def stations(self) -> Stations: ...


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean in seconds, and where it is from."""

    seconds: float
    source: str


@click.command("staffing")
@click.argument("station", required=False)
@click.option(
    "--weeks",
    default=4,
    show_default=True,
    type=click.IntRange(1, 520),
    help="How many weeks of the log, up to yesterday.",
)
@click.option("--level", default=0.8, show_default=True, help="Share of calls to answer in time.")
@click.option("--within", default=15.0, show_default=True, help="In time: within these seconds.")
@click.option("--calls-per-hour", type=float, help="Of an hour you suppose, not of a station.")
@click.option(
    "--handling", type=float, help="Mean seconds of talk and wrap-up; else what the log says."
)
@click.option(
    "--patience",
    type=float,
    help="Mean seconds until a caller hangs up; else what the log says, or 90.",
)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def staffing(
    station: str | None,
    weeks: int,
    level: float,
    within: float,
    calls_per_hour: float | None,
    handling: float | None,
    patience: float | None,
    as_json: bool,
) -> None:
    """Counselors needed so that enough of all calls are answered in time, by Erlang C and by
    Erlang A: of STATION for each hour of the day, from the log; or of --calls-per-hour."""
    try:
        aim = Aim(level, within)
        if station is not None and calls_per_hour is None:
            _of_station(station, weeks, handling, patience, aim, as_json)
        elif station is None and calls_per_hour is not None and handling is not None:
            _what_if(calls_per_hour, handling, patience, aim, as_json)
        else:
            raise BadFigures("name a station, or say --calls-per-hour and --handling")
    except BadFigures as error:
        raise click.ClickException(str(error)) from None
    except NoCalls as error:
        instead = "say more --weeks, or --calls-per-hour and --handling in place of the station"
        raise click.ClickException(f"{error}: {instead}") from None


def _what_if(
    calls_per_hour: float, handling: float, patience: float | None, aim: Aim, as_json: bool
) -> None:
    patience = DEFAULT_PATIENCE if patience is None else patience
    needed = need(calls_per_hour, handling, patience, aim)
    if as_json:
        said = {"calls_per_hour": calls_per_hour, "handling": handling, "patience": patience}
        click.echo(json.dumps({**said, **asdict(aim), **asdict(needed)}))
        return
    click.echo(
        f"{calls_per_hour:g} calls/h of {handling:g} s are {needed.load:.2f} Erlang; "
        f"patience {patience:g} s"
    )
    table = Table(
        "model", "counselors", f"answered within {aim.within:g} s", "wait", "hang up", "mean wait"
    )
    for model, met in (("Erlang C", needed.erlang_c), ("Erlang A", needed.erlang_a)):
        shares = (met.answered_within, met.waiting, met.abandoned)
        table.add_row(
            model,
            str(met.counselors),
            *(f"{share:.1%}" for share in shares),
            f"{met.mean_wait:.1f} s",
        )
    _print(table)


def _of_station(
    station: str, weeks: int, said_handling: float | None, said_patience: float | None, aim: Aim,
    as_json: bool,
) -> None:  # fmt: skip
    house: Context = click.get_current_context().obj
    if station not in house.stations:
        hint = suggestion(station, house.stations)
        raise click.ClickException(f"there is no station {station}{hint}")
    now = datetime.now(UTC)
    seen = house.store.read(lambda connection: traffic(connection, station, weeks, now))
    wrap_up = int(house.stations.setting(station, "wrap_up_seconds"))
    handling = _handling(station, seen, wrap_up, said_handling)
    patience = _patience(seen, said_patience)
    needed = [
        (hour, need(hour.calls_per_hour, handling.seconds, patience.seconds, aim))
        for hour in seen.hours
    ]
    last_day = seen.until - timedelta(days=1)
    if as_json:
        told = {
            "station": station,
            "since": str(seen.since),
            "last_day": str(last_day),
            "calls": seen.calls,
            "answered": seen.answered,
            "abandoned": seen.abandoned,
            "handling": asdict(handling),
            "patience": asdict(patience),
            **asdict(aim),
            "hours": [
                {**asdict(hour), "calls_per_hour": hour.calls_per_hour, **asdict(figures)}
                for hour, figures in needed
            ],
        }
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    click.echo(
        f"{station} {house.stations.name(station)}, {seen.since} to {last_day}: {seen.calls} calls "
        f"asked for a counselor, {seen.answered} were answered, {seen.abandoned} hung up waiting"
    )
    for name, mean in (("handling", handling), ("patience", patience)):
        click.echo(f"{name} {mean.seconds:.0f} s: {mean.source}")
    click.echo(
        f"Counselors so that {aim.level * 100:g}% of all calls are answered within "
        f"{aim.within:g} s, by Erlang C and by Erlang A:"
    )
    _print(_by_hour(needed))


def _handling(station: str, seen: Traffic, wrap_up: int, said: float | None) -> Mean:
    if said is not None:
        return Mean(said, "as you say")
    if seen.talk is None:
        raise BadFigures(f"no call of {station} was answered: say --handling")
    source = f"{seen.talk:.0f} s of talk, {wrap_up} s of wrap-up"
    return Mean(seen.talk + wrap_up, source)


def _patience(seen: Traffic, said: float | None) -> Mean:
    if said is not None:
        return Mean(said, "as you say")
    if seen.patience is None:
        source = f"the default: fewer than {ENOUGH_ABANDONED} hung up waiting, too few to tell"
        return Mean(DEFAULT_PATIENCE, source)
    seconds = min(max(seen.patience, SECOND), DAY)
    return Mean(seconds, f"estimated from all waits and the {seen.abandoned} who hung up")


def _by_hour(needed: list[tuple[Hour, Need]]) -> Table:
    """A row for each hour of the day, with four columns for each kind of day."""
    kinds = list(dict.fromkeys(hour.kind_of_day for hour, _ in needed))
    table = Table("hour")
    for kind in kinds:
        for title in (f"{kind} calls/h", "Erlang", "C", "A"):
            table.add_column(title, justify="right")
    for clock in range(24):
        figures: list[str] = []
        for hour, need_of_hour in needed:
            if hour.hour == clock:
                figures += (
                    f"{hour.calls_per_hour:.1f}",
                    f"{need_of_hour.load:.2f}",
                    str(need_of_hour.erlang_c.counselors),
                    str(need_of_hour.erlang_a.counselors),
                )
        table.add_row(f"{clock:02}", *figures)
    return table


def _print(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else 160).print(table)
