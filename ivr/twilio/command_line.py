"""`run_ivr.py twilio …`: point numbers at us, what is wrong with it, and trying telephones."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime

import click
from twilio.base.exceptions import TwilioException
from twilio.rest import Client

from agents import roster
from config.settings import Settings
from config.twilio_numbers import load_twilio_numbers
from ivr.placed_calls import AlreadyRinging, Result
from ivr.rooms import Rooms
from ivr.twilio import access_tokens, synthetic_calls
from ivr.twilio.access_tokens import AccessTokens, NoToken
from ivr.twilio.account import point, wrong
from ivr.twilio.addresses import Addresses
from ivr.twilio.fallback import NobodyToRing
from ivr.twilio.fallback import fallback as document
from ivr.twilio.placing import Placing
from ivr.twilio.rest import TwilioRest
from ivr.twilio.synthetic_calls import CannotRing

LOOK_SECONDS = 0.5


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
            _client(settings), settings.twilio_account_sid, _addresses(rooms),
            settings.twilio_caller_id, numbers,
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
@click.option("--fallback", help="Where Twilio finds what `twilio fallback` prints, https://…")
@click.pass_obj
def setup(rooms: Rooms, number: str, fallback: str | None) -> None:
    """Point NUMBER (+86…), one of the account's, at this server."""
    settings = _on(rooms.settings)
    try:
        there = point(_client(settings), _addresses(rooms), number, fallback)
    except TwilioException as error:
        raise click.ClickException(f"Twilio refused: {getattr(error, 'msg', error)}") from None
    if not there:
        raise click.ClickException(f"{number} is no number of this account")
    click.echo(f"{number} reaches this server.")


@twilio.command("test-call")
@click.argument("counselor_id", metavar="COUNSELOR")
@click.pass_obj
def test_call(rooms: Rooms, counselor_id: str) -> None:
    """Ring COUNSELOR's telephone, ask for a key, and say what came of it. The engine has to
    run."""
    settings = _on(rooms.settings)
    placing = Placing(
        rooms.store, rooms.log.keys, _rest(settings), _addresses(rooms),
        settings.twilio_caller_id, _now,
    )  # fmt: skip
    try:
        call = synthetic_calls.ring(rooms.store, placing, counselor_id, _now, _pause)
    except CannotRing as error:
        raise click.ClickException(str(error)) from None
    except AlreadyRinging:
        raise click.ClickException(
            "that telephone is being rung already: try again in a minute"
        ) from None
    click.echo(synthetic_calls.told(call))
    if call.result != Result.ACCEPTED:
        sys.exit(1)


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
@click.pass_obj
def fallback(rooms: Rooms) -> None:
    """Print the document for a TwiML Bin: it serves callers when this server can't."""
    settings = rooms.settings
    numbers = (settings.crisis_last_resort_number, settings.last_resort_number)
    try:
        click.echo(document(numbers, settings.twilio_caller_id))
    except NobodyToRing as error:
        raise click.ClickException(str(error)) from None


def _on(settings: Settings) -> Settings:
    if not settings.twilio_account_sid:
        raise click.ClickException("Twilio is off: set IVR_TWILIO_ACCOUNT_SID")
    return settings


def _client(settings: Settings) -> Client:
    assert settings.twilio_auth_token is not None
    return Client(settings.twilio_account_sid, settings.twilio_auth_token.get_secret_value())


def _rest(settings: Settings) -> TwilioRest:
    assert settings.twilio_auth_token is not None
    return TwilioRest(settings.twilio_account_sid, settings.twilio_auth_token.get_secret_value())


def _now() -> datetime:
    return datetime.now(UTC)


def _pause() -> None:
    time.sleep(LOOK_SECONDS)


def _addresses(rooms: Rooms) -> Addresses:
    return Addresses(rooms.settings.twilio_public_address, rooms.log.keys.number)
