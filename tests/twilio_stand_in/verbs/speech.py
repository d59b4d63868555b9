"""Say, Play, Pause: what the far end hears."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from tests.twilio_stand_in import twiml
from tests.twilio_stand_in.interpreter import Interpreter, Source
from tests.twilio_stand_in.leg import Sound
from tests.twilio_stand_in.process import Steps
from tests.twilio_stand_in.twiml import Document

TONE_SECONDS = 0.2


def sounds(
    interpreter: Interpreter, element: etree._Element, document: Document
) -> Iterator[Sound]:
    """The sounds of one Say, Play or Pause, as often as it says."""
    if element.tag == "Pause":
        # Pause: one second unless a length is given.
        yield Sound("silence", "", float(element.get("length", "1")))
        return
    loop = int(element.get("loop", "1"))
    sound = _sound(interpreter, element, document)
    # Say, Play: a loop of 0 repeats until the call ends.
    turn = 0
    while loop == 0 or turn < loop:
        yield sound
        turn += 1


def _sound(interpreter: Interpreter, element: etree._Element, document: Document) -> Sound:
    content = twiml.text(element)
    if element.tag == "Say":
        language = element.get("language", "en-US")
        seconds = interpreter.twilio.speech_seconds(content, language)
        return Sound("say", content, seconds, language, element.get("voice", ""))
    if digits := element.get("digits"):
        return tones(digits)
    address = document.resolve(content)
    return Sound("play", address, interpreter.twilio.audio_seconds(address))


def tones(digits: str) -> Sound:
    """Play, Number: keys as tones; w waits half a second, W one."""
    seconds = sum({"w": 0.5, "W": 1.0}.get(digit, TONE_SECONDS) for digit in digits)
    return Sound("tones", digits, seconds)


def speak(
    interpreter: Interpreter, element: etree._Element, document: Document
) -> Steps[Source | None]:
    interpreter.leg.answer()
    for sound in sounds(interpreter, element, document):
        yield from interpreter.leg.hear(sound)
    return None


def pause(
    interpreter: Interpreter, element: etree._Element, document: Document
) -> Steps[Source | None]:
    """Pause: as the first verb it only delays the answer."""
    for sound in sounds(interpreter, element, document):
        yield from interpreter.leg.hear(sound)
    return None
