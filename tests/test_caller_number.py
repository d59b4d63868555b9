"""Which numbers are a caller's own."""

from __future__ import annotations

import pytest

from ivr.caller_number import e164


@pytest.mark.parametrize(
    ("said", "area_code", "number"),
    [
        ("13570001234", "020", "+8613570001234"),
        ("+8613570001234", None, "+8613570001234"),
        ("008613570001234", None, "+8613570001234"),
        ("02087654321", None, "+862087654321"),
        ("87654321", "020", "+862087654321"),
        ("6234567", "0751", "+867516234567"),
        ("87654321", None, None),
        ("+85223456789", "020", "+85223456789"),
        ("12345", "020", None),
        ("02012345", "020", None),
        ("+862012355", "020", None),
        ("95588", "020", None),
        ("110", "020", None),
        ("4", "020", None),
        ("", "020", None),
        (None, "020", None),
    ],
)
def test_a_callers_number(said: str | None, area_code: str | None, number: str | None) -> None:
    assert e164(said, area_code) == number
