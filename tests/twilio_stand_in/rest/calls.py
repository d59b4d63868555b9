"""The Calls resource: calls made, read, redirected and ended."""

from __future__ import annotations

from datetime import datetime

from werkzeug.datastructures import MultiDict

from tests.twilio_stand_in.account import Twilio
from tests.twilio_stand_in.failures import HungUp
from tests.twilio_stand_in.interpreter import Redirected, Source
from tests.twilio_stand_in.leg import API_VERSION, Fallback, Leg, StatusCallback
from tests.twilio_stand_in.rest.errors import ApiError, not_found
from tests.twilio_stand_in.rest.paging import in_time, page, stamp

Form = MultiDict[str, str]

SUPPORTED = {
    *("To", "From", "Url", "Method", "Twiml", "Timeout", "Status"),
    *("FallbackUrl", "FallbackMethod"),
    *("StatusCallback", "StatusCallbackMethod", "StatusCallbackEvent"),
}


def create(twilio: Twilio, path: str, form: Form) -> dict[str, object]:
    """Call resource, create. There is no key against doing it twice: a repeat is a second call."""
    _expect_supported(twilio, form)
    if not form.get("To"):
        raise ApiError(400, 21201, "No 'To' number is specified")
    if not form.get("From"):
        raise ApiError(400, 21213, "No 'From' number is specified")
    if form["To"].startswith("+") and form["From"] not in twilio.numbers:
        raise ApiError(400, 21210, f"'From' {form['From']} is not a number of this account")
    source = _source(form)
    if source is None:
        raise ApiError(400, 21205, "Url or Twiml parameter is required")
    leg = twilio.outgoing(
        form["From"],
        form["To"],
        source,
        float(form.get("Timeout", "60")),
        _status_callback(form),
        _fallback(form),
    )
    return resource(leg)


def update(twilio: Twilio, path: str, form: Form, sid: str) -> dict[str, object]:
    """Call resource, update: another document, or an end."""
    leg = _find(twilio, path, sid)
    _expect_supported(twilio, form)
    wanted, source = form.get("Status"), _source(form)
    # Error dictionary, 21220: what is over can't be changed, what isn't answered not redirected.
    if leg.ended is not None or (source is not None and leg.answered is None):
        raise ApiError(400, 21220, "Call is not in-progress. Cannot redirect.")
    if callback := _status_callback(form):
        leg.status_callback = callback
    leg.fallback = _fallback(form) or leg.fallback
    if wanted == "completed" or (wanted == "canceled" and leg.answered is None):
        leg.clock.after(0.0, lambda: _end(leg, wanted))
    elif source is not None:
        leg.clock.after(0.0, lambda: leg.process.interrupt(Redirected(source)))
    return resource(leg)


def _end(leg: Leg, wanted: str) -> None:
    """Call resource, update, Status: an unanswered call becomes canceled, an answered completed."""
    leg.process.interrupt(HungUp("completed" if leg.answered else "canceled"))


def read(twilio: Twilio, path: str, query: Form) -> dict[str, object]:
    wanted = [
        resource(leg)
        for leg in reversed(twilio.calls.values())
        if query.get("To", leg.to) == leg.to
        and query.get("From", leg.from_) == leg.from_
        and query.get("Status", resource(leg)["status"]) == resource(leg)["status"]
        and ("ParentCallSid" not in query or _parent(leg) == query["ParentCallSid"])
        and _started_in_time(leg, query)
        and (leg.ended is None or in_time(leg.ended, "EndTime", query))
    ]
    return page("calls", wanted, path, query)


def _started(leg: Leg) -> datetime | None:
    """Call resource, StartTime: empty if the call has not yet been dialed."""
    return None if leg.status == "queued" else leg.created


def _started_in_time(leg: Leg, query: Form) -> bool:
    started = _started(leg)
    if started is None:
        return not any(name.startswith("StartTime") for name in query)
    return in_time(started, "StartTime", query)


def fetch(twilio: Twilio, path: str, sid: str) -> dict[str, object]:
    return resource(_find(twilio, path, sid))


def resource(leg: Leg) -> dict[str, object]:
    account = f"/{API_VERSION}/Accounts/{leg.twilio.account_sid}"
    number = leg.twilio.numbers.get(leg.to if leg.direction == "inbound" else leg.from_)
    return {
        "sid": leg.sid,
        "account_sid": leg.twilio.account_sid,
        "parent_call_sid": _parent(leg),
        "from": leg.from_,
        "from_formatted": leg.from_,
        "to": leg.to,
        "to_formatted": leg.to,
        "phone_number_sid": number.sid if number else None,
        # The resource has no status initiated: it is still queued.
        "status": "queued" if leg.status == "initiated" else leg.status,
        "direction": leg.direction,
        "date_created": stamp(leg.created),
        "date_updated": stamp(leg.ended or leg.answered or leg.created),
        "start_time": stamp(_started(leg)),
        "end_time": stamp(leg.ended),
        "duration": str(leg.duration) if leg.status == "completed" else None,
        "price": None,
        "price_unit": "USD",
        "answered_by": None,
        "api_version": API_VERSION,
        "forwarded_from": leg.forwarded_from or None,
        "group_sid": None,
        "caller_name": leg.caller_name or None,
        "queue_time": "0",
        "trunk_sid": None,
        "uri": f"{account}/Calls/{leg.sid}.json",
        "subresource_uris": {"recordings": f"{account}/Calls/{leg.sid}/Recordings.json"},
    }


def _expect_supported(twilio: Twilio, form: Form) -> None:
    """What the stand-in would pass over in silence must not look as if it worked."""
    for parameter in form.keys() - SUPPORTED:
        twilio.faults.append(f"Calls: the stand-in does nothing with {parameter}")


def _find(twilio: Twilio, path: str, sid: str) -> Leg:
    if sid not in twilio.calls:
        raise not_found(path)
    return twilio.calls[sid]


def _parent(leg: Leg) -> str | None:
    return leg.parent.sid if leg.parent else None


def _source(form: Form) -> Source | None:
    if twiml := form.get("Twiml"):
        return Source(twiml=twiml)
    url = form.get("Url")
    return Source(url, form.get("Method", "POST")) if url else None


def _fallback(form: Form) -> Fallback | None:
    url = form.get("FallbackUrl")
    return Fallback(url, form.get("FallbackMethod", "POST")) if url else None


def _status_callback(form: Form) -> StatusCallback | None:
    url = form.get("StatusCallback")
    if not url:
        return None
    events = tuple(form.getlist("StatusCallbackEvent")) or ("completed",)
    return StatusCallback(url, form.get("StatusCallbackMethod", "POST"), events)
