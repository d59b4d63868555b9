"""`run_ivr.py workorders …`: read, check and export the orders.

The context's object carries `store`, `log`, `settings` (`settings.seal_file`: where seals are
exported) and `duty_lead` (of a station, a counselor id or None).
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from agents import roster
from config.instants import When
from workorders.canonical import SHANGHAI
from workorders.deadlines import running
from workorders.export import write_csv, write_json_lines
from workorders.handlers import station_of
from workorders.life import Case
from workorders.life_view import TOLD_HERE, clock_name, life_lines, minute
from workorders.log import OrderUnknown
from workorders.risk import assess as assess_risk
from workorders.verify import verify
from workorders.views import all_orders, order_view, orders_of

TOLD_BY_EVENTS = ("events", "offers", "priority_history")
LISTED = ("order_no", "t_offer", "caller", "topic", "station_home", "outcome", "handler")


def _house() -> Any:
    return click.get_current_context().obj


@click.group("workorders")
def workorders() -> None:
    """Work orders 工单: what became of each call."""


@workorders.command("list")
@click.option("--limit", default=50, show_default=True, help="How many, newest first.")
@click.option("--from", "caller", help="Only those of this number, in E.164: +8613800138000.")
def list_(limit: int, caller: str | None) -> None:
    """List orders, newest first."""
    house = _house()
    views = house.store.read(
        lambda connection: orders_of(connection, house.log.keys, limit=limit, caller_id=caller)
    )
    table = Table(*LISTED)
    for view in views:
        table.add_row(*(str(view[name] or "") for name in LISTED))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


@workorders.command("show")
@click.argument("order_no")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def show(order_no: str, as_json: bool) -> None:
    """Show one order with its events."""
    house = _house()
    try:
        view = house.store.read(lambda connection: order_view(connection, house.log.keys, order_no))
    except OrderUnknown:
        raise click.ClickException(f"there is no order {order_no}") from None
    station = station_of(view["handler"])
    view["duty_lead"] = house.duty_lead(station) if station is not None else None
    if as_json:
        click.echo(json.dumps(view, ensure_ascii=False, indent=2))
        return
    for name, value in view.items():
        if name not in (*TOLD_BY_EVENTS, *TOLD_HERE) and value not in (None, []):
            click.echo(f"{name:18} {value}")
    click.echo("")
    for line in life_lines(view, datetime.now(UTC)):
        click.echo(line)
    click.echo("")
    for event in view["events"]:
        told = json.dumps(event["data"], ensure_ascii=False) if event["data"] else ""
        click.echo(
            f"{event['seq']:4} {event['at'][11:23]} {event['kind']:16} {event['actor']:14} {told}"
        )


@workorders.command("assess")
@click.argument("order_no")
@click.option("--risk", required=True, help="R1 … R4, or RX where nobody could tell.")
@click.option("--by", required=True, help="The counselor's id.")
def assess(order_no: str, risk: str, by: str) -> None:
    """Record the risk level 风险 of an order: its clocks start. While it is open at R3 or R4, calls
    of the same number go before normal ones. R4 is lowered by two persons."""
    house, now = _house(), datetime.now(UTC)

    def work(connection: Connection) -> bool:
        if roster.get(connection, by) is None:
            raise ValueError(f"--by {by}: nobody of the roster")
        case = Case(connection, house.log, order_no, now, f"counselor:{by}")
        return assess_risk(case, risk)

    try:
        assessed = house.store.write(work)
    except OrderUnknown:
        raise click.ClickException(f"there is no order {order_no}") from None
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{order_no}: {risk}" + ("" if assessed else " once a second person says so"))


@workorders.command("tasks")
@click.option("--station", help="Only what this station waits for, or is waited for.")
@click.option("--until", type=When(), help="Only what is due by then; a time of Shanghai.")
def tasks(station: str | None, until: datetime | None) -> None:
    """What is waited for, by station, the most urgent first."""
    now = datetime.now(UTC)
    found = [
        each
        for each in _house().store.read(lambda connection: list(running(connection)))
        if station in (None, each.station) and (until is None or each.deadline.due <= until)
    ]
    found.sort(key=lambda each: (each.station or "", each.deadline.due))
    table = Table("station", "due", "task", "order_no", "risk", "handler")
    for each in found:
        late = " 逾期" if each.deadline.due <= now else ""
        table.add_row(
            each.station or "",
            minute(each.deadline.due) + late,
            clock_name(each.deadline),
            each.order_no,
            each.risk or "",
            each.handler,
        )
    Console(width=None if sys.stdout.isatty() else 160).print(table)


@workorders.command("verify")
def verify_() -> None:
    """Check that no event or order was changed, moved or removed. Ends with 1 if any was."""
    house = _house()
    found = verify(house.store, house.log.keys, Path(house.settings.seal_file))
    for finding in found:
        click.echo(str(finding))
    if found:
        raise click.ClickException(f"{len(found)} findings: the log is not as it was written")
    click.echo("The log is as it was written.")


@workorders.command("export")
@click.option("--format", "kind", type=click.Choice(["jsonl", "csv"]), default="jsonl")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="From this day on, Shanghai time.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Before this day.")
@click.option(
    "--output", type=click.File("w", encoding="utf-8", atomic=True), default="-", show_default=True
)
def export(kind: str, since: datetime | None, until: datetime | None, output: TextIO) -> None:
    """Export orders as JSON lines or CSV; callers' numbers are masked."""
    house = _house()
    write = write_csv if kind == "csv" else write_json_lines
    count = house.store.read(
        lambda connection: write(
            all_orders(connection, house.log.keys, _midnight(since), _midnight(until)), output
        )
    )
    click.echo(f"{count} orders", err=True)


def _midnight(day: datetime | None) -> datetime | None:
    return None if day is None else day.replace(tzinfo=SHANGHAI)
