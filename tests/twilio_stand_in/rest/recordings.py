"""The Recordings resource: found, heard and deleted."""

from __future__ import annotations

from flask import Response

from tests.twilio_stand_in.account import Twilio
from tests.twilio_stand_in.leg import API_VERSION
from tests.twilio_stand_in.recording import Recording
from tests.twilio_stand_in.rest.calls import Form
from tests.twilio_stand_in.rest.errors import not_found
from tests.twilio_stand_in.rest.paging import in_time, page, stamp


def read(twilio: Twilio, path: str, query: Form, call_sid: str = "") -> dict[str, object]:
    wanted_call = call_sid or query.get("CallSid", "")
    wanted = [
        resource(recording)
        for recording in reversed(twilio.recordings.kept.values())
        if wanted_call in ("", recording.leg.sid)
        and in_time(recording.started, "DateCreated", query)
    ]
    return page("recordings", wanted, path, query)


def fetch(twilio: Twilio, path: str, sid: str) -> dict[str, object]:
    return resource(_find(twilio, path, sid))


def media(twilio: Twilio, path: str, sid: str) -> Response:
    """Recording resource: the address without .json gives WAV, once the recording is completed."""
    recording = _find(twilio, path, sid)
    if recording.status != "completed":
        raise not_found(path)
    return Response(recording.media, mimetype="audio/x-wav")


def delete(twilio: Twilio, path: str, sid: str) -> None:
    _find(twilio, path, sid)
    del twilio.recordings.kept[sid]


def _find(twilio: Twilio, path: str, sid: str) -> Recording:
    if sid not in twilio.recordings.kept:
        raise not_found(path)
    return twilio.recordings.kept[sid]


def resource(recording: Recording) -> dict[str, object]:
    account_sid = recording.leg.twilio.account_sid
    return {
        "sid": recording.sid,
        "account_sid": account_sid,
        "api_version": API_VERSION,
        "call_sid": recording.leg.sid,
        "conference_sid": None,
        "date_created": stamp(recording.started),
        "date_updated": stamp(recording.started),
        "start_time": stamp(recording.started),
        "duration": str(recording.seconds) if recording.status == "completed" else None,
        "price": None,
        "price_unit": "USD",
        "status": recording.status,
        "channels": recording.channels,
        "source": recording.source,
        "error_code": None,
        "uri": f"/{API_VERSION}/Accounts/{account_sid}/Recordings/{recording.sid}.json",
        "encryption_details": None,
        "subresource_uris": {},
        "media_url": recording.url,
    }
