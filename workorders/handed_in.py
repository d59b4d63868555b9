"""An order of another channel: a web form, 微信, a hand-over by 12345. Nobody rang, so its call is
over as soon as it is there, and its clocks run.

Who hands it in says so again whenever they aren't sure that we heard: the same one makes no second
order.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, select

from workorders import risk
from workorders.canonical import canonical
from workorders.life import Case
from workorders.log import Entry, Log, OrderForgotten
from workorders.order import order_events

HANDED_IN = "handed_in"
"""The event, and the outcome of a call that there wasn't."""
CRISIS = 4
"""The highest class of priority, as a caller's `*` gives it."""


class Channel(StrEnum):
    WEB_FORM = "web_form"
    """网页表单"""
    WECHAT = "wechat"
    """微信"""
    LINE_12345 = "12345"
    """12345 转办"""
    OTHER = "other"


SAID = (
    "channel", "topic", "region", "upstream_order_no", "text", "number", "contact", "in_danger"
)  # fmt: skip


class OtherContents(Exception):
    """It was handed in before and said something else; nothing was changed."""

    def __init__(self, order_no: str) -> None:
        super().__init__(f"order {order_no} was handed in by this name with other contents")
        self.order_no = order_no


@dataclass(frozen=True, slots=True)
class HandedIn:
    """`name`: what whoever hands it in calls it, once for all: a second of that name is the same.
    `region`: where the person says they are, GB/T 2260. `text`, `number` (E.164) and `contact`,
    how they are reached safely, are personal. `in_danger`: somebody may be."""

    name: str
    channel: Channel
    topic: str
    language: str
    station_home: str
    region: str | None
    upstream_order_no: str | None
    text: str
    number: str | None
    contact: str
    in_danger: bool


def hand_in(
    connection: Connection, log: Log, given: HandedIn, at: datetime, actor: str
) -> tuple[str, bool]:
    """The order's number, and whether it is new. Raises OtherContents."""
    order_no, opening = log.opening(
        connection,
        call_id=given.name,
        at=at,
        channel=given.channel,
        access_number="",
        caller_id=given.number,
        id_trust="stated" if given.number else "withheld",
        fields={
            "upstream_order_no": given.upstream_order_no,
            "region_stated": given.region,
            "region_source": "stated" if given.region else None,
            "region_confidence": "likely" if given.region else None,
            "station_home": given.station_home,
            "topic": given.topic,
            "language": given.language,
            **({"priority": CRISIS} if given.in_danger else {}),
        },
    )
    if opening is None:
        if not _says_the_same(connection, log, order_no, given):
            raise OtherContents(order_no)
        return order_no, False
    log.append_all(connection, order_no, (), opening)
    case = Case(connection, log, order_no, at, actor)
    case.start("decision")
    case.start("reply")
    case.record(
        HANDED_IN,
        {"said": _digest(connection, log, order_no, given)},
        notes={"text": given.text, "contact": given.contact},
    )
    if given.in_danger:
        # As after `*`: what nobody has assessed is reviewed within the hour.
        risk.assess(case, "RX", crisis_key=True)
    log.append_all(connection, order_no, [Entry.closing(at, HANDED_IN, None, actor="system")])
    return order_no, True


def _digest(connection: Connection, log: Log, order_no: str, given: HandedIn) -> str:
    """Of all that was said, with the order's key: it tells nobody anything once that is gone."""
    said = {name: getattr(given, name) for name in SAID}
    return log.order_key(connection, order_no).digest(HANDED_IN, canonical(said))


def _says_the_same(connection: Connection, log: Log, order_no: str, given: HandedIn) -> bool:
    """What was deleted since can't be compared: it is the same by its name."""
    e = order_events.c
    first = connection.execute(
        select(e.data).where(e.order_no == order_no, e.kind == HANDED_IN)
    ).scalar_one()
    try:
        return bool(json.loads(first)["said"] == _digest(connection, log, order_no, given))
    except OrderForgotten:
        return True
