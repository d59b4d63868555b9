"""What a counselor hears of a call before its caller."""

from __future__ import annotations

from collections.abc import Mapping

from config.topics import NOT_CHOSEN, Topic

LANGUAGE = "zh-CN"
"""Of our own people."""


def whispered(
    topics: Mapping[str, Topic], topic: str | None, region: str | None, order_no: str
) -> str:
    """`广州市，法律，工单0017`. `region`: its name, None where it isn't known."""
    known = topics.get(topic or NOT_CHOSEN, topics[NOT_CHOSEN])
    return "，".join((region or "地区不详", known.name(LANGUAGE), f"工单{order_no[-4:]}"))
