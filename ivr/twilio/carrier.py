"""Twilio beside the engine: the server for its webhooks, wake-ups, and what is looked after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import structlog
from flask import Flask

from config.database import StoreUnavailable
from config.settings import Settings
from config.topics import load_topics
from config.twilio_numbers import load_twilio_numbers
from ivr.assembly import Assembly
from ivr.callback_attempts import PURPOSE
from ivr.callback_placing import CallbackPlacing
from ivr.controller import Controller
from ivr.purposes import SYNTHETIC, attempts
from ivr.sessions import CallRow
from ivr.transaction import Woken
from ivr.twilio.addresses import Addresses
from ivr.twilio.asked_in_legs import AskedInLegs
from ivr.twilio.callbacks import TwilioCallbacks
from ivr.twilio.calls import CARRIER, Calls, call_id
from ivr.twilio.desk_work import TwilioDeskWork
from ivr.twilio.fetching import fetch_all
from ivr.twilio.placed_legs import Leg, PlacedLegs, SyntheticLeg
from ivr.twilio.placing import TwilioPlacing
from ivr.twilio.provisions import TwilioProvisions
from ivr.twilio.rest import TwilioRest, TwilioUnavailable
from ivr.twilio.signatures import Signatures
from ivr.twilio.sounds import TwilioSounds
from ivr.twilio.twiml import QUEUE, Twiml
from ivr.twilio.webhooks import LARGEST_BODY, application
from ivr.web_server import WebServer
from recordings.prompts import PromptCache

log = structlog.get_logger()

THREADS = 16
RELEASES = 4
"""Requests to REST at a time that send waiting calls on."""
LOOKED_AFTER = timedelta(minutes=2)
"""A call that is older is looked for: Twilio may have ended it and not have told."""
FIRST_LOOK = timedelta(days=1)
"""How far back calls are looked for that came while we were down."""
TALKS_FOR_CERTAIN = timedelta(seconds=20)
"""What is said to who has picked up, and their key, are over by then."""
OVERLAP = timedelta(minutes=5)
"""Twilio's list may be late with a call."""


