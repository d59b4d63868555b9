"""`run_ivr.py strength …`: how strong each station is, a manager's word, and what changed.

The context's object carries `settings`, `store`, `stations` and `shifts`.
"""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime
from typing import Protocol

import click
from rich.console import Console
from rich.table import Table

from agents.roster import PEOPLE_TIME
from agents.shifts import Shifts
from config.database import Store
from config.instants import When
from config.settings import Settings
from config.topics import load_topics
from config.yaml_file import ConfigErrors, suggestion
from routing import standings
from routing.assessment import Assessed, Assessment, Look
from routing.standing import Override, State
from routing.stations import Stations

STATES = [str(state) for state in State if state is not State.PROBING]


class Context(Protocol):
    """What these commands need of the command line's object."""

    @property
    def settings(self) -> Settings: ...

    @property
    def store(self) -> Store: ...

    @property
    def stations(self) -> Stations: ...

    @property
    def shifts(self) -> Shifts: ...


def _house() -> Context:
    house: Context = click.get_current_context().obj
    return house


@click.group("strength", invoke_without_command=True)
@click.pass_context
def strength(context: click.Context) -> None:
    """How strong each station is for each topic, weakest first."""
    if context.invoked_subcommand is not None:
        return
    house, now = _house(), datetime.now(UTC)
    assessment = Assessment(house.stations)
    found = assessment.assessed(_look(assessment, now))
    if not found:
        click.echo("nothing to judge yet: no call, offer or probe in the log has come to its end")
        return
    table = Table(
        "station", "name", "topic", "state", "since", "index", "15 min", "abandoned", "RONA",
        "7 days", "parent", "there/planned", "why",
    )  # fmt: skip
    for item in sorted(found, key=lambda item: (item.strength.index, item.station, item.topic)):
        table.add_row(*_row(house.stations, item, now))
    _print(table)


def _look(assessment: Assessment, now: datetime) -> Look:
    planned = frozenset[str]()
    try:
        planned = _house().shifts.planned(now)
    except ConfigErrors as errors:
        click.echo(f"nobody counts as planned: {errors.errors[0]}", err=True)
    return _house().store.read(lambda connection: assessment.look(connection, planned, now))


def _row(stations: Stations, item: Assessed, now: datetime) -> tuple[str, ...]:
    standing, found = item.standing, item.strength
    fast, slow, people = found.figures.fast, found.figures.slow, found.figures.people
    word = standing.override if standing.in_force(now) is not standing.state else None
    why = f"{word.by} until {_told(word.until)}: {word.reason}" if word else standing.cause
    return (
        item.station,
        _name(stations, item.station),
        item.topic,
        str(standing.in_force(now)),
        _told(standing.since),
        f"{found.index:.2f}",
        f"{fast.good} of {fast.trials}",
        str(fast.abandoned),
        f"{fast.missed} of {fast.offers}",
        f"{slow.good} of {slow.trials}",
        f"{found.parent:.2f}",
        f"{people.there}/{people.planned}",
        why,
    )


@strength.command("override")
@click.argument("station")
@click.option("--topic", required=True)
@click.option("--state", required=True, type=click.Choice(STATES))
@click.option("--until", required=True, type=When(), help="At most 7 days from now.")
@click.option("--reason", required=True)
@click.option("--by", default=getpass.getuser, help="Whose word it is; else who is logged in here.")
def override(station: str, topic: str, state: str, until: datetime, reason: str, by: str) -> None:
    """Set a station's state by a manager's word, until a time."""
    house, now = _house(), datetime.now(UTC)
    if station not in house.stations:
        raise click.ClickException(f"no station {station}{suggestion(station, house.stations)}")
    topics = load_topics(house.settings.stations_directory)
    if topic not in topics:
        raise click.ClickException(f"no topic {topic}{suggestion(topic, topics)}")
    assessment = Assessment(house.stations)
    try:
        word = Override(State(state), reason, by, until)
        word.check(now)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    look = _look(assessment, now)
    change = house.store.write(
        lambda connection: assessment.override(connection, station, topic, word, look)
    )
    click.echo(f"{station} {topic}: {state} until {_told(until)} (change {change.id})")


@strength.command("changes")
@click.argument("station", required=False)
@click.option("--most", default=50, show_default=True, help="How many, newest first.")
def changes(station: str | None, most: int) -> None:
    """List changes of state and the figures they were made by."""
    house = _house()
    if station is not None and station not in house.stations:
        raise click.ClickException(f"no station {station}{suggestion(station, house.stations)}")
    found = house.store.read(lambda connection: standings.changes(connection, station, most))
    if not found:
        click.echo("no state has changed yet")
        return
    table = Table("change", "at", "station", "name", "topic", "from", "to", "why", "figures")
    for change in found:
        table.add_row(
            str(change.id),
            _told(change.at),
            change.station,
            _name(house.stations, change.station),
            change.topic,
            str(change.from_state),
            str(change.to_state),
            change.cause,
            change.told(),
        )
    _print(table)


def _name(stations: Stations, station: str) -> str:
    return stations.name(station) if station in stations else ""


def _told(at: datetime | None) -> str:
    return f"{at.astimezone(PEOPLE_TIME):%Y-%m-%d %H:%M}" if at is not None else ""


def _print(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else 200).print(table)
