"""Record: the far end's voice, until silence, a key, the longest time or a hang-up."""

from __future__ import annotations

import math

from lxml import etree

from tests.twilio_stand_in.failures import HungUp
from tests.twilio_stand_in.interpreter import Interpreter, Source
from tests.twilio_stand_in.leg import Key, Leg, Sound
from tests.twilio_stand_in.process import Steps, Wait
from tests.twilio_stand_in.recording import Recording, RecordingCallback
from tests.twilio_stand_in.twiml import Document

ANY_KEY = "1234567890*#"


def record(
    interpreter: Interpreter, element: etree._Element, document: Document
) -> Steps[Source | None]:
    leg, twilio = interpreter.leg, interpreter.twilio
    leg.answer()
    if element.get("playBeep", "true") == "true":
        yield from leg.hear(Sound("beep", "", twilio.beep_seconds))
    recording = twilio.recordings.begin(leg, "RecordVerb", callback(element, document))
    method = element.get("method", "POST")
    # Record, action: by default the very document is requested again; what follows is unreachable.
    action = document.resolve(element.get("action", ""))
    try:
        digit = yield from _listen(leg, element)
    except HungUp:
        parameters = _finish(leg, recording, element, "hangup")
        if not leg.silent:
            # The request still goes out; there is no call left for what it answers.
            leg.status = "completed"
            twilio.notify(leg, action, method, {**leg.parameters(), **parameters})
        raise
    parameters = _finish(leg, recording, element, digit)
    # Record: of an empty recording the action isn't asked, and the document goes on.
    silence = int(element.get("timeout", "5"))
    if not digit and leg.speaks_until <= recording.began and recording.raw_seconds == silence:
        return None
    return Source(action, method, parameters)


def _listen(leg: Leg, element: etree._Element) -> Steps[str]:
    """The key that ended it, or nothing."""
    begin = leg.clock.elapsed
    # Record, timeout: seconds of silence that end it; 0 never does.
    silence = float(element.get("timeout", "5")) or math.inf
    longest = float(element.get("maxLength", "3600"))
    # Record, finishOnKey: any of several keys, by default every one.
    finishing = element.get("finishOnKey", ANY_KEY)
    while True:
        end = min(begin + longest, max(begin, leg.speaks_until) + silence)
        if (left := end - leg.clock.elapsed) <= 0:
            return ""
        signal = yield Wait(left)
        if isinstance(signal, Key) and signal.digit in finishing:
            return signal.digit


def _finish(leg: Leg, recording: Recording, element: etree._Element, digits: str) -> dict[str, str]:
    trims = element.get("trim", "trim-silence") == "trim-silence"
    spoken = (leg.speaks_from, leg.speaks_until) if trims else None
    leg.twilio.recordings.finish(recording, spoken)
    return {
        "RecordingUrl": recording.url,
        "RecordingSid": recording.sid,
        # Record, action: the duration before trimming; the recording's callback has the final one.
        "RecordingDuration": str(recording.raw_seconds),
        **({"Digits": digits} if digits else {}),
    }


def callback(element: etree._Element, document: Document) -> RecordingCallback | None:
    address = element.get("recordingStatusCallback")
    if address is None:
        return None
    return RecordingCallback(
        document.resolve(address),
        element.get("recordingStatusCallbackMethod", "POST"),
        tuple(element.get("recordingStatusCallbackEvent", "completed").split()),
    )
