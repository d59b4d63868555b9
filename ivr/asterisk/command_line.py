"""`run_ivr.py asterisk …`: install, configure and check Asterisk."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from ivr.asterisk import deployment, rotation
from ivr.asterisk.check import check as what_is_wrong
from ivr.asterisk.install import Installation, InstallFailed, find, install
from ivr.rooms import Rooms

WHERE = click.option(
    "--directory",
    type=click.Path(path_type=Path),
    help="Where the configuration is, as /etc/asterisk; ours, if not given.",
)


@click.group("asterisk")
def asterisk() -> None:
    """Asterisk: a private one, its configuration, and what is wrong with it."""


@asterisk.command("install")
@click.pass_obj
def install_private(rooms: Rooms) -> None:
    """Lay a private Asterisk beside our data, unless the machine has one: for trying and tests."""
    installation = find(rooms.settings.asterisk_directory)
    if installation is None:
        installation = install(rooms.settings.asterisk_directory, click.echo)
    click.echo(f"Asterisk {installation.version()}: {installation.program[-1]}")


@asterisk.command("conf")
@WHERE
@click.pass_obj
def write_conf(rooms: Rooms, directory: Path | None) -> None:
    """Write Asterisk's configuration from our settings, trunks and roster, and have a running
    Asterisk read it. Calls go on."""
    assembly = rooms.assembly
    assembly.import_roster(datetime.now(UTC))
    installation = _installation(rooms)
    where = directory or rooms.settings.asterisk_conf
    changed = deployment.write_conf(assembly, installation, where, callers=False)
    for name in changed:
        click.echo(f"written: {name}")
    if not changed:
        click.echo("Nothing changed.")
        return
    try:
        installation.tell(where, "core reload")
        click.echo("Asterisk has read it.")
    except InstallFailed:
        click.echo("Asterisk is not running: it reads this when it starts.")


@asterisk.command("new-passwords")
@WHERE
@click.pass_obj
def new_passwords(rooms: Rooms, directory: Path | None) -> None:
    """Give the telephones in browsers new passwords: the old ones are worth nothing from now on.
    Calls go on. `serve` does it twice a day; beside an Asterisk of your own have it done so."""
    where = directory or rooms.settings.asterisk_conf
    rotation.rotate(rooms.assembly, _installation(rooms), where, callers=False)
    click.echo("Asterisk has read them.")


@asterisk.command("check")
@WHERE
@click.pass_context
def check(context: click.Context, directory: Path | None) -> None:
    """Say in plain words what is wrong with the Asterisk we are to use."""
    rooms: Rooms = context.obj
    desks = deployment.accounts(rooms.assembly)
    problems = what_is_wrong(
        deployment.asterisk_settings(rooms.settings, desks, callers=False),
        desks,
        find(rooms.settings.asterisk_directory),
        directory or rooms.settings.asterisk_conf,
    )
    for problem in problems:
        click.echo(problem)
    if problems:
        context.exit(1)
    click.echo("Nothing wrong.")


def _installation(rooms: Rooms) -> Installation:
    found = find(rooms.settings.asterisk_directory)
    if found is None:
        raise InstallFailed("no Asterisk here: `run_ivr.py asterisk install` first")
    return found
