"""Recordings: made by Record and Dial, kept by the account, ready a little after their end."""

from __future__ import annotations

import io
import math
import wave
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.twilio_stand_in.account import Twilio
    from tests.twilio_stand_in.leg import Leg

RATE = 8000


@dataclass(frozen=True)
class RecordingCallback:
    url: str
    method: str
    events: tuple[str, ...]


@dataclass
class Recording:
    sid: str
    leg: Leg
    url: str
    source: str
    channels: int
    callback: RecordingCallback | None
    started: datetime
    began: float
    status: str = "in-progress"
    raw_seconds: int = 0
    seconds: int = 0

    @property
    def media(self) -> bytes:
        """As many seconds of silence as it has, as a WAV file."""
        file = io.BytesIO()
        with wave.open(file, "wb") as sound:
            sound.setnchannels(self.channels)
            sound.setsampwidth(2)
            sound.setframerate(RATE)
            sound.writeframes(bytes(2 * self.channels * RATE * self.seconds))
        return file.getvalue()


@dataclass
class Recordings:
    twilio: Twilio
    # Record, action: the file may not be there yet when the action is requested.
    ready_after: float = 2.0
    kept: dict[str, Recording] = field(default_factory=dict)

    def begin(
        self, leg: Leg, source: str, callback: RecordingCallback | None, channels: int = 1
    ) -> Recording:
        sid = self.twilio.new_sid("RE")
        recording = Recording(
            sid,
            leg,
            f"{self.twilio.api}/Accounts/{self.twilio.account_sid}/Recordings/{sid}",
            source,
            channels,
            callback,
            self.twilio.clock.now(),
            self.twilio.clock.elapsed,
        )
        self.kept[sid] = recording
        self._report(recording, "in-progress")
        return recording

    def finish(self, recording: Recording, spoken: tuple[float, float] | None = None) -> None:
        """End it; with the time somebody spoke, only that is kept."""
        end = self.twilio.clock.elapsed
        recording.raw_seconds = recording.seconds = math.ceil(end - recording.began)
        if spoken is not None:
            begun, done = max(recording.began, spoken[0]), min(end, spoken[1])
            recording.seconds = max(0, math.ceil(done - begun)) if done > begun else 0
        recording.status = "processing"
        self.twilio.clock.after(self.ready_after, lambda: self._ready(recording))

    def _ready(self, recording: Recording) -> None:
        recording.status = "completed"
        self._report(recording, "completed")

    def _report(self, recording: Recording, event: str) -> None:
        callback = recording.callback
        if callback is None or event not in callback.events or recording.leg.silent:
            return
        # Record, Dial: these and no others go to recordingStatusCallback; the start only of Dial's.
        parameters = {
            "AccountSid": self.twilio.account_sid,
            "CallSid": recording.leg.sid,
            "RecordingSid": recording.sid,
            "RecordingUrl": recording.url,
            "RecordingStatus": event,
            "RecordingDuration": str(recording.seconds),
            "RecordingChannels": str(recording.channels),
            "RecordingSource": recording.source,
        }
        if recording.source == "DialVerb":
            parameters["RecordingStartTime"] = format_datetime(recording.started)
        self.twilio.notify(recording.leg, callback.url, callback.method, parameters)
