"""`run_ivr.py tokens …`: what programs show to the API.

The context's object carries `store`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from console import accounts
from console.accounts import AccountError
from console.api import tokens as kept
from console.api.openapi import described
from console.api.scopes import Scope
from console.command_line import Context
from workorders.canonical import SHANGHAI

T = TypeVar("T")

LONGEST_DAYS = 366


def _write(work: Callable[[Connection], T]) -> T:
    house: Context = click.get_current_context().obj
    try:
        return house.store.write(work)
    except AccountError as error:
        raise click.ClickException(str(error)) from error


@click.group("tokens")
def tokens() -> None:
    """Tokens of the JSON API 接口令牌."""


@tokens.command("add")
@click.argument("account_id")
@click.option(
    "--scope", "scopes", required=True, multiple=True, type=click.Choice([str(s) for s in Scope])
)
@click.option("--purpose", required=True, help="What it is for, as `list` shows it.")
@click.option(
    "--days", type=click.IntRange(1, LONGEST_DAYS), default=90, show_default=True,
    help="How long it is good.",
)  # fmt: skip
def add(account_id: str, scopes: tuple[str, ...], purpose: str, days: int) -> None:
    """Add a token of an account, and show it, this once."""
    at = datetime.now(UTC)

    def work(connection: Connection) -> str:
        account = accounts.get(connection, account_id)
        if account is None:
            raise AccountError(f"there is no account {account_id}")
        if account.disabled:
            raise AccountError(f"{account_id} is disabled")
        until = at + timedelta(days=days)
        return kept.add(connection, account, {*map(Scope, scopes)}, purpose, at, until)

    shown = _write(work)
    click.echo("Keep it now, it is not shown again:", err=True)
    click.echo(shown)


@tokens.command("list")
def list_() -> None:
    """List all tokens; what they are themselves nobody can say."""
    at = datetime.now(UTC)
    table = Table("id", "account", "scopes", "purpose", "until", "used", "state")
    for one in _write(kept.everyone):
        state = "" if one.opens(at) else "revoked" if one.revoked_at else "over"
        table.add_row(
            one.id, one.account.id, " ".join(sorted(one.scopes)), one.purpose,
            _day(one.expires_at), _day(one.used_at), state,
        )  # fmt: skip
    Console(width=None if sys.stdout.isatty() else 160).print(table)


@tokens.command("revoke")
@click.argument("token_id")
def revoke(token_id: str) -> None:
    """End a token at once, for good."""
    _write(lambda connection: kept.revoke(connection, token_id, datetime.now(UTC)))
    click.echo(f"{token_id} is revoked")


@tokens.command("describe")
def describe() -> None:
    """Print the API's description, OpenAPI 3.1."""
    click.echo(json.dumps(described(), ensure_ascii=False, indent=1))


def _day(at: datetime | None) -> str:
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d}" if at is not None else "never"
