"""Redirect, Reject, Hangup, Leave: where the call goes next."""

from __future__ import annotations

from lxml import etree

from tests.twilio_stand_in import twiml
from tests.twilio_stand_in.failures import EndOfCall, LeftQueue
from tests.twilio_stand_in.interpreter import Interpreter, Source
from tests.twilio_stand_in.process import Steps
from tests.twilio_stand_in.twiml import Document


def redirect(
    interpreter: Interpreter, element: etree._Element, document: Document
) -> Steps[Source | None]:
    """Redirect: like every answer but Reject and Pause, it has the call answered."""
    yield from ()
    interpreter.leg.answer()
    address = document.resolve(twiml.text(element))
    return Source(address, element.get("method", "POST"))


def reject(
    interpreter: Interpreter, element: etree._Element, document: Document
) -> Steps[Source | None]:
    """Reject: declines without answering; as a later verb it ends the call."""
    yield from ()
    if interpreter.leg.answered is not None:
        raise EndOfCall
    raise EndOfCall("busy" if element.get("reason") == "busy" else "no-answer")


def hangup(
    interpreter: Interpreter, element: etree._Element, document: Document
) -> Steps[Source | None]:
    """Hangup: even as the first verb it answers."""
    yield from ()
    interpreter.leg.answer()
    raise EndOfCall


def leave(
    interpreter: Interpreter, element: etree._Element, document: Document
) -> Steps[Source | None]:
    yield from ()
    raise LeftQueue