class TwilioCarrier:
    """Serves Twilio's calls for one engine. `application` is the webhooks' server.

    :param rest: Twilio's REST side; None: the one of the settings' account.
    """

    def __init__(
        self,
        assembly: Assembly,
        controller: Controller,
        now: Callable[[], datetime],
        rest: TwilioRest | None = None,
    ) -> None:
        settings = assembly.settings
        assert settings.twilio_auth_token is not None
        token = settings.twilio_auth_token.get_secret_value()
        secret = settings.twilio_shared_key
        shared_key = secret.get_secret_value() if secret else ""
        self._assembly = assembly
        self._controller = controller
        self._now = now
        self._rest = rest or TwilioRest(settings.twilio_account_sid, token)
        self.addresses = Addresses(settings.twilio_public_address, assembly.log.keys.number)
        prompts = PromptCache(settings.prompts_directory, settings.recorded_prompts_directory)
        self._sounds = TwilioSounds(prompts, settings.data_directory / "twilio-sounds")
        numbers = load_twilio_numbers(settings.twilio_numbers_file, controller.house.serves)
        self._numbers = numbers
        topics = load_topics(settings.stations_directory)
        twiml = Twiml(self.addresses, self._sounds, settings.twilio_caller_id)
        provisions = TwilioProvisions(assembly, controller, numbers, topics)
        self._calls = Calls(controller, provisions, twiml, now)
        ours = attempts(assembly, controller, now)
        self.placing = TwilioPlacing(
            assembly.store,
            assembly.log.keys,
            ours,
            self._rest,
            self.addresses,
            settings.twilio_caller_id,
            now,
        )
        self.desk_work = TwilioDeskWork(
            controller,
            provisions,
            self._rest,
            self.addresses,
            settings.twilio_caller_id,
            now,
        )
        calling_back = CallbackPlacing(controller, self.placing, CARRIER, topics, now)
        self.place_callbacks = calling_back.place_held
        callbacks = TwilioCallbacks(controller, calling_back, twiml, now)
        legs: dict[str, Leg] = {
            purpose: SyntheticLeg(ours, twiml, words, thanks)
            for purpose, (words, thanks) in SYNTHETIC.items()
        }
        self.application: Flask = application(
            self._calls,
            PlacedLegs(ours, twiml, {PURPOSE: callbacks, **legs}),
            callbacks,
            AskedInLegs(controller, twiml, provisions.accept_words(), now),
            Signatures(
                settings.twilio_public_address, settings.twilio_account_sid, token, shared_key
            ),
            self.addresses,
            self._sounds.file,
        )
        self._looked_until = now() - FIRST_LOOK
        self.settled = False
        """Has it been looked who talks with whom since the start? Before, a talking counselor's
        lease may seem to be over."""
        self._seen_ended: set[tuple[str, int]] = set()
        """Calls that were over at the last look, and the turn they stood in."""
        self._releases = ThreadPoolExecutor(RELEASES, thread_name_prefix="twilio-release")

    @property
    def jobs(self) -> Sequence[tuple[Callable[[], None], int]]:
        """What is to be done again and again, every so many seconds."""
        return (
            (self.tick, 1),
            (self.desk_work.look, 1),
            (self.desk_work.look_after_conferences, 5),
            (self.fetch_recordings, 15),
            (self.placing.reconcile, 15),
            (self.place_callbacks, 1),
            (self.note_talks, 10),
            (self.reconcile, 60),
        )

    @property
    def alive(self) -> bool:
        """Does the server of its webhooks still run?"""
        return self._server.alive

    def start(self) -> None:
        """Listen for Twilio."""
        self.prepare()
        self._server = webhook_server(self.application, self._assembly.settings)
        self._server.start()
        self._releases.submit(self.note_talks)

    def stop(self) -> None:
        self._server.stop()
        self.close()

    def prepare(self) -> None:
        """Before the first call."""
        self._sounds.prepare()

    def wake(self, woken: Woken) -> None:
        """Send a waiting call on. A hint: where REST fails, the call looks by itself."""
        self._releases.submit(self.release, woken)

    def release(self, woken: Woken) -> None:
        """Out of the queue. A call that isn't in it is left alone: its telephone rings already, or
        the fallback serves it, who knows since when; or it is in a menu, which is over soon."""
        try:
            if self._controller.slept_on(woken):
                address = self.addresses.reserved(woken.turn)
                self._rest.dequeue(woken.channel, QUEUE, address)
        except (TwilioUnavailable, StoreUnavailable) as error:
            log.error("twilio_release_failed", call_id=woken.call_id, reason=str(error))

    def tick(self) -> None:
        """Time has passed."""
        self._calls.met()

    def fetch_recordings(self) -> None:
        """Copy messages here, delete them there."""
        folder = self._assembly.settings.recordings_directory
        fetch_all(self._assembly.store, self._rest, folder, self._now)

    def reconcile(self) -> None:
        """Calls that Twilio has ended and not told of are over; those that the fallback served
        and that never reached us have an order."""
        try:
            self._end_untold()
            self._open_unheard()
        except TwilioUnavailable as error:
            log.error("twilio_not_asked", reason=str(error))

    def note_talks(self) -> None:
        """Who has talked for a while, and the engine that was to note it is gone: their lease must
        not run out. Whoever hasn't accepted is hung up on long before."""
        try:
            self._note_talks()
        except TwilioUnavailable as error:
            log.error("twilio_not_asked", reason=str(error))
        finally:
            self.settled = True

    def _note_talks(self) -> None:
        now = self._now()
        for call in self._open_calls():
            if self._controller.answer_unknown(call.call_id):
                for leg in self._rest.talking(call.channel):
                    if now - leg.since > TALKS_FOR_CERTAIN:
                        self._calls.talks(call, leg.to, leg.since)

    def _open_unheard(self) -> None:
        now = self._now()
        for call in self._rest.ended_since(self._looked_until - OVERLAP):
            told = {
                "CallSid": call.sid, "From": call.from_, "To": call.to, "CallStatus": call.status
            }  # fmt: skip
            if call.to in self._numbers and self._controller.standing(call_id(told)) is None:
                log.error("twilio_call_unheard", call_id=call_id(told))
                self._calls.status(told)
        self._looked_until = now

    def _end_untold(self) -> None:
        now = self._now()
        seen: set[tuple[str, int]] = set()
        for call in self._open_calls():
            if now - call.offered_at < LOOKED_AFTER:
                continue
            ended = self._rest.ended(call.channel)
            if ended and (call.call_id, call.turn) not in self._seen_ended:
                # Its last request may be on its way: a message's, above all.
                seen.add((call.call_id, call.turn))
            elif ended:
                log.error("twilio_call_ended_untold", call_id=call.call_id)
                message = self._rest.message(call.channel)
                if message is not None:
                    self._calls.message_found(call, *message)
                self._controller.hung_up(call.call_id, now)
        self._seen_ended = seen

    def _open_calls(self) -> list[CallRow]:
        return [call for call in self._controller.open_calls() if call.carrier == CARRIER]

    def close(self) -> None:
        self._releases.shutdown(wait=False)


def webhook_server(app: Flask, settings: Settings) -> WebServer:
    """A proxy with a certificate stands before it."""
    return WebServer(
        CARRIER, app, port=settings.twilio_port, threads=THREADS, largest_body=LARGEST_BODY
    )
