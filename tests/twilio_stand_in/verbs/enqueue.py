"""Enqueue: waits in a queue with documents of its own, until it leaves one way or another."""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

from tests.twilio_stand_in import twiml
from tests.twilio_stand_in.failures import DocumentFailed, EndOfCall, HungUp, LeftQueue
from tests.twilio_stand_in.interpreter import Interpreter, Redirected, Source
from tests.twilio_stand_in.leg import Leg, Sound
from tests.twilio_stand_in.process import Steps
from tests.twilio_stand_in.queue import Queue
from tests.twilio_stand_in.twiml import Document


def enqueue(
    interpreter: Interpreter, element: etree._Element, document: Document
) -> Steps[Source | None]:
    leg, twilio = interpreter.leg, interpreter.twilio
    leg.answer()
    queue = twilio.queue(twiml.text(element))
    if queue.full:
        # Enqueue, QueueSid and QueueTime: only if the call was really enqueued.
        return _action(element, document, {"QueueResult": "queue-full"})
    queue.join(leg)
    try:
        yield from _wait(interpreter, element, document, queue)
    except LeftQueue:
        result = "leave"
    except DocumentFailed as failure:
        twilio.alert(failure.code, failure.text, failure.url, leg)
        result = "error"
    except (HungUp, EndOfCall):
        leg.status = "completed"
        _notify(leg, _action(element, document, queue.left(leg, "hangup")), 0.0)
        raise
    except Redirected:
        # Enqueue, action: requested right away when the API takes the call out of the queue; the
        # new document is requested too, in no documented order.
        action = _action(element, document, queue.left(leg, "redirected"))
        _notify(leg, action, twilio.enqueue_action_after)
        raise
    return _action(element, document, queue.left(leg, result))


def _wait(
    interpreter: Interpreter, element: etree._Element, document: Document, queue: Queue
) -> Steps[None]:
    leg = interpreter.leg
    address = element.get("waitUrl")
    if not address:
        # Enqueue, waitUrl: without one Twilio plays music of its own, with an empty one nothing.
        sound = Sound("music", "", None) if address is None else Sound("silence", "", None)
        yield from leg.hear(sound)
        return
    waiter = Interpreter(interpreter.twilio, leg, interpreter.twilio.waiting_verbs)
    source = Source(document.resolve(address), element.get("waitUrlMethod", "POST"))
    while True:
        # Enqueue, waitUrl: when its document has run out it is requested again.
        began = leg.clock.elapsed
        yield from waiter.run(source, lambda: queue.parameters(leg))
        if leg.clock.elapsed == began:
            raise AssertionError(f"{source.url}: waiting takes no time, it would never end")


def _action(
    element: etree._Element, document: Document, result: Mapping[str, str]
) -> Source | None:
    action = element.get("action")
    if action is None:
        return None
    return Source(document.resolve(action), element.get("method", "POST"), result)


def _notify(leg: Leg, action: Source | None, after: float | None) -> None:
    """Request the action for information: what it answers has no call to run on."""
    if action is None or leg.silent:
        return

    def request() -> None:
        parameters = {**leg.parameters(), **action.parameters}
        leg.twilio.notify(leg, action.url, action.method, parameters)

    if after is None:
        request()
    else:
        leg.clock.after(after, request)
