"""Twilio, as one account sees it: numbers, calls, recordings, queues, parties and knobs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tests.twilio_stand_in.clock import Clock
from tests.twilio_stand_in.failures import INVALID_CONTENT_TYPE, Alert, DocumentFailed, HungUp
from tests.twilio_stand_in.fetching import Fetch
from tests.twilio_stand_in.interpreter import Source
from tests.twilio_stand_in.leg import Fallback, Leg, StatusCallback
from tests.twilio_stand_in.live import live
from tests.twilio_stand_in.party import Outcome, Party
from tests.twilio_stand_in.process import Process, Steps, Wait, sleep
from tests.twilio_stand_in.queue import Queue
from tests.twilio_stand_in.recording import Recordings
from tests.twilio_stand_in.verbs import VERBS, WAITING, WHISPER
from tests.twilio_stand_in.webhook import Exchange, Signing, Webhooks

ACCOUNT_SID = "AC" + "12355" * 6 + "00"
AUTH_TOKEN = "a token for tests"


def speech_seconds(text: str, language: str) -> float:
    """About four syllables a second; outside Chinese a word is about two."""
    return len(text) / 4 if language.lower().startswith(("zh", "cmn")) else len(text) / 12


@dataclass
class IncomingPhoneNumber:
    sid: str
    phone_number: str
    created: datetime
    voice_url: str
    voice_method: str = "POST"
    voice_fallback_url: str = ""
    voice_fallback_method: str = "POST"
    status_callback: str = ""
    status_callback_method: str = "POST"
    voice_caller_id_lookup: bool = False
    voice_application_sid: str = ""
    trunk_sid: str = ""
    friendly_name: str = ""


@dataclass(eq=False)
class Twilio:
    fetch: Fetch
    clock: Clock = field(default_factory=Clock)
    account_sid: str = ACCOUNT_SID
    auth_token: str = AUTH_TOKEN
    speech_seconds: Callable[[str, str], float] = speech_seconds
    audio_seconds: Callable[[str], float] = lambda url: 10.0
    beep_seconds: float = 0.5
    queued_seconds: float = 0.2
    # Seconds after which Enqueue's action follows the new document's request when the API
    # redirects a call in a queue; None: it goes first.
    enqueue_action_after: float | None = None
    # Dial says that a caller's hang-up ends the session; in the field its action is requested
    # nevertheless, so a server has to bear both.
    dial_action_after_hang_up: bool = False
    # Number, SequenceNumber: callbacks may arrive in another order than they were fired in; by
    # its address each can be kept back so many seconds.
    callback_delay: Callable[[str], float] = lambda url: 0.0

    api: str = "https://api.twilio.com/2010-04-01"
    numbers: dict[str, IncomingPhoneNumber] = field(default_factory=dict)
    parties: dict[str, Party] = field(default_factory=dict)
    calls: dict[str, Leg] = field(default_factory=dict)
    queues: dict[str, Queue] = field(default_factory=dict)
    # Who is in each conference, by its name.
    conferences: dict[str, list[Leg]] = field(default_factory=dict)
    # What Twilio's debugger would show, and requests that its API's description doesn't have.
    alerts: list[Alert] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    verbs = VERBS
    waiting_verbs = WAITING
    whisper_verbs = WHISPER

    def __post_init__(self) -> None:
        self.signing = Signing(self.auth_token)
        self.webhooks = Webhooks(self.clock, self.fetch, self.signing)
        self.recordings = Recordings(self)
        self._serial = itertools.count(1)

    # What a test sets up.

    def number(
        self, phone_number: str, voice_url: str, **settings: str | bool
    ) -> IncomingPhoneNumber:
        """A number of the account's; settings by the resource's names, as voice_fallback_url."""
        number = IncomingPhoneNumber(
            self.new_sid("PN"),
            phone_number,
            self.clock.now(),
            voice_url,
            **settings,  # type: ignore[arg-type]
        )
        self.numbers[phone_number] = number
        return number

    def party(
        self,
        address: str,
        outcome: Outcome = "answers",
        answers_after: float = 2.0,
        keys: Sequence[tuple[float, str]] = (),
        talks: float = 60.0,
        hangs_up: bool = True,
        hangs_up_after: float | None = None,
    ) -> Party:
        """Whoever can be called; an address that isn't registered fails."""
        party = Party(
            address, outcome, answers_after, keys, talks, hangs_up, hangs_up_after=hangs_up_after
        )
        self.parties[address] = party
        return party

    def incoming(self, from_: str, to: str, forwarded_from: str = "", caller_name: str = "") -> Leg:
        """Somebody calls one of the account's numbers."""
        number = self.numbers[to]
        # IncomingPhoneNumber, voice_url: not asked where an application or a trunk has the calls.
        if number.voice_application_sid or number.trunk_sid:
            raise NotImplementedError("the stand-in has no applications and no trunks")
        with self.clock.lock:
            leg = self.new_leg(from_, to, "inbound")
            leg.status = "ringing"
            leg.forwarded_from = forwarded_from
            # Request parameters, CallerName: only for numbers that look callers up.
            leg.caller_name = caller_name if number.voice_caller_id_lookup else ""
            if number.voice_fallback_url:
                leg.fallback = Fallback(number.voice_fallback_url, number.voice_fallback_method)
            if number.status_callback:
                leg.status_callback = StatusCallback(
                    number.status_callback, number.status_callback_method
                )
            leg.run(live(leg, Source(number.voice_url, number.voice_method), VERBS))
        return leg

    def outgoing(
        self,
        from_: str,
        to: str,
        source: Source,
        timeout: float = 60.0,
        status_callback: StatusCallback | None = None,
        fallback: Fallback | None = None,
    ) -> Leg:
        """A call made through the API, as its Calls resource does."""
        with self.clock.lock:
            leg = self.new_leg(from_, to, "outbound-api")
            leg.status_callback = status_callback
            leg.fallback = fallback
            leg.run(self._called(leg, source, timeout))
        return leg

    def _called(self, leg: Leg, source: Source, timeout: float) -> Steps[None]:
        party = self.parties.get(leg.to) or Party(leg.to, "failed")
        try:
            # Calls are queued first: the request that made one is answered before it begins.
            yield Wait(self.queued_seconds)
            refused = yield from party.ring(leg, timeout)
        except HungUp as end:
            refused = end.status or "no-answer"
        if refused is None:
            yield from live(leg, source, VERBS)
        else:
            leg.end(refused)

    def queue(self, name: str) -> Queue:
        """A queue by name, made when it is first spoken of."""
        if name not in self.queues:
            self.queues[name] = Queue(self.new_sid("QU"), name)
        return self.queues[name]

    # What a test reads or asks for.

    @property
    def exchanges(self) -> list[Exchange]:
        """Every request made to the server under test, in order."""
        return self.webhooks.exchanges

    def resend(self, exchange: Exchange, after: float = 0.0) -> None:
        """Send an earlier request again, exactly as it was; it comes last in `exchanges`."""

        def again() -> Steps[None]:
            yield from self.webhooks.resend(exchange)

        self.clock.after(after, Process(self.clock, again()).start)

    def expect_no_faults(self) -> None:
        """No alert and no fault: whatever is told in either is the server's mistake."""
        told = [f"{alert.code} {alert.text} ({alert.url})" for alert in self.alerts]
        told += self.faults
        assert not told, "\n".join(told)

    # What the parts of the stand-in need of it.

    def new_sid(self, prefix: str) -> str:
        return f"{prefix}{next(self._serial):032x}"

    def new_leg(self, from_: str, to: str, direction: str, parent: Leg | None = None) -> Leg:
        leg = Leg(self, self.new_sid("CA"), from_, to, direction, self.clock.now(), parent=parent)
        self.calls[leg.sid] = leg
        return leg

    def alert(self, code: int, text: str, url: str, leg: Leg) -> None:
        self.alerts.append(Alert(code, text, url, leg.sid, self.clock.now()))

    def notify(self, leg: Leg, url: str, method: str, parameters: Mapping[str, str]) -> None:
        """A request whose answer steers nothing; it goes out beside whatever the call does.

        TwiML for Programmable Voice, status callbacks: the answer is 204, or XML.
        """

        def request() -> Steps[None]:
            yield from sleep(self.callback_delay(url), self.clock)
            try:
                reply = yield from self.webhooks.request(url, method, parameters, leg.requests)
                if reply.status != 204 and "xml" not in reply.content_type:
                    self.alert(INVALID_CONTENT_TYPE, reply.content_type, url, leg)
            except DocumentFailed as failure:
                self.alert(failure.code, failure.text, failure.url, leg)

        Process(self.clock, request()).start()
