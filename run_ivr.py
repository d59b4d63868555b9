#!/usr/bin/env python3
"""The 12355 call-routing server: its only entry, and the only reader of settings."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO, cast

import click
import structlog

from agents.command_line import counselors
from callflows.errors import FlowErrors
from callflows.events import DialResult
from config.database import StoreUnavailable
from config.instants import When
from config.settings import CONFIG, Settings, SettingsError
from config.yaml_file import ConfigErrors
from console.command_line import accounts, knowledge
from console.serving import Console
from console.tls_front import CertificateUnusable
from console.tokens_command_line import tokens
from ivr.asterisk.command_line import asterisk
from ivr.asterisk.conf_values import BadValue
from ivr.asterisk.install import InstallFailed
from ivr.callers_command_line import callers
from ivr.demo import show_demo
from ivr.engine import Engine
from ivr.flows_command_line import flows
from ivr.log_output import LogOutput
from ivr.placing_command_line import test_call
from ivr.rooms import Rooms
from ivr.serve import CannotServe, Line, open_at
from ivr.serve import serve as keep_line
from ivr.simulated_call import simulated_call
from ivr.simulator import Line as Said
from ivr.twilio.command_line import twilio
from routing.command_line import route, stations
from routing.simulation.command_line import simulate
from routing.strength_command_line import strength
from stats.command_line import staffing
from workorders.command_line import workorders
from workorders.keys import KeysUnusable

DEMO = CONFIG / "demo"
SIMULATED_RESULTS = [result for result in DialResult if result is not DialResult.ABANDONED]


class Dials(click.ParamType[list[DialResult]]):
    """What comes of one Dial after the other, by commas."""

    name = "results"

    def convert(self, value: Any, param: Any, ctx: Any) -> list[DialResult]:
        if isinstance(value, list):
            return value
        names = [name for name in value.split(",") if name]
        for name in names:
            if name not in SIMULATED_RESULTS:
                self.fail(f"{name!r} is none of {', '.join(SIMULATED_RESULTS)}", param, ctx)
        return [DialResult(name) for name in names]


@click.group()
@click.pass_context
def main(context: click.Context) -> None:
    """12355 青少年服务台: a call-routing server for China's youth helpline."""
    # What a command prints may be read by a program: the log goes elsewhere.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=sys.stderr))
    rooms = Rooms(Settings.read())
    context.obj = rooms
    context.call_on_close(rooms.close)


main.add_command(accounts)
main.add_command(asterisk)
main.add_command(callers)
main.add_command(counselors)
main.add_command(flows)
main.add_command(knowledge)
main.add_command(route)
main.add_command(staffing)
main.add_command(simulate)
main.add_command(stations)
main.add_command(strength)
main.add_command(test_call)
main.add_command(tokens)
main.add_command(twilio)
main.add_command(workorders)


@main.command()
@click.option("--from", "caller", default="", help="The caller's number; none: withheld.")
@click.option("--to", "access_number", default="12355", show_default=True, help="Number dialled.")
@click.option("--keys", help="What the caller presses at each chance, by commas; empty: silence.")
@click.option(
    "--dials",
    type=Dials(),
    default="",
    help="How telephones that ring end: no_answer,busy,answered …",
)
@click.option("--at", type=When(), help="When the call comes in; now, if not given.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def call(
    rooms: Rooms,
    caller: str,
    access_number: str,
    keys: str | None,
    dials: list[DialResult],
    at: datetime | None,
    as_json: bool,
) -> None:
    """Play a call through the engine and print what the caller hears, and the order."""

    def tell(line: Said) -> None:
        if as_json:
            click.echo(
                json.dumps(
                    {"second": line.second, "who": line.who, "text": line.text}, ensure_ascii=False
                )
            )
        else:
            minutes, seconds = divmod(line.second, 60)
            click.echo(f"{minutes:02}:{seconds:02}  {line.who:6}  {line.text}")

    presses = iter(keys.split(",")) if keys is not None else _typed()
    order = simulated_call(
        rooms.settings, caller or None, access_number, presses, at or datetime.now(UTC), tell, dials
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


@main.command()
@click.pass_obj
def engine(rooms: Rooms) -> None:
    """Run one engine in the foreground: its carriers, the matcher's clock, the jobs."""
    _log_for_operators()
    Engine(rooms.assembly).run()


@main.command()
@click.pass_obj
def console(rooms: Rooms) -> None:
    """Serve the counselors' pages in the foreground, beside an engine or without one."""
    _log_for_operators()
    pages = Console(rooms.assembly)
    try:
        pages.run()
    except OSError as error:
        port = rooms.settings.console_port
        raise CannotServe(
            f"port {port}: {error.strerror}: set IVR_CONSOLE_ADDRESS or IVR_CONSOLE_PORT"
        ) from error


@main.command()
@click.option("--demo", is_flag=True, help="With demonstration lines, phones and counselors.")
@click.pass_obj
def serve(rooms: Rooms, demo: bool) -> None:
    """Start the line and keep it alive: Asterisk unless it is off, engine, jobs. Ctrl-C ends all
    of it."""
    settings = rooms.settings
    if demo and not settings.asterisk:
        raise CannotServe("the demonstration's telephones need Asterisk: unset IVR_ASTERISK")
    if demo:
        sample = {
            "trunks_file": DEMO / "trunks.yaml",
            "sister_lines_directory": DEMO,
            "last_resort_number": settings.last_resort_number or "8101",
            "crisis_last_resort_number": settings.crisis_last_resort_number or "8109",
        }
        settings = settings.model_copy(update=sample)
    line = Line(settings, Path(__file__).resolve(), click.echo, callers=demo)

    def ready() -> None:
        if demo:
            show_demo(settings)
        else:
            for where in open_at(settings):
                click.echo(where)

    keep_line(line, click.echo, ready)


def _log_for_operators() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, LogOutput(sys.stderr))),
    )


def _typed() -> Iterator[str]:
    while True:
        yield click.prompt("keys (Enter: silence)", default="", show_default=False)


def run() -> None:
    """What a person wrote wrongly gets a line that says where and what to do, not a traceback.
    Nobody but this user reads what we write: numbers, secrets, children's messages."""
    os.umask(0o077)
    try:
        main(standalone_mode=False)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (
        SettingsError,
        ConfigErrors,
        FlowErrors,
        KeysUnusable,
        StoreUnavailable,
        CannotServe,
        CertificateUnusable,
        InstallFailed,
        BadValue,
    ) as error:
        click.echo(str(error), err=True)
        sys.exit(1)


if __name__ == "__main__":
    run()
