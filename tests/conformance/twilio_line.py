"""Calls of the stand-in for Twilio: the real webhooks behind it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from lxml import etree

from callflows.events import DialResult
from callflows.verbs import Dial, Verb
from ivr.simulated_caller import Telephone
from ivr.transaction import Woken
from ivr.twilio.carrier import TwilioCarrier
from ivr.twilio.rest import TwilioRest
from ivr.twilio.sounds import MUSIC_SECONDS
from tests.conformance.line import VOICE_SECONDS, Call, TelephoneLine
from tests.conformance.world import ACCESS_NUMBER, DUTY_PHONE, ENTRIES, NUMBER, PEOPLE, PUBLIC
from tests.twilio_stand_in import Twilio, over_flask
from tests.twilio_stand_in.fetching import Reply
from tests.twilio_stand_in.leg import Leg
from tests.twilio_stand_in.party import Outcome
from tests.twilio_stand_in.rest import InProcessHttpClient, RestApi
from tests.twilio_stand_in.webhook import Exchange

ANONYMOUS = "+266696687"
"""What Twilio gives for a number that the caller withholds."""
NOT_OURS = "+862099999000"
ACCEPTS_AFTER = 1.0
OUTCOMES: Mapping[DialResult, Outcome] = {
    DialResult.ANSWERED: "answers",
    DialResult.LOST: "answers",
    DialResult.NO_ANSWER: "no-answer",
    DialResult.BUSY: "busy",
    DialResult.DECLINED: "declines",
    DialResult.UNREACHABLE: "failed",
    DialResult.CONGESTION: "failed",
}
TOLD = (
    "CallStatus", "Digits", "QueueResult", "QueueTime", "DialCallStatus", "DialBridged",
    "DialCallDuration", "RecordingDuration", "CallDuration",
)  # fmt: skip
"""Parameters worth reading: the others stand in every request, or name something."""


class TwilioLine(TelephoneLine):
    """As the documentation says: nothing is told of a Dial that the caller has left."""

    carrier = "twilio"
    tells_of_dials_left: ClassVar[bool] = False
    tone_after = 1.5
    """The Gather around the words listens for a second more; then half a second of tone."""

    def _open(self) -> None:
        self.twilio = Twilio(
            self._fetch,
            clock=self.clock,
            speech_seconds=lambda text, language: VOICE_SECONDS,
            audio_seconds=lambda url: MUSIC_SECONDS,
            dial_action_after_hang_up=self.tells_of_dials_left,
        )
        api = RestApi(self.twilio)
        settings = self.assembly.settings
        self._carrier = TwilioCarrier(
            self.assembly,
            self.controller,
            self.clock.now,
            TwilioRest(
                settings.twilio_account_sid,
                self.twilio.auth_token,
                InProcessHttpClient(api),
            ),
        )
        self._inside = over_flask(self._carrier.application)
        addresses = self._carrier.addresses
        for number in (NUMBER, NOT_OURS):
            self.twilio.number(number, addresses.call, status_callback=addresses.status)
        self._look_after()

    def _look_after(self) -> None:
        """As the engine does each second."""
        self._carrier.tick()
        self.after(1, self._look_after)

    def run_until_over(self) -> None:
        super().run_until_over()
        self.twilio.expect_no_faults()

    def __exit__(self, *failure: object) -> None:
        self._carrier.close()
        super().__exit__(*failure)

    def bring(self, number: str | None, access_number: str) -> None:
        to = NUMBER if access_number == ACCESS_NUMBER else NOT_OURS
        self.twilio.incoming(number or ANONYMOUS, to)

    def wake(self, woken: Woken) -> None:
        self.after(0, lambda: self._carrier.release(woken))

    def conversation(self) -> str:
        return "\n".join(self._readable(exchange) for exchange in self.twilio.exchanges)

    def _fetch(
        self, method: str, url: str, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> Reply:
        return self._inside(method, "http://inside:8090" + url.removeprefix(PUBLIC), form, headers)

    def press(self, call_id: str, key: str) -> None:
        self._leg(call_id).press(key)

    def hang_up(self, call_id: str) -> None:
        self._leg(call_id).hang_up()

    def speak(self, call_id: str, seconds: float) -> None:
        self._leg(call_id).speak(seconds)

    def _perform(self, call_id: str, call: Call, verbs: tuple[Verb, ...]) -> None:
        if isinstance(verbs[-1], Dial):
            self._parties()
        super()._perform(call_id, call, verbs)

    def _leg(self, call_id: str) -> Leg:
        return self.twilio.calls[call_id.removeprefix("twilio-")]

    def _parties(self) -> None:
        for person in PEOPLE:
            for contact in person.contacts:
                if contact.kind == "twilio_client":
                    self._party(f"client:{contact.address}", self.telephone(person.id), False)
        for entry_id in ENTRIES:
            number = self.assembly.directory.entry(entry_id).number
            self._party(number, self.telephone(entry_id), entry_id == DUTY_PHONE)

    def _party(self, address: str, telephone: Telephone, accepts: bool) -> None:
        self.twilio.party(
            address,
            OUTCOMES[telephone.result],
            answers_after=telephone.after,
            keys=[(ACCEPTS_AFTER, "1")] if accepts else [],
            talks=telephone.talks,
        )

    def _readable(self, exchange: Exchange) -> str:
        seconds = int((exchange.at - self.clock.begin).total_seconds())
        told = " ".join(f"{name}={exchange.form[name]}" for name in TOLD if name in exchange.form)
        path = exchange.url.removeprefix(PUBLIC)
        head = f"# {seconds // 60:02}:{seconds % 60:02} {exchange.method} {path} {told}"
        assert exchange.reply is not None
        body = exchange.reply.body
        if not body:
            return f"{head}\n{exchange.reply.status}\n"
        text = etree.tostring(
            etree.fromstring(body), pretty_print=True, encoding="unicode"
        ).replace(PUBLIC, "")
        return f"{head}\n{re.sub(r'/sound/[0-9a-f]{32}/', '/sound/signature/', text)}"


class TellingTwilioLine(TwilioLine):
    """As it is in the field."""

    carrier = "twilio in the field"
    tells_of_dials_left = True
