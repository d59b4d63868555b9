"""The legs that Dial makes: nouns read, parties rung, their own document run, then talk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from tests.twilio_stand_in import twiml
from tests.twilio_stand_in.failures import DocumentFailed, EndOfCall, HungUp
from tests.twilio_stand_in.interpreter import Interpreter, Redirected, Source
from tests.twilio_stand_in.leg import Leg, StatusCallback
from tests.twilio_stand_in.live import live
from tests.twilio_stand_in.party import Party
from tests.twilio_stand_in.process import Steps
from tests.twilio_stand_in.twiml import Document
from tests.twilio_stand_in.verbs.speech import tones


@dataclass(frozen=True)
class Noun:
    address: str
    source: Source | None = None
    send_digits: str = ""
    status_callback: StatusCallback | None = None


@dataclass(frozen=True)
class Answered:
    leg: Leg


@dataclass(frozen=True)
class Ready:
    """Its own document, if any, is done: connect it."""

    leg: Leg


@dataclass(frozen=True)
class Ended:
    leg: Leg
    redirected: bool = False


def nouns(element: etree._Element, document: Document) -> Iterator[Noun]:
    children = list(twiml.elements(element))
    if not children:
        yield Noun(twiml.text(element))
    for child in children:
        yield _noun(child, document)


def _noun(element: etree._Element, document: Document) -> Noun:
    content = twiml.text(element)
    if element.tag == "Queue":
        raise NotImplementedError("the stand-in does not dial queues")
    if element.tag == "Client":
        identity = element.find("Identity")
        content = f"client:{content if identity is None else twiml.text(identity)}"
    url, address = element.get("url"), element.get("statusCallback")
    return Noun(
        content,
        Source(document.resolve(url), element.get("method", "POST")) if url else None,
        element.get("sendDigits", ""),
        StatusCallback(
            document.resolve(address),
            element.get("statusCallbackMethod", "POST"),
            tuple(element.get("statusCallbackEvent", "completed").split()),
        )
        if address
        else None,
    )


def call(parent: Leg, noun: Noun, caller_id: str, timeout: float) -> Leg:
    """Ring one noun; the parent learns by signals what becomes of it."""
    child = parent.twilio.new_leg(caller_id, noun.address, "outbound-dial", parent)
    child.status_callback = noun.status_callback
    child.when_ended = lambda: parent.process.signal(Ended(child))
    child.run(_called(child, parent, noun, timeout))
    return child


def _called(child: Leg, parent: Leg, noun: Noun, timeout: float) -> Steps[None]:
    party = child.twilio.parties.get(noun.address) or Party(noun.address, "failed")
    status = "completed"
    try:
        refused = yield from party.ring(child, timeout)
        if refused is None:
            parent.process.signal(Answered(child))
            if noun.send_digits:
                yield from child.hear(tones(noun.send_digits))
            if noun.source is not None:
                yield from Interpreter(child.twilio, child, child.twilio.whisper_verbs).run(
                    noun.source
                )
            parent.process.signal(Ready(child))
            yield from party.talk(child)
        else:
            status = refused
    except Redirected as redirected:
        # Call resource, update: the called leg goes on alone, for the caller the Dial is over.
        child.when_ended = lambda: None
        parent.process.signal(Ended(child, redirected=True))
        yield from live(child, redirected.source, child.twilio.verbs)
        return
    except DocumentFailed as failure:
        child.twilio.alert(failure.code, failure.text, failure.url, child)
    except (EndOfCall, HungUp) as end:
        status = end.status or ("completed" if child.answered else "no-answer")
    child.end(status)
