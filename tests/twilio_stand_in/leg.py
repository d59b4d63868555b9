"""One leg of a call: who, in which state, what its far end heard, and what the far end does."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

from tests.twilio_stand_in.clock import Clock
from tests.twilio_stand_in.failures import HungUp
from tests.twilio_stand_in.geography import country_of
from tests.twilio_stand_in.process import Process, Steps, Wait
from tests.twilio_stand_in.webhook import Exchange

if TYPE_CHECKING:
    from tests.twilio_stand_in.account import Twilio

API_VERSION = "2010-04-01"
EVENTS = {
    "initiated": "initiated",
    "ringing": "ringing",
    "in-progress": "answered",
}


@dataclass
class Heard:
    """Something in the far end's ear: say, play, beep, tones, silence, ringing, music, talk."""

    kind: str
    content: str
    start: datetime
    end: datetime | None = None
    language: str = ""
    voice: str = ""

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds() if self.end else 0.0


@dataclass(frozen=True)
class Sound:
    """Something to hear, so long; None is without end."""

    kind: str
    content: str
    seconds: float | None
    language: str = ""
    voice: str = ""


@dataclass(frozen=True)
class Key:
    digit: str


@dataclass(frozen=True)
class Spoke:
    """The far end began to speak."""


@dataclass(frozen=True)
class StatusCallback:
    url: str
    method: str = "POST"
    # Number, Client, Calls: only the end is reported unless other events are asked for.
    events: tuple[str, ...] = ("completed",)


@dataclass(frozen=True)
class Fallback:
    """Where a document comes from when the one asked for fails."""

    url: str
    method: str = "POST"


@dataclass(eq=False)
class Leg:
    twilio: Twilio
    sid: str
    from_: str
    to: str
    direction: str
    created: datetime
    status: str = "queued"
    parent: Leg | None = None
    status_callback: StatusCallback | None = None
    fallback: Fallback | None = None
    forwarded_from: str = ""
    caller_name: str = ""
    answered: datetime | None = None
    ended: datetime | None = None
    heard: list[Heard] = field(default_factory=list)
    requests: list[Exchange] = field(default_factory=list)
    when_ended: Callable[[], None] = lambda: None
    speaks_from: float = math.inf
    speaks_until: float = -math.inf
    silent: bool = False
    _sequence: int = 0
    _process: Process | None = None

    @property
    def clock(self) -> Clock:
        return self.twilio.clock

    def run(self, steps: Steps[None]) -> None:
        self._process = Process(self.clock, steps)
        self._process.start()

    @property
    def process(self) -> Process:
        assert self._process is not None, "the leg has not begun"
        return self._process

    # What the far end does.

    def press(self, keys: str, after: float = 0.0) -> None:
        """Press keys; while Twilio listens to nobody they are lost."""
        self.clock.after(after, lambda: self._press(keys)) if after else self._press(keys)

    def _press(self, keys: str) -> None:
        with self.clock.lock:
            for digit in keys:
                if self.process.waiting:
                    self.process.signal(Key(digit))

    def hang_up(self, after: float = 0.0) -> None:
        if after:
            self.clock.after(after, self.hang_up)
            return
        with self.clock.lock:
            self.process.interrupt(HungUp())

    def speak(self, seconds: float) -> None:
        """Speak from now on; matters to Record, which ends after silence."""
        with self.clock.lock:
            self.speaks_from = self.clock.elapsed
            self.speaks_until = self.clock.elapsed + seconds
            self.process.signal(Spoke())

    def end_silently(self) -> None:
        """The call is over and Twilio never says so: no callback, no further request."""
        with self.clock.lock:
            self.silent = True
            self.process.interrupt(HungUp())

    # What it hears.

    def hear(self, sound: Sound, barge_in: bool = False) -> Steps[Key | None]:
        """Play the sound to its end, or to a key where keys may interrupt it."""
        heard = Heard(
            sound.kind, sound.content, self.clock.now(), None, sound.language, sound.voice
        )
        self.heard.append(heard)
        end = math.inf if sound.seconds is None else self.clock.elapsed + sound.seconds
        try:
            while (left := end - self.clock.elapsed) > 0:
                signal = yield Wait(None if math.isinf(left) else left)
                if barge_in and isinstance(signal, Key):
                    return signal
            return None
        finally:
            heard.end = self.clock.now()

    @property
    def said(self) -> list[str]:
        return [heard.content for heard in self.heard if heard.kind == "say"]

    def has_heard(self, content: str) -> bool:
        return any(content in heard.content for heard in self.heard)

    # Its state.

    def answer(self) -> None:
        if self.answered is None:
            self.answered = self.clock.now()
            self.progress("in-progress")

    def progress(self, status: str) -> None:
        self.status = status
        self._report(EVENTS[status], {})

    def end(self, status: str) -> None:
        if self.ended is not None:
            return
        # CallStatus values, canceled: a call that never left the queue ends without callbacks.
        self.silent = self.silent or (self.status == "queued" and status == "canceled")
        self.status = status
        self.ended = self.clock.now()
        self.process.stop()
        self._report("completed", {"CallDuration": str(self.duration)})
        self.when_ended()

    @property
    def duration(self) -> int:
        """Seconds from answer to end."""
        if self.answered is None or self.ended is None:
            return 0
        return math.ceil((self.ended - self.answered).total_seconds())

    def _report(self, event: str, more: dict[str, str]) -> None:
        callback = self.status_callback
        if callback is None or self.silent:
            return
        if event in callback.events:
            # Number, status callbacks: the TwiML request's parameters and these.
            parameters = {
                **self.parameters(),
                **more,
                "Timestamp": format_datetime(self.clock.now()),
                "CallbackSource": "call-progress-events",
                "SequenceNumber": str(self._sequence),
            }
            self._sequence += 1
            self.twilio.notify(self, callback.url, callback.method, parameters)

    def parameters(self) -> dict[str, str]:
        """TwiML for Programmable Voice, request parameters: these go with every request."""
        optional = {
            "ParentCallSid": self.parent.sid if self.parent else "",
            "ForwardedFrom": self.forwarded_from,
            "CallerName": self.caller_name,
            "FromCountry": country_of(self.from_),
            "ToCountry": country_of(self.to),
        }
        return {
            "CallSid": self.sid,
            "AccountSid": self.twilio.account_sid,
            "From": self.from_,
            "To": self.to,
            "CallStatus": self.status,
            "ApiVersion": API_VERSION,
            "Direction": self.direction,
            **{name: value for name, value in optional.items() if value},
        }
