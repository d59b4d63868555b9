"""Conference: everybody who dials its name talks with everybody else there."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from tests.twilio_stand_in import twiml
from tests.twilio_stand_in.interpreter import Interpreter, Source
from tests.twilio_stand_in.leg import Heard
from tests.twilio_stand_in.process import Steps, Wait
from tests.twilio_stand_in.twiml import Document

LONGEST = 14_400.0
"""Dial, timeLimit: 4 hours."""


@dataclass(frozen=True)
class ConferenceOver:
    """Somebody has left whose exit ends it."""


def confer(
    interpreter: Interpreter, dial: etree._Element, noun: etree._Element, document: Document
) -> Steps[Source | None]:
    leg, name = interpreter.leg, twiml.text(noun)
    there = leg.twilio.conferences.setdefault(name, [])
    there.append(leg)
    began = leg.clock.elapsed
    heard = Heard("conference", name, leg.clock.now())
    leg.heard.append(heard)
    try:
        while (left := began + LONGEST - leg.clock.elapsed) > 0:
            if isinstance((yield Wait(left)), ConferenceOver):
                break
    finally:
        heard.end = leg.clock.now()
        there.remove(leg)
        # Conference, endConferenceOnExit: when this participant leaves, the others do.
        if noun.get("endConferenceOnExit") == "true":
            for other in list(there):
                other.process.signal(ConferenceOver())
    if dial.get("action") is None:
        return None
    # Dial, action: a conference ends as `completed` or `answered`.
    over = {"DialCallStatus": "completed", "DialCallDuration": str(int(leg.clock.elapsed - began))}
    action = document.resolve(dial.get("action", ""))
    return Source(action, dial.get("method", "POST"), over)
