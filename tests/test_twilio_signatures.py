"""Which requests are Twilio's: the field's outages, one a row, and what must stay outside."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import Headers, MultiDict

from ivr.twilio.signatures import Signatures

TOKEN = "a token for tests"
SHARED_KEY = "a shared key for tests"
ACCOUNT = "AC" + "1" * 32
PUBLIC = "https://ivr.example.cn"
FORM = {"CallSid": "CA" + "2" * 32, "AccountSid": ACCOUNT, "From": "+8613570001234"}


def signed(url: str, form: dict[str, str] = FORM) -> Headers:
    signature = RequestValidator(TOKEN).compute_signature(url, form)
    return Headers({"X-Twilio-Signature": signature})


def refused(
    target: str, headers: Headers, form: dict[str, str] = FORM, public: str = PUBLIC
) -> str | None:
    return Signatures(public, ACCOUNT, TOKEN, SHARED_KEY).refused(target, MultiDict(form), headers)


# Webhooks security: the signature is over the whole address as Twilio asked it, then every
# parameter of the form in the order of names.
@pytest.mark.parametrize(
    ("public", "target", "asked"),
    [
        (PUBLIC, "/twilio/call", f"{PUBLIC}/twilio/call"),
        # Twilio signs with the port of the address, or without it: both are known.
        (PUBLIC, "/twilio/call", f"{PUBLIC}:443/twilio/call"),
        (f"{PUBLIC}:8443", "/twilio/call", f"{PUBLIC}:8443/twilio/call"),
        (f"{PUBLIC}:443", "/twilio/call", f"{PUBLIC}/twilio/call"),
        # A path before ours, which a proxy takes off.
        (f"{PUBLIC}/line", "/twilio/call", f"{PUBLIC}/line/twilio/call"),
        # What stands in the query stays as it was, in its order, encoded or not.
        (PUBLIC, "/twilio/call?b=2&a=1", f"{PUBLIC}/twilio/call?b=2&a=1"),
        (PUBLIC, "/twilio/call?To=%2B862012355", f"{PUBLIC}/twilio/call?To=%2B862012355"),
        (PUBLIC, "/twilio/call?To=+862012355", f"{PUBLIC}/twilio/call?To=+862012355"),
        (PUBLIC, "/twilio/call?a=%E5%B9%BF&b=", f"{PUBLIC}/twilio/call?a=%E5%B9%BF&b="),
    ],
)
def test_a_genuine_request_is_never_refused(public: str, target: str, asked: str) -> None:
    assert refused(target, signed(asked), public=public) is None


def test_a_form_in_another_alphabet_with_plus_and_empty_values_is_genuine() -> None:
    form = FORM | {"CallerName": "李 +明&", "ForwardedFrom": "", "Digits": "*"}
    assert refused("/twilio/call", signed(f"{PUBLIC}/twilio/call", form), form) is None
    assert "%2B" in urlencode(form)


# Webhooks security: where the account signs by a shared key, by SHA-256, a header says so.
def test_sha_256_is_known() -> None:
    text = f"{PUBLIC}/twilio/call" + "".join(name + FORM[name] for name in sorted(FORM))
    digest = hmac.new(SHARED_KEY.encode(), text.encode(), hashlib.sha256).digest()
    headers = Headers(
        {
            "X-Twilio-Signature": b64encode(digest).decode(),
            "X-Twilio-Webhooks-Signature-Settings": "key=webhooks_key_1,algorithm=HMAC_SHA256",
        }
    )
    assert refused("/twilio/call", headers) is None
    without = Signatures(PUBLIC, ACCOUNT, TOKEN)
    assert without.refused("/twilio/call", MultiDict(FORM), headers) == "shared key unknown"


@pytest.mark.parametrize(
    ("target", "headers", "form", "reason"),
    [
        ("/twilio/call", Headers(), FORM, "unsigned"),
        ("/twilio/call", signed("https://elsewhere.example/twilio/call"), FORM, "signature"),
        ("/twilio/call/7", signed(f"{PUBLIC}/twilio/call"), FORM, "signature"),
        (
            "/twilio/call",
            signed(f"{PUBLIC}/twilio/call"),
            FORM | {"Digits": "*"},
            "signature",
        ),
        ("/twilio/call", Headers({"X-Twilio-Signature": "\u00e9"}), FORM, "signature"),
        (
            "/twilio/call",
            signed(f"{PUBLIC}/twilio/call", FORM | {"AccountSid": "AC" + "0" * 32}),
            FORM | {"AccountSid": "AC" + "0" * 32},
            "account",
        ),
    ],
)
def test_anything_else_is_refused(
    target: str, headers: Headers, form: dict[str, str], reason: str
) -> None:
    assert refused(target, headers, form) == reason


@pytest.mark.parametrize("settings", ["algorithm", ",", "algorithm=HMAC_MD5", "key=a,algorithm="])
def test_settings_that_nobody_understands_are_no_error(settings: str) -> None:
    headers = signed(f"{PUBLIC}/twilio/call")
    headers["X-Twilio-Webhooks-Signature-Settings"] = settings
    assert refused("/twilio/call", headers) == "signature"
