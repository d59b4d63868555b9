"""What somebody leaves on the callers' page, in writing: an order at the station of their region,
with the clock of a spoken message; of a request to be called back, a place in the queue
(`ivr.page_callbacks`) instead of the clock, unless they wrote when it is safe: a counselor reads
that.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import phonenumbers
from sqlalchemy import Connection

from ivr.assembly import Assembly
from ivr.caller_number import e164, own_telephone
from ivr.left_to_people import staffed
from ivr.page_callbacks import keep, possible
from ivr.page_visits import CHANNEL
from workorders.alarms import message_waits
from workorders.life import Case
from workorders.log import Entry
from workorders.order import station_in_charge
from workorders.personal import caller_hash
from workorders.safe_contact import SafeContact


class Wish(StrEnum):
    MESSAGE = "message_written"
    """留言."""
    CALLBACK = "callback_asked"
    """请求回电: agreed to, and the counselor is on the line before the telephone rings."""


@dataclass(frozen=True, slots=True)
class Left:
    """`number`: E.164, one that `callable_number` gave. `region`: a code, None where not said.
    `language`: of the page, `zh-CN` or `en`."""

    wish: Wish
    text: str
    number: str | None
    contact: SafeContact
    region: str | None
    language: str


def callable_number(assembly: Assembly, typed: str) -> str | None:
    """A typed number in E.164, where a counselor may call it: a mobile or fixed line in China that
    isn't a line of ours or of the directory. None: no other is ever called, emergency and short
    numbers least of all."""
    number = e164(typed.strip(), None)
    if number is None or not own_telephone(number) or _has_extension(typed):
        return None
    if assembly.stations.by_access_number(number) is not None or assembly.directory.has(number):
        return None
    return number


def leave(connection: Connection, assembly: Assembly, left: Left, at: datetime) -> str:
    """Open the order; its number. Committed with the caller's transaction."""
    log, stations = assembly.log, assembly.stations
    region = stations.regions.get(left.region)
    queued = left.wish is Wish.CALLBACK and not left.contact.hours and possible(assembly)
    home = stations.home_for(region.code if region else None)
    machine = f"{assembly.settings.asterisk_name}-" if queued else ""
    call_id = f"{machine}{CHANNEL}{'.' if queued else '-'}{secrets.token_hex(12)}"
    order_no, opening = log.opening(
        connection,
        call_id=call_id,
        at=at,
        channel=CHANNEL,
        access_number=assembly.settings.default_access_number,
        caller_id=left.number,
        id_trust="stated" if left.number else "withheld",
        fields={
            "region_stated": region.code if region else None,
            "region_source": "stated" if region else None,
            "region_confidence": "hint" if region else None,
            "station_home": home,
            "language": left.language,
            "topic": "unknown",
        },
    )
    log.append_all(connection, order_no, [], opening)
    written = Entry(
        str(left.wish), at, "caller", {},
        notes={"message": left.text} if left.text else {},
        personal={"safe_contact": left.contact.text()},
    )  # fmt: skip
    if queued and left.number is not None:
        number = caller_hash(log.keys, left.number)
        kept = keep(connection, assembly, order_no, call_id, home, left.language, number, at)
        log.append_all(connection, order_no, [written, *kept])
        return order_no
    closing = Entry.closing(at, str(left.wish), "caller")
    log.append_all(connection, order_no, [written, closing])
    case = Case(connection, log, order_no, at, "system")
    message_waits(case, staffed(connection, station_in_charge(case.row)))
    return order_no


def _has_extension(typed: str) -> bool:
    """Whoever answers at a switchboard is not who asked."""
    try:
        return phonenumbers.parse(typed, "CN").extension is not None
    except phonenumbers.NumberParseException:
        return True
