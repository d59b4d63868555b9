"""`run_ivr.py accounts …`: who may log in to the console; `knowledge …`: its cards.

The context's object carries `store` and `stations`. A password is typed or comes in on standard
input, never as an argument, which every user of the machine could read.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from config.database import Store
from console import passwords, sessions
from console.accounts import LANGUAGES, Account, AccountError, add, change, everybody, get, mistake
from console.knowledge import read_cards
from console.roles import Role
from routing.stations import Stations
from workorders.unified_fields import unified_fields

T = TypeVar("T")

NONE = ""
"""A system's password: none is ever kept so."""
PROBLEMS = {
    "short": f"the password needs {passwords.SHORTEST} characters at least",
    "long": f"the password has more than {passwords.LONGEST} characters",
    "name": "the password must not hold the account's name",
}


class Context(Protocol):
    """What these commands need of the command line's object."""

    @property
    def store(self) -> Store: ...

    @property
    def stations(self) -> Stations: ...


def _house() -> Context:
    house: Context = click.get_current_context().obj
    return house


def _write(work: Callable[[Connection], T]) -> T:
    try:
        return _house().store.write(work)
    except AccountError as error:
        raise click.ClickException(str(error)) from error


def _password(account_id: str) -> str:
    """As it is kept."""
    if sys.stdin.isatty():
        given = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        given = sys.stdin.readline().rstrip("\n")
    problem = passwords.problem(given, account_id)
    if problem:
        raise click.ClickException(PROBLEMS[problem])
    return passwords.kept(given)


def _account(account_id: str) -> Account:
    found = _house().store.read(lambda connection: get(connection, account_id))
    if found is None:
        raise click.ClickException(f"there is no account {account_id}")
    return found


@click.group("accounts")
def accounts() -> None:
    """Accounts of the console 工作台账号."""


@accounts.command("add")
@click.argument("account_id")
@click.option("--name", required=True, help="As others see it.")
@click.option("--role", required=True, type=click.Choice([str(role) for role in Role]))
@click.option("--station", required=True, help="Its node of the tree: 440100, centre-wuhan …")
@click.option("--unit", help="A partner's, as referral_targets of order_fields.yaml names it.")
@click.option("--language", type=click.Choice(list(LANGUAGES)), default="zh-CN", show_default=True)
def add_(
    account_id: str, name: str, role: str, station: str, unit: str | None, language: str
) -> None:
    """Add an account; its password is asked for, or read from standard input. A counselor's
    account has the id of the roster. A system has no password: see `tokens add`."""
    account = Account(account_id, name, Role(role), station, language, unit)
    wrong = mistake(account, _house().stations, unified_fields().referral_targets)
    if wrong:
        raise click.ClickException(wrong)
    system = account.role is Role.SYSTEM
    password = NONE if system else _password(account_id)
    _write(lambda connection: add(connection, account, password, datetime.now(UTC)))
    click.echo(f"{account_id} comes with tokens" if system else f"{account_id} may log in")


@accounts.command("list")
def list_() -> None:
    """List all accounts."""
    table = Table("id", "name", "role", "station", "unit", "language", "state")
    for who in _house().store.read(everybody):
        state = "disabled" if who.disabled else ""
        table.add_row(
            who.id, who.name, str(who.role), who.station, who.unit or "", who.language, state
        )
    Console(width=None if sys.stdout.isatty() else 160).print(table)


@accounts.command("disable")
@click.argument("account_id")
def disable(account_id: str) -> None:
    """Log an account out everywhere, and let it in no more."""

    def work(connection: Connection) -> None:
        change(connection, account_id, disabled_at=datetime.now(UTC))
        sessions.end_all(connection, account_id)

    _write(work)
    click.echo(f"{account_id} is disabled")


@accounts.command("password")
@click.argument("account_id")
def password(account_id: str) -> None:
    """Set a new password: asked for, or read from standard input. Ends the account's sessions, and
    lets a disabled one in again."""
    if _account(account_id).role is Role.SYSTEM:
        raise click.ClickException(f"{account_id} is a system: it comes with tokens")
    kept = _password(account_id)

    def work(connection: Connection) -> None:
        change(connection, account_id, password=kept, disabled_at=None)
        sessions.end_all(connection, account_id)

    _write(work)
    click.echo(f"{account_id} has a new password")


@click.group("knowledge")
def knowledge() -> None:
    """Scripts and knowledge 话术: the cards beside the form."""


@knowledge.command("check")
@click.argument("directory", required=False, type=click.Path(exists=True, path_type=Path))
@click.pass_context
def check(context: click.Context, directory: Path | None) -> None:
    """Say what is wrong with the cards of DIRECTORY (the configured ones, if not given), a line
    each."""
    found = read_cards(directory or context.obj.settings.knowledge_directory)
    for problem in found.problems:
        click.echo(problem)
    if found.problems:
        context.exit(1)
    click.echo(f"{len(found.cards)} cards are right")
