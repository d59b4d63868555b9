"""`run_ivr.py test-call`: try a counselor's telephone, by whichever carrier reaches it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import click

from ivr import synthetic_calls
from ivr.asterisk.ami import Ami
from ivr.asterisk.deployment import ami_secret
from ivr.asterisk.placing import AsteriskPlacing
from ivr.attempts import Attempts
from ivr.placed_calls import AlreadyRinging, Result
from ivr.placing import CannotRing, Placer, Placing
from ivr.rooms import Rooms
from ivr.twilio.addresses import Addresses
from ivr.twilio.placing import TwilioPlacing
from ivr.twilio.rest import TwilioRest

LOOK_SECONDS = 0.5
CONNECTED_SECONDS = 5.0


@click.command("test-call")
@click.argument("counselor_id", metavar="COUNSELOR")
@click.pass_obj
def test_call(rooms: Rooms, counselor_id: str) -> None:
    """Ring COUNSELOR's telephone, ask for a key, and say what came of it. The engine has to
    run."""
    with ExitStack() as open_until_then:
        placing = Placing(rooms.store, list(_placers(rooms, open_until_then)))
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


def _placers(rooms: Rooms, open_until_then: ExitStack) -> Iterator[Placer]:
    settings, store, keys = rooms.settings, rooms.store, rooms.log.keys
    attempts = Attempts(store, _now)
    if settings.asterisk:
        ami = Ami(settings.ami_address, settings.ami_user, ami_secret(settings))
        open_until_then.enter_context(_connected(ami))
        yield AsteriskPlacing(store, keys, attempts, ami, settings, _now)
    if settings.twilio_account_sid:
        assert settings.twilio_auth_token is not None
        token = settings.twilio_auth_token.get_secret_value()
        yield TwilioPlacing(
            store, keys, attempts, TwilioRest(settings.twilio_account_sid, token),
            Addresses(settings.twilio_public_address, keys.number), settings.twilio_caller_id,
            _now,
        )  # fmt: skip


@contextmanager
def _connected(ami: Ami) -> Iterator[None]:
    """Or not, where nobody answers: then nothing can be placed, which is told."""
    booted = threading.Event()
    ami.on_event("FullyBooted", lambda _headers: booted.set())
    ami.start()
    booted.wait(CONNECTED_SECONDS)
    try:
        yield
    finally:
        ami.stop()


def _now() -> datetime:
    return datetime.now(UTC)


def _pause() -> None:
    time.sleep(LOOK_SECONDS)
