"""What `make run` shows: one screen that says what to dial, with which accounts, and where the
orders are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from agents import presence, roster
from agents.roster import Role, SipAccount
from config.settings import Settings
from config.trunks import load_trunks
from ivr.asterisk.deployment import caller_secret, sister_line_secret
from ivr.rooms import Rooms


def show_demo(settings: Settings) -> None:
    """Log the demonstration's counselors in, and print the screen."""
    rooms = Rooms(settings)
    try:
        people = rooms.store.write(_log_in)
        _screen(settings, people, rooms.assembly.directory.local())
    finally:
        rooms.close()


def _log_in(connection: Connection) -> list[SipAccount]:
    """Counselors log in by *50; those of the demonstration are logged in already."""
    at = datetime.now(UTC)
    for person in roster.everybody(connection):
        if person.role is not Role.DUTY_PHONE:
            presence.log_in(connection, person.id, at)
    return [person for person in roster.sip_accounts(connection) if "sip" in person.kinds]


def _screen(settings: Settings, people: list[SipAccount], sister_lines: Mapping[str, str]) -> None:
    console = Console()
    console.print()
    console.print("[bold]12355 青少年服务台[/bold] is open. Ctrl-C ends it.")
    console.print(f"SIP server  {settings.bind_address}:{settings.sip_port} (UDP and TCP)")
    callers = Table(
        "call from (SIP user)", "password", "dial", title="Callers", title_justify="left"
    )
    for trunk in load_trunks(settings.trunks_file):
        callers.add_row(f"caller-{trunk.name}", caller_secret(settings), "12355")
    console.print(callers)
    desks = Table("answer with (SIP user)", "password", "who", title="Counselors",
                  title_justify="left")  # fmt: skip
    for person in people:
        desks.add_row(f"sip-{person.number}", person.secret, person.name)
    console.print(desks)
    lines = Table("log in as (SIP user)", "password", "line", title="Sister lines",
                  title_justify="left")  # fmt: skip
    for number, service in sister_lines.items():
        lines.add_row(f"sip-{number}", sister_line_secret(settings), service)
    if sister_lines:
        console.print(lines)
    console.print("Counselors dial *50 to log in, *51 to pause, *60 to log out.")
    console.print(f"Pages       https://{settings.console_address}:{settings.console_port}/")
    console.print("Orders      .venv/bin/python run_ivr.py workorders list")
    console.print(f"Logs        {settings.data_directory / 'log'}")
