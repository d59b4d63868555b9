"""The IncomingPhoneNumbers resource, and the account itself."""

from __future__ import annotations

from tests.twilio_stand_in.account import IncomingPhoneNumber, Twilio
from tests.twilio_stand_in.leg import API_VERSION
from tests.twilio_stand_in.rest.calls import Form
from tests.twilio_stand_in.rest.errors import not_found
from tests.twilio_stand_in.rest.paging import page, stamp

# IncomingPhoneNumber resource, update: these of its parameters the stand-in acts on.
SETTINGS = {
    "FriendlyName": "friendly_name",
    "VoiceUrl": "voice_url",
    "VoiceMethod": "voice_method",
    "VoiceFallbackUrl": "voice_fallback_url",
    "VoiceFallbackMethod": "voice_fallback_method",
    "StatusCallback": "status_callback",
    "StatusCallbackMethod": "status_callback_method",
    "VoiceApplicationSid": "voice_application_sid",
    "TrunkSid": "trunk_sid",
}


def read(twilio: Twilio, path: str, query: Form) -> dict[str, object]:
    """IncomingPhoneNumber resource, read: a part of the number is enough to find it."""
    wanted = [
        resource(twilio, number)
        for number in twilio.numbers.values()
        if query.get("PhoneNumber", "") in number.phone_number
    ]
    return page("incoming_phone_numbers", wanted, path, query)


def fetch(twilio: Twilio, path: str, sid: str) -> dict[str, object]:
    return resource(twilio, _find(twilio, path, sid))


def update(twilio: Twilio, path: str, form: Form, sid: str) -> dict[str, object]:
    number = _find(twilio, path, sid)
    for parameter, setting in SETTINGS.items():
        if parameter in form:
            setattr(number, setting, form[parameter])
    if "VoiceCallerIdLookup" in form:
        number.voice_caller_id_lookup = form["VoiceCallerIdLookup"].lower() == "true"
    return resource(twilio, number)


def _find(twilio: Twilio, path: str, sid: str) -> IncomingPhoneNumber:
    for number in twilio.numbers.values():
        if number.sid == sid:
            return number
    raise not_found(path)


def resource(twilio: Twilio, number: IncomingPhoneNumber) -> dict[str, object]:
    return {
        "sid": number.sid,
        "account_sid": twilio.account_sid,
        "phone_number": number.phone_number,
        "friendly_name": number.friendly_name or number.phone_number,
        "api_version": API_VERSION,
        "voice_url": number.voice_url,
        "voice_method": number.voice_method,
        "voice_fallback_url": number.voice_fallback_url,
        "voice_fallback_method": number.voice_fallback_method,
        "voice_caller_id_lookup": number.voice_caller_id_lookup,
        "status_callback": number.status_callback,
        "status_callback_method": number.status_callback_method,
        "voice_application_sid": number.voice_application_sid or None,
        "trunk_sid": number.trunk_sid or None,
        "capabilities": {"voice": True, "sms": False, "mms": False, "fax": False},
        "date_created": stamp(number.created),
        "date_updated": stamp(number.created),
        "status": "in-use",
        "uri": f"/{API_VERSION}/Accounts/{twilio.account_sid}"
        f"/IncomingPhoneNumbers/{number.sid}.json",
    }


def account(twilio: Twilio, path: str) -> dict[str, object]:
    return {
        "sid": twilio.account_sid,
        "owner_account_sid": twilio.account_sid,
        "auth_token": twilio.auth_token,
        "friendly_name": "12355",
        "status": "active",
        "type": "Full",
        "date_created": stamp(twilio.clock.begin),
        "date_updated": stamp(twilio.clock.begin),
        "subresource_uris": {},
        "uri": path,
    }
