"""Whose telephone a channel is, as Asterisk names it."""

from __future__ import annotations

import pytest

from ivr.asterisk.dialling import dial_string, phone_of_channel


@pytest.mark.parametrize(
    ("channel", "number"),
    [
        ("PJSIP/sip-8002-0000000a", "8002"),
        ("PJSIP/browser-8002-0000000a", "8002"),
        ("Local/+8613800138000@outside-guangzhou-0000000b;1", "+8613800138000"),
        ("Local/13800138000@outside-wuhan-centre-0000000b;2", "13800138000"),
        ("PJSIP/guangzhou-0000000c", ""),
        ("PJSIP/caller-guangzhou-0000000c", ""),
        ("", ""),
    ],
)
def test_the_telephone_of_a_channel(channel: str, number: str) -> None:
    assert phone_of_channel(channel) == number


def test_the_leg_of_an_outside_number_keeps_its_name_while_they_talk() -> None:
    """Else it would be the trunk's alone: nobody's."""
    assert dial_string("+8613800138000@trunk", True) == "Local/+8613800138000@outside-trunk/n"
    assert dial_string("sip-8002", False) == "PJSIP/sip-8002"
