"""Gather: keys, with prompts that a key interrupts."""

from __future__ import annotations

from lxml import etree

from tests.twilio_stand_in import twiml
from tests.twilio_stand_in.interpreter import Interpreter, Source
from tests.twilio_stand_in.leg import Key, Sound
from tests.twilio_stand_in.process import Steps
from tests.twilio_stand_in.twiml import Document
from tests.twilio_stand_in.verbs.speech import sounds


def gather(
    interpreter: Interpreter, element: etree._Element, document: Document
) -> Steps[Source | None]:
    interpreter.leg.answer()
    if "dtmf" not in element.get("input", "dtmf").split():
        raise NotImplementedError("the stand-in hears no speech")
    key = yield from _prompts(interpreter, element, document)
    digits = yield from _digits(interpreter, element, key)
    # Gather, action and actionOnEmptyResult: without input the document goes on, unless asked.
    if not digits and element.get("actionOnEmptyResult") != "true":
        return None
    action = document.resolve(element.get("action", ""))
    return Source(action, element.get("method", "POST"), {"Digits": digits})


def _prompts(
    interpreter: Interpreter, element: etree._Element, document: Document
) -> Steps[Key | None]:
    """Gather, nested verbs: the first key stops whatever is being said or played."""
    for prompt in twiml.elements(element):
        for sound in sounds(interpreter, prompt, document):
            key = yield from interpreter.leg.hear(sound, barge_in=True)
            if key is not None:
                return key
    return None


def _digits(interpreter: Interpreter, element: etree._Element, key: Key | None) -> Steps[str]:
    # Gather, finishOnKey: # unless given; the empty text lets no key finish. It isn't sent along.
    finish = element.get("finishOnKey", "#")
    limit = int(element.get("numDigits", "0"))
    # Gather, timeout: seconds to wait for each further key, from the end of the prompts on.
    timeout = float(element.get("timeout", "5"))
    digits = ""
    while True:
        if key is None:
            key = yield from interpreter.leg.hear(Sound("silence", "", timeout), barge_in=True)
        if key is None or key.digit == finish:
            return digits
        digits += key.digit
        if len(digits) == limit:
            return digits
        key = None
