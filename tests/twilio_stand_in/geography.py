"""What Twilio can look up about a number: of places it is given, only the country is certain."""

from __future__ import annotations

import phonenumbers


def country_of(address: str) -> str:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(address)) or ""
    except phonenumbers.NumberParseException:
        return ""
