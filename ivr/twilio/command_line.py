"""`run_ivr.py twilio …`: point numbers at us, what is wrong with it, and what rings there."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime

import click

from agents import roster
from config.settings import Settings
from config.twilio_numbers import load_twilio_numbers
from ivr.rooms import Rooms
from ivr.twilio import access_tokens
from ivr.twilio.access_tokens import AccessTokens, NoToken
from ivr.twilio.account import looking, point, reason, wrong
from ivr.twilio.addresses import Addresses
from ivr.twilio.fallback import NobodyToRing, accepting, connecting
from ivr.twilio.fallback import fallback as ringing
from ivr.twilio.rest import FAILURES, client

BIN = "https://handler.twilio.com/twiml/EH…"


def _address(_context: click.Context, _option: click.Parameter, given: str | None) -> str | None:
    if given is not None and not re.fullmatch(r"https://[\x21-\x7e]+", given):
        raise click.BadParameter(f"an address is needed, as {BIN} (all of it)")
    return given


@click.group("twilio")
def twilio() -> None:
    """Twilio: the second carrier, off unless IVR_TWILIO_ACCOUNT_SID is set."""


@twilio.command("check")
@click.pass_obj
def check(rooms: Rooms) -> None:
    """Say what is wrong with account, numbers and addresses."""
    settings = _on(rooms.settings)
    stations = rooms.stations
    numbers = load_twilio_numbers(
        settings.twilio_numbers_file,
        lambda number: stations.serves(number, settings.default_access_number),
    )
    lines = [
        *wrong(
            client(*_login(settings)), settings.twilio_account_sid, _addresses(rooms),
            settings.twilio_caller_id, numbers, looking(*_login(settings)),
        ),
        *access_tokens.wrong(settings, rooms.store.read(roster.everybody)),
    ]  # fmt: skip
    for line in lines:
        click.echo(line)
    if lines:
        sys.exit(1)
    click.echo(f"{len(numbers)} numbers reach this server.")


@twilio.command("setup")
@click.argument("number")
@click.option(
    "--fallback", callback=_address, help="Where the last document of `twilio fallback` is"
)
@click.pass_obj
def setup(rooms: Rooms, number: str, fallback: str | None) -> None:
    """Point NUMBER (+86…), one of the account's, at this server."""
    settings = _on(rooms.settings)
    try:
        there = point(client(*_login(settings)), _addresses(rooms), number, fallback)
    except FAILURES as error:
        raise click.ClickException(
            f"Twilio refuses it or can't be reached: {reason(error)}"
        ) from None
    if not there:
        raise click.ClickException(f"{number} is no number of this account")
    click.echo(f"{number} reaches this server.")


@twilio.command("token")
@click.argument("counselor_id", metavar="COUNSELOR")
@click.pass_obj
def token(rooms: Rooms, counselor_id: str) -> None:
    """Print what COUNSELOR's browser shows Twilio to be rung, for trying one by hand. Whoever has
    it is rung as COUNSELOR for ten minutes."""
    settings = _on(rooms.settings)
    try:
        tokens = AccessTokens.of(settings)
        identity = access_tokens.identity_of(rooms.store.read(roster.everybody), counselor_id)
    except NoToken as error:
        raise click.ClickException(str(error)) from None
    click.echo(tokens.token(identity, _now()))


@twilio.command("fallback")
@click.option("--connect", "connect_at", callback=_address, help="Where the first one is")
@click.option("--accept", "accept_at", callback=_address, help="Where the second one is")
@click.pass_obj
def fallback(rooms: Rooms, connect_at: str | None, accept_at: str | None) -> None:
    """Print the three documents that serve callers when this server can't, one at a time.

    Each is put into a TwiML Bin of its own, and the next one is printed for that Bin's address.
    """
    if connect_at is not None and accept_at is not None:
        raise click.UsageError("one document at a time: --connect first, then --accept")
    settings = rooms.settings
    try:
        # Whoever has nobody to ring learns it before the first Bin.
        last = ringing(settings.twilio_fallback, settings.twilio_caller_id, accept_at or BIN)
    except NobodyToRing as error:
        raise click.ClickException(str(error)) from None
    if accept_at is not None:
        name, document, then = "12355 fallback", last, "setup +86… --fallback"
    elif connect_at is not None:
        name, document, then = "12355 accept", accepting(connect_at), "fallback --accept"
    else:
        name, document, then = "12355 connect", connecting(), "fallback --connect"
    click.echo(document)
    # Beside the document, which a pipe takes alone.
    click.echo(f'Put this into a new TwiML Bin, "{name}". Then, with its address:', err=True)
    click.echo(f"run_ivr.py twilio {then} {BIN}", err=True)


def _on(settings: Settings) -> Settings:
    if not settings.twilio_account_sid:
        raise click.ClickException("Twilio is off: set IVR_TWILIO_ACCOUNT_SID")
    return settings


def _login(settings: Settings) -> tuple[str, str]:
    assert settings.twilio_auth_token is not None
    return settings.twilio_account_sid, settings.twilio_auth_token.get_secret_value()


def _now() -> datetime:
    return datetime.now(UTC)


def _addresses(rooms: Rooms) -> Addresses:
    return Addresses(rooms.settings.twilio_public_address, rooms.log.keys.number)
