"""`run_ivr.py counselors …`: the roster, and who is there.

The context's object carries `store`, `stations` (a container of station ids) and `settings`
(`stations_directory`, `roster_file`, `trunks_file`). A running engine notices a change within its
next sweep.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol, TypeVar

import click
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from agents import presence, roster
from agents.counselor import HELD, State
from agents.roster import CONTACT_KINDS, PEOPLE_TIME, Counselor, Role, RosterError
from agents.roster_file import Entry, load_roster, mistakes
from config.database import Store
from config.topics import Topic, load_topics
from config.trunks import load_trunks
from config.yaml_file import describe, field_names

T = TypeVar("T")


class RosterSettings(Protocol):
    @property
    def stations_directory(self) -> Path: ...

    @property
    def roster_file(self) -> Path: ...

    @property
    def trunks_file(self) -> Path: ...


class Context(Protocol):
    """What these commands need of the command line's object."""

    @property
    def store(self) -> Store: ...

    @property
    def stations(self) -> Container[str]: ...

    @property
    def settings(self) -> RosterSettings: ...


def _house() -> Context:
    house: Context = click.get_current_context().obj
    return house


def _write(work: Callable[[Connection, datetime], T]) -> T:
    now = datetime.now(UTC)
    try:
        return _house().store.write(lambda connection: work(connection, now))
    except RosterError as error:
        raise click.ClickException(str(error)) from error


def _topics() -> Mapping[str, Topic]:
    return load_topics(_house().settings.stations_directory)


def _trunks() -> set[str]:
    return {trunk.name for trunk in load_trunks(_house().settings.trunks_file)}


@click.group("counselors")
def counselors() -> None:
    """Counselors 咨询员: who they are and who is there."""


@counselors.command("list")
@click.option("--station", help="Only this station's.")
def list_(station: str | None) -> None:
    """List everybody and what they are doing."""

    def work(connection: Connection) -> tuple[list[Counselor], dict[str, presence.Person]]:
        people = presence.present(connection, datetime.now(UTC))
        return roster.everybody(connection), {p.counselor.id: p for p in people}

    people, there = _house().store.read(work)
    today = datetime.now(PEOPLE_TIME).date()
    table = Table("id", "name", "number", "station", "role", "topics", "languages", "state")
    for who in people:
        if station is not None and who.station != station:
            continue
        present = there.get(who.id)
        state = str(present.state) if present else str(State.LOGGED_OUT)
        if present and present.reason:
            state += f" ({present.reason})"
        valid = who.valid_topics(today)
        topics = (t if t in valid else f"{t} (expired)" for t in sorted(who.topics))
        table.add_row(
            who.id,
            who.name,
            who.number,
            who.station,
            str(who.role),
            ", ".join(topics),
            ", ".join(sorted(who.languages)),
            state,
        )
    Console(width=None if sys.stdout.isatty() else 160).print(table)


@counselors.command("import")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
def import_(file: Path | None) -> None:
    """Add or change everybody in FILE (the configured roster, if not given)."""
    house = _house()
    people = load_roster(file or house.settings.roster_file, house.stations, _topics(), _trunks())

    def work(connection: Connection, at: datetime) -> None:
        for who in people:
            roster.add(connection, who, at)

    _write(work)
    click.echo(f"{len(people)} counselors")


class _Credential(click.ParamType[tuple[str, date]]):
    name = "topic=YYYY-MM-DD"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, date]:
        topic, _, day = value.partition("=")
        try:
            return topic, date.fromisoformat(day)
        except ValueError:
            self.fail(f"{value!r}: write law=2027-12-31", param, ctx)


class _Contact(click.ParamType[dict[str, str | None]]):
    name = "kind[:address[@trunk or Asterisk]]"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, str | None]:
        kind, _, where = value.partition(":")
        address, _, at = where.partition("@")
        if kind not in CONTACT_KINDS:
            self.fail(f"{kind!r}: one of {', '.join(CONTACT_KINDS)}", param, ctx)
        place = "trunk" if kind == "outside" else "asterisk"
        return {"kind": kind, "address": address or None, place: at or None}


@counselors.command("add")
@click.argument("counselor_id")
@click.option("--name", required=True)
@click.option("--number", required=True, help="Desk number, also the SIP account.")
@click.option("--station", required=True)
@click.option("--role", default="counselor", type=click.Choice([str(role) for role in Role]))
@click.option("--topic", "topics", multiple=True)
@click.option("--language", "languages", multiple=True, default=["zh-CN"], show_default=True)
@click.option("--credential", "credentials", multiple=True, type=_Credential())
@click.option("--contact", "contacts", multiple=True, type=_Contact(), default=["sip"])
def add(
    counselor_id: str,
    credentials: tuple[tuple[str, date], ...],
    **given: str | tuple[str, ...] | tuple[dict[str, str | None], ...],
) -> None:
    """Add somebody, or change all that is known of them."""
    topics = _topics()
    try:
        entry = Entry.model_validate(
            {"id": counselor_id, "credentials": dict(credentials), **given}
        )
    except ValidationError as error:
        known = field_names(Entry)
        raise click.ClickException(
            "\n".join(f"{p['loc'][0]}: {describe(p, known)}" for p in error.errors())
        ) from error
    wrong = [message for _, message in mistakes([entry], _house().stations, topics, _trunks())]
    if wrong:
        raise click.ClickException("\n".join(wrong))
    _write(lambda connection, at: roster.add(connection, entry.counselor(topics), at))
    click.echo(f"{counselor_id} is on the roster")


@counselors.command("remove")
@click.argument("counselor_id")
def remove(counselor_id: str) -> None:
    """Remove somebody who isn't on a call."""
    _write(lambda connection, at: roster.remove(connection, counselor_id, at))
    click.echo(f"{counselor_id} is removed")


@counselors.command("login")
@click.argument("counselor_id")
def login(counselor_id: str) -> None:
    """Make somebody available; also ends a pause or a wrap-up."""
    _tell(counselor_id, _write(lambda c, at: presence.log_in(c, counselor_id, at)))


@counselors.command("logout")
@click.argument("counselor_id")
def logout(counselor_id: str) -> None:
    """Log somebody out; on a call, after it."""
    _tell(counselor_id, _write(lambda c, at: presence.log_out(c, counselor_id, at)))


@counselors.command("pause")
@click.argument("counselor_id")
@click.option("--reason", default="break", show_default=True)
def pause(counselor_id: str, reason: str) -> None:
    """Pause somebody; on a call, after it."""
    _tell(counselor_id, _write(lambda c, at: presence.pause(c, counselor_id, reason, at)))


def _tell(counselor_id: str, state: State) -> None:
    later = ", as soon as the call is over" if state in HELD else ""
    click.echo(f"{counselor_id}: {state}{later}")
