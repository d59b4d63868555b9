"""A caller's number: as the trunk said it, and in E.164 where it is somebody's own."""

from __future__ import annotations

import phonenumbers

SHORTEST_SUBSCRIBER = 10
"""Figures of a Chinese national number without its 0: an area code and fewer make a short code,
such as 12345 or 95588 with the city's code in front."""
LOCAL = (7, 8)
"""Figures of a number as it is dialled within its city."""


OWN_TYPES = frozenset(
    {
        phonenumbers.PhoneNumberType.MOBILE,
        phonenumbers.PhoneNumberType.FIXED_LINE,
        phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
    }
)


def own_telephone(number: str) -> bool:
    """Is it a mobile or fixed line in China? Anything else is not called back: what a caller's
    side says its number is may be a line that costs us, abroad or at home."""
    parsed = phonenumbers.parse(number)
    return parsed.country_code == 86 and phonenumbers.number_type(parsed) in OWN_TYPES


def e164(said: str | None, area_code: str | None) -> str | None:
    """A caller's own number in E.164; None for what is none, such as the number of a line that
    passed the call on.

    :param area_code: the trunk's, `020`: completes a local number. None where it tells no place.
    """
    if not said:
        return None
    if said.isdecimal() and len(said) in LOCAL and said[0] != "0":
        said = (area_code or "") + said
    try:
        parsed = phonenumbers.parse(said, "CN")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(parsed):
        return None
    if parsed.country_code == 86 and len(str(parsed.national_number)) < SHORTEST_SUBSCRIBER:
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
