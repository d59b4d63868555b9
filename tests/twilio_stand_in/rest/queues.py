"""The Queues resource and its members: found, and let out of the queue."""

from __future__ import annotations

from datetime import timedelta

from tests.twilio_stand_in.account import Twilio
from tests.twilio_stand_in.interpreter import Redirected, Source
from tests.twilio_stand_in.leg import API_VERSION, Leg
from tests.twilio_stand_in.queue import Queue
from tests.twilio_stand_in.rest.calls import Form
from tests.twilio_stand_in.rest.errors import ApiError, not_found
from tests.twilio_stand_in.rest.paging import page, stamp


def read(twilio: Twilio, path: str, query: Form) -> dict[str, object]:
    return page("queues", [resource(twilio, q) for q in twilio.queues.values()], path, query)


def dequeue(twilio: Twilio, path: str, form: Form, queue: str, call: str) -> dict[str, object]:
    """Member resource, update: out of the queue and on with another document; only the first
    request for a call succeeds."""
    found = next((q for q in twilio.queues.values() if q.sid == queue), None)
    leg = twilio.calls.get(call)
    if found is None or leg is None:
        raise not_found(path)
    if call not in found.waiting:
        raise ApiError(400, 20001, "The call is not in the queue")
    answer = member(twilio, found, leg)
    source = Source(form["Url"], form.get("Method", "POST"))
    leg.clock.after(0.0, lambda: _out(found, leg, source))
    return answer


def _out(queue: Queue, leg: Leg, source: Source) -> None:
    if leg.sid in queue.waiting:
        leg.process.interrupt(Redirected(source))


def resource(twilio: Twilio, queue: Queue) -> dict[str, object]:
    account = f"/{API_VERSION}/Accounts/{twilio.account_sid}"
    now = twilio.clock.elapsed
    waits = [now - since for since in queue.waiting.values()]
    return {
        "sid": queue.sid,
        "account_sid": twilio.account_sid,
        "friendly_name": queue.name,
        "current_size": len(waits),
        "max_size": queue.largest,
        "average_wait_time": int(sum(waits) / len(waits)) if waits else 0,
        "date_created": stamp(twilio.clock.now()),
        "date_updated": stamp(twilio.clock.now()),
        "uri": f"{account}/Queues/{queue.sid}.json",
        "subresource_uris": {"members": f"{account}/Queues/{queue.sid}/Members.json"},
    }


def member(twilio: Twilio, queue: Queue, leg: Leg) -> dict[str, object]:
    account = f"/{API_VERSION}/Accounts/{twilio.account_sid}"
    waited = twilio.clock.elapsed - queue.waiting[leg.sid]
    return {
        "call_sid": leg.sid,
        "date_enqueued": stamp(twilio.clock.now() - timedelta(seconds=waited)),
        "position": 1 + list(queue.waiting).index(leg.sid),
        "wait_time": int(waited),
        "queue_sid": queue.sid,
        "uri": f"{account}/Queues/{queue.sid}/Members/{leg.sid}.json",
    }
