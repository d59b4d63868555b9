"""What is set at Twilio for our numbers, what is wrong with it, and setting it right.

Source: Twilio, "IncomingPhoneNumber resource".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import requests
from requests import RequestException
from twilio.base.exceptions import TwilioException
from twilio.rest import Client

from ivr.twilio.addresses import Addresses

SECONDS = 10.0
ONLY_POST = 405
"""What we answer to somebody who looks at a webhook's address: it is ours."""

Look = Callable[[str], int]


def look(address: str) -> int:
    """The status that an address answers. Raises RequestException."""
    return requests.get(address, timeout=SECONDS).status_code


def wrong(
    client: Client,
    account_sid: str,
    addresses: Addresses,
    caller_id: str,
    numbers: Mapping[str, str],
    look: Look = look,
) -> Iterator[str]:
    """What is wrong, a line each, with the way out."""
    try:
        account = client.api.v2010.accounts(account_sid).fetch()
    except (TwilioException, RequestException) as error:
        yield f"Twilio refuses the account or can't be reached ({_reason(error)}): see \
IVR_TWILIO_ACCOUNT_SID and IVR_TWILIO_AUTH_TOKEN"
        return
    if account.status != "active":
        yield f"the account is {account.status}: no call is connected"
    yield from _unreachable(addresses.call, look)
    if not numbers:
        yield "twilio_numbers.yaml has no number: no call would know its station"
    for number in dict.fromkeys((*numbers, caller_id)):
        found = client.incoming_phone_numbers.list(phone_number=number, limit=1)
        if not found:
            yield f"{number} is no number of this account"
        elif number in numbers:
            yield from _unlike(found[0], addresses)


def point(client: Client, addresses: Addresses, number: str, fallback: str | None) -> bool:
    """Point a number of the account's at us; False where it has no such number. Raises
    TwilioException."""
    found = client.incoming_phone_numbers.list(phone_number=number, limit=1)
    if not found:
        return False
    settings = {
        "voice_url": addresses.call,
        "voice_method": "POST",
        "status_callback": addresses.status,
        "status_callback_method": "POST",
    }
    if fallback is not None:
        settings |= {"voice_fallback_url": fallback, "voice_fallback_method": "GET"}
    found[0].update(**settings)
    return True


def _unreachable(address: str, look: Look) -> Iterator[str]:
    try:
        status = look(address)
    except RequestException as error:
        yield f"{address} can't be reached from here ({_reason(error)}): see \
IVR_TWILIO_PUBLIC_ADDRESS and the proxy before it"
        return
    if status != ONLY_POST:
        yield f"{address} answers {status}: something else than this server is there"


def _unlike(number: Any, addresses: Addresses) -> Iterator[str]:
    name = number.phone_number
    again = f"run: run_ivr.py twilio setup {name}"
    if number.voice_url != addresses.call:
        yield f"{name} asks {number.voice_url or 'nobody'} for what to do: {again}"
    if number.status_callback != addresses.status:
        yield f"{name} doesn't tell us of a call's end: {again}"
    if not number.voice_fallback_url:
        yield (
            f"{name} has no fallback: when this server fails its callers reach nobody; put what "
            "`twilio fallback` prints into a TwiML Bin and give its address to `twilio setup`"
        )


def _reason(error: Exception) -> str:
    return str(getattr(error, "msg", "")) or type(error).__name__
