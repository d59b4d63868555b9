"""`run_ivr.py callers …`: what supervisors say of a number. It takes effect with the number's next
call.

The context's object carries `store` and `log`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import click
from sqlalchemy import Connection

from agents import roster
from agents.roster import PEOPLE_TIME, Role
from config.database import Store
from config.instants import When
from ivr.caller_number import e164
from workorders import number_flags
from workorders.log import Log
from workorders.number_flags import Flag, Kind
from workorders.personal import caller_hash, masked


class Context(Protocol):
    """What these commands need of the command line's object."""

    @property
    def store(self) -> Store: ...

    @property
    def log(self) -> Log: ...


def _house() -> Context:
    house: Context = click.get_current_context().obj
    return house


class _Number(click.ParamType[str]):
    name = "number"

    def convert(self, value: object, param: object, ctx: object) -> str:
        number = e164(str(value), None)
        if number is None:
            self.fail(f"{value!r} is no caller's own number: write +8613800138000")
        return number


_number = click.argument("number", type=_Number())
_kind = click.option("--kind", required=True, type=click.Choice([str(kind) for kind in Kind]))
_reason = click.option("--reason", required=True)
_by = click.option("--by", required=True, help="A supervisor's counselor id.")


@click.group("callers")
def callers() -> None:
    """Numbers: raised, slowed or shared, by a supervisor's word with an end."""


@callers.command("flag")
@_number
@_kind
@click.option("--until", required=True, type=When(), help="For slowed at most 24 hours from now.")
@_reason
@_by
def flag(number: str, kind: str, until: datetime, reason: str, by: str) -> None:
    """Set a word about NUMBER. raised: its calls go before normal ones. slowed: after harassment,
    last of the ordinary ones; its star key counts all the same. shared: a trunk's, a school's,
    12345's: never taken for an earlier caller. not_called: no request of the callers' page rings
    it."""

    def work(connection: Connection, number_hash: bytes, now: datetime) -> Flag:
        return number_flags.say(connection, number_hash, Kind(kind), now, until, by, reason)

    said = _write(number, by, work)
    click.echo(f"{masked(number)} is {said.kind} until {_told(said.until)} (flag {said.id})")


@callers.command("lift")
@_number
@_kind
@_reason
@_by
def lift(number: str, kind: str, reason: str, by: str) -> None:
    """End a word about NUMBER before its time."""

    def work(connection: Connection, number_hash: bytes, now: datetime) -> Flag:
        return number_flags.lift(connection, number_hash, Kind(kind), now, by, reason)

    said = _write(number, by, work)
    click.echo(f"{masked(number)} is no longer {said.kind} (flag {said.id})")


@callers.command("flags")
@_number
def flags(number: str) -> None:
    """Show every word about NUMBER, those that hold now marked."""
    house, now = _house(), datetime.now(UTC)
    number_hash = caller_hash(house.log.keys, number)

    def work(connection: Connection) -> tuple[list[Flag], list[Flag]]:
        said = list(number_flags.history(connection, number_hash))
        return said, list(number_flags.in_force(connection, number_hash, now).values())

    said, holding = house.store.read(work)
    if not said:
        click.echo(f"nobody has said anything of {masked(number)}")
    for word in said:
        end = "lifted" if word.until == word.at else f"until {_told(word.until)}"
        mark = "holds" if word in holding else ""
        what = f"{word.kind:7} {end:22} {mark:5} {word.by}: {word.reason}"
        click.echo(f"{word.id:4} {_told(word.at)} {what}")


def _write(number: str, by: str, work: Callable[[Connection, bytes, datetime], Flag]) -> Flag:
    house, now = _house(), datetime.now(UTC)

    def checked(connection: Connection) -> Flag:
        who = roster.get(connection, by)
        if who is None or who.role is not Role.SUPERVISOR:
            raise ValueError(f"--by {by}: no supervisor of the roster")
        return work(connection, caller_hash(house.log.keys, number), now)

    try:
        return house.store.write(checked)
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def _told(at: datetime) -> str:
    return f"{at.astimezone(PEOPLE_TIME):%Y-%m-%d %H:%M}"
