"""What is set at Twilio for our numbers, what is wrong with it, and setting it right.

Source: Twilio, "IncomingPhoneNumber resource", "Webhooks security".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import requests
from requests import RequestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from ivr.twilio.addresses import Addresses
from ivr.twilio.rest import FAILURES, OK

SECONDS = 10.0
ONLY_POST = 405
"""What we answer to somebody who looks at a webhook's address: it is ours."""

OURS = {"voice_method": "POST", "status_callback_method": "POST"}
"""Our addresses answer nothing else."""
ELSEWHERE = ("voice_application_sid", "trunk_sid")
"""Where one of them is set, Twilio brings the number's calls there and asks none of its
addresses."""

Look = Callable[[str], int]


def looking(account_sid: str, auth_token: str) -> Look:
    """Asks an address as Twilio would, signed: a TwiML Bin answers nobody else. It tells the
    status. Raises RequestException."""
    signing = RequestValidator(auth_token)

    def look(address: str) -> int:
        joint = "&" if "?" in address else "?"
        asked = f"{address}{joint}AccountSid={account_sid}"
        signature = {"X-Twilio-Signature": signing.compute_signature(asked, {})}
        return requests.get(asked, headers=signature, timeout=SECONDS).status_code

    return look


def wrong(
    client: Client,
    account_sid: str,
    addresses: Addresses,
    caller_id: str,
    numbers: Mapping[str, str],
    look: Look,
) -> Iterator[str]:
    """What is wrong, a line each, with the way out."""
    try:
        account = client.api.v2010.accounts(account_sid).fetch()
    except FAILURES as error:
        yield f"Twilio refuses the account or can't be reached ({reason(error)}): see \
IVR_TWILIO_ACCOUNT_SID and IVR_TWILIO_AUTH_TOKEN"
        return
    if account.status != "active":
        yield f"the account is {account.status}: no call is connected"
    yield from _unreachable(addresses.call, look)
    if not numbers:
        yield "twilio_numbers.yaml has no number: no call would know its station"
    for number in dict.fromkeys((*numbers, caller_id)):
        try:
            found = client.incoming_phone_numbers.list(phone_number=number, limit=1)
        except FAILURES as error:
            yield f"Twilio doesn't tell of {number} ({reason(error)}): check again in a minute"
            return
        if not found:
            yield f"{number} is no number of this account"
        elif number in numbers:
            yield from _unlike(found[0], addresses)
            yield from _without_us(found[0], look)


def point(client: Client, addresses: Addresses, number: str, fallback: str | None) -> bool:
    """Point a number of the account's at us; False where it has no such number. Raises FAILURES."""
    found = client.incoming_phone_numbers.list(phone_number=number, limit=1)
    if not found:
        return False
    settings = {
        "voice_url": addresses.call,
        "status_callback": addresses.status,
        **OURS,
        **{name: "" for name in ELSEWHERE if getattr(found[0], name)},
    }
    if fallback is not None:
        settings |= {"voice_fallback_url": fallback, "voice_fallback_method": "GET"}
    found[0].update(**settings)
    return True


def _unreachable(address: str, look: Look) -> Iterator[str]:
    try:
        status = look(address)
    except RequestException as error:
        yield f"{address} can't be reached from here ({reason(error)}): see \
IVR_TWILIO_PUBLIC_ADDRESS and the proxy before it"
        return
    if status != ONLY_POST:
        yield f"{address} answers {status}: something else than this server is there, or `serve` \
isn't running"


def _unlike(number: Any, addresses: Addresses) -> Iterator[str]:
    name = number.phone_number
    again = f"run: run_ivr.py twilio setup {name}"
    if number.voice_url != addresses.call:
        yield f"{name} asks {number.voice_url or 'nobody'} for what to do: {again}"
    if number.status_callback != addresses.status:
        yield f"{name} doesn't tell us of a call's end: {again}"
    for setting, wanted in OURS.items():
        if getattr(number, setting) != wanted:
            yield f"{name} has {setting} {getattr(number, setting)}, not {wanted}: {again}"
    for setting in ELSEWHERE:
        if getattr(number, setting):
            yield (
                f"{name} has {setting} {getattr(number, setting)}: Twilio brings its calls there, "
                f"not here: {again}"
            )


def _without_us(number: Any, look: Look) -> Iterator[str]:
    name, address = number.phone_number, number.voice_fallback_url
    remedy = "when this server fails its callers reach nobody; see `run_ivr.py twilio fallback`"
    if not address:
        yield f"{name} has no fallback: {remedy}"
        return
    try:
        status = look(address)
    except RequestException as error:
        yield f"{name}'s fallback {address} can't be reached from here ({reason(error)}): {remedy}"
        return
    if status != OK:
        yield f"{name}'s fallback {address} answers {status}: {remedy}"


def reason(error: Exception) -> str:
    """In a few words, without any secret."""
    return str(getattr(error, "msg", "")) or type(error).__name__
