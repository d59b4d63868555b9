"""`run_ivr.py route …`: who would be offered a call, and why; who was offered an order's, and why
not others. Nothing rings.

The context's object carries `store` and `stations`.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import click
from click.core import ParameterSource
from rich.console import Console
from rich.table import Table

from agents.roster import PEOPLE_TIME, reached
from config.database import Store
from config.settings import Settings
from routing.check import check
from routing.decisions import CannotReplay, story_of
from routing.decisions_shown import show
from routing.priority import AT_RISK, CRISIS, NORMAL, SILENT_CONFIRMED, SLOWED
from routing.queues import Queues
from routing.rules import tier_name
from routing.stations import Stations
from routing.waiting_call import WaitingCall

EVERYBODY = "everybody"
PRIORITIES = {
    "slowed": SLOWED,
    "normal": NORMAL,
    "at_risk": AT_RISK,
    "silent": SILENT_CONFIRMED,
    "crisis": CRISIS,
}


class Context(Protocol):
    """What this command needs of the command line's object."""

    @property
    def settings(self) -> Settings: ...

    @property
    def store(self) -> Store: ...

    @property
    def stations(self) -> Stations: ...


@click.command("route")
@click.option("--from", "caller", default="", help="The caller's number; none: withheld.")
@click.option("--to", "access_number", default="12355", show_default=True, help="Number dialled.")
@click.option("--topic", default="unknown", show_default=True)
@click.option("--language", default="zh-CN", show_default=True)
@click.option("--priority", type=click.Choice(list(PRIORITIES)), default="normal")
@click.option("--waited", default=0.0, show_default=True, help="Seconds in the queue so far.")
@click.option(
    "--kind", "kinds", multiple=True, default=["sip", "browser", "outside"], show_default=True,
    help="Contacts that the carrier reaches.",
)  # fmt: skip
@click.option(
    "--explain", is_flag=False, flag_value=EVERYBODY, metavar="[ORDER]",
    help="Show everybody, not the chosen alone; of ORDER, each decision that was made.",
)  # fmt: skip
def route(
    caller: str,
    access_number: str,
    topic: str,
    language: str,
    priority: str,
    waited: float,
    kinds: tuple[str, ...],
    explain: str | None,
) -> None:
    """Show who would be offered a call now, or who was offered the call of an order, and why."""
    house: Context = click.get_current_context().obj
    stations = house.stations
    if explain not in (None, EVERYBODY):
        _refuse_other_options()
        _explain_order(house, str(explain))
        return
    home = stations.by_access_number(access_number)
    if home is None:
        hint = stations.regions.from_caller(caller or None)
        home = stations.home_for(hint.region if hint else None)
    now = datetime.now(UTC)
    call = WaitingCall(
        call_id="",
        order_no="",
        topic=topic,
        language=language,
        priority=PRIORITIES[priority],
        home=home,
        enqueued_at=now - timedelta(seconds=waited),
        node=house.settings.asterisk_name,
        kinds=reached(kinds, house.settings.asterisk_name),
    )
    queues = Queues(stations)
    verdicts = house.store.read(lambda connection: queues.explain(connection, call, now))
    click.echo(f"home station: {home} {stations.name(home)}")
    if not any(verdict.chosen for verdict in verdicts):
        click.echo("nobody is chosen now")
    table = Table("counselor", "station", "tier", "chosen", "why")
    for verdict in verdicts:
        if explain or verdict.chosen:
            tier = "" if verdict.tier is None else tier_name(verdict.tier)
            chosen = "yes" if verdict.chosen else ""
            why = "; ".join(verdict.reasons)
            table.add_row(verdict.counselor_id, verdict.station, tier, chosen, why)
    if table.row_count:
        _console().print(table)


def _refuse_other_options() -> None:
    """An order's call is as it was: what it was isn't said again."""
    context = click.get_current_context()
    for option in context.command.params:
        given = context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
        if given and option.name != "explain":
            raise click.UsageError(f"{option.opts[0]} says nothing about an order: leave it out")


def _explain_order(house: Context, order_no: str) -> None:
    now = datetime.now(UTC)
    try:
        story = house.store.read(lambda c: story_of(c, house.stations, order_no, now))
    except CannotReplay as error:
        raise click.ClickException(str(error)) from None
    show(_console(), story, house.stations)


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 160)


@click.group("stations")
def stations() -> None:
    """Stations, regions and sister lines."""


@stations.command("check")
@click.argument("directory", required=False, type=click.Path(exists=True, path_type=Path))
@click.pass_context
def check_stations(context: click.Context, directory: Path | None) -> None:
    """Say what is wrong with regions, stations, topics, sister lines and trunks, a line each,
    and which sister lines are due for a new check."""
    settings = context.obj.settings
    trunks = settings.trunks_file
    if directory is not None and (directory / "trunks.yaml").exists():
        trunks = directory / "trunks.yaml"
    mistakes, overdue = check(
        directory or settings.stations_directory,
        directory or settings.sister_lines_directory,
        trunks,
        settings.default_access_number,
        datetime.now(PEOPLE_TIME).date(),
    )
    for line in (*mistakes, *overdue):
        click.echo(line)
    if mistakes:
        context.exit(1)
    click.echo("Nothing wrong.")
