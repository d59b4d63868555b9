"""Say, Play, Pause: what the far end hears."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from tests.twilio_stand_in import twiml
from tests.twilio_stand_in.interpreter import Interpreter, Source
from tests.twilio_stand_in.leg import Sound
from tests.twilio_stand_in.process import Steps
from tests.twilio_stand_in.twiml import Document


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
        # Play: keys are played as tones, each w is half a second of nothing.
        return Sound("tones", digits, 0.5 * len(digits))
    address = document.resolve(content)
    return Sound("play", address, interpreter.twilio.audio_seconds(address))


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
