#!/usr/bin/env python3
"""The 12355 call-routing server: its only entry, and the only reader of settings."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from callflows.errors import FlowErrors
from config.database import StoreUnavailable
from config.settings import Settings, SettingsError
from config.yaml_file import ConfigErrors
from ivr.simulated_call import simulated_call
from ivr.simulator import Line
from workorders.keys import KeysUnusable

PEOPLE_TIME = ZoneInfo("Asia/Shanghai")


class When(click.ParamType):
    """An instant as people write it; without a zone it is Shanghai's."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time: write 2026-06-07T21:00+08:00", param, ctx)
        return (at if at.tzinfo else at.replace(tzinfo=PEOPLE_TIME)).astimezone(UTC)


@click.group()
@click.pass_context
def main(context: click.Context) -> None:
    """12355 青少年服务台: a call-routing server for China's youth helpline."""
    context.obj = Settings.read()


@main.command()
@click.option("--from", "caller", default="", help="The caller's number; none: withheld.")
@click.option("--to", "access_number", default="12355", show_default=True, help="Number dialled.")
@click.option("--keys", help="What the caller presses at each chance, by commas; empty: silence.")
@click.option("--at", type=When(), help="When the call comes in; now, if not given.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def call(
    settings: Settings,
    caller: str,
    access_number: str,
    keys: str | None,
    at: datetime | None,
    as_json: bool,
) -> None:
    """Play a call through the engine and print what the caller hears, and the order."""

    def tell(line: Line) -> None:
        if as_json:
            click.echo(json.dumps({"second": line.second, "who": line.who, "text": line.text},
                                  ensure_ascii=False))
        else:
            minutes, seconds = divmod(line.second, 60)
            click.echo(f"{minutes:02}:{seconds:02}  {line.who:6}  {line.text}")

    presses = iter(keys.split(",")) if keys is not None else _typed()
    order = simulated_call(
        settings, caller or None, access_number, presses, at or datetime.now(UTC), tell
    )
    if as_json:
        click.echo(json.dumps({"order": order}, ensure_ascii=False, default=str))
        return
    click.echo()
    for name, value in order.items():
        if name != "events" and value not in (None, "", [], {}):
            click.echo(f"{name:20}  {value}")
    for event in order["events"]:
        click.echo(f"  {event}")


def _typed() -> Iterator[str]:
    while True:
        yield click.prompt("keys (Enter: silence)", default="", show_default=False)


def run() -> None:
    """What a person wrote wrongly gets a line that says where and what to do, not a traceback."""
    try:
        main(standalone_mode=False)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (SettingsError, ConfigErrors, FlowErrors, KeysUnusable, StoreUnavailable) as error:
        click.echo(str(error), err=True)
        sys.exit(1)


if __name__ == "__main__":
    run()
