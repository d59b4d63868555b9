"""What of the tree of stations, and which orders, an account may see.

An account belongs to a node of the tree. Contents of orders are its own station's alone; figures
and presence are of its branch: the station and all below it. A regional centre is a station of
its own. Whoever declined an order or sent it back 退单 has no more to do with it: they still see
that it was theirs and went back, and nothing of what it says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from sqlalchemy import ColumnElement, String, cast, false, or_, select

from console.accounts import Account
from console.roles import Orders
from routing.offers import offers
from routing.stations import Stations
from workorders.handover import STATION
from workorders.order import Row, orders, station_in_charge
from workorders.views import View

c = orders.c

STAFF_FIELDS = frozenset({
    "priority", "station_answering", "first_responder", "handler", "t_answer", "hung_up_by",
    "consent_ref",
})  # fmt: skip
"""How the call was served: of no concern to who is referred to."""


def branch(stations: Stations, station: str) -> frozenset[str]:
    """The station and all below it."""

    def below(other: str | None) -> bool:
        while other is not None and other != station:
            other = stations.parent(other)
        return other is not None

    return frozenset(each for each in stations if below(each))


def known_to(account: Account, stations: Stations) -> ColumnElement[bool]:
    """Holds of the orders that the account may read, and of those that went back from it."""
    match account.may.orders:
        case Orders.NONE:
            return false()
        case Orders.STATION:
            return or_(
                c.station_home == account.station,
                c.station_answering == account.station,
                c.station_lead == account.station,
                # 首问负责: whoever was passed on is still theirs.
                c.first_responder == f"counselor:{account.id}",
                _talks(account.id),
                c.handler == f"counselor:{account.id}",
                _written(c.stations_assisting, json.dumps(account.station)),
                _dispatched(account.station),
                _lists(c.handovers, "to", f"{STATION}{account.station}"),
            )
        case Orders.DISPATCHED:
            return _dispatched(account.station)
        case Orders.REFERRED:
            unit = account.unit or ""
            theirs = or_(_lists(c.referrals, "target", unit), _dispatched(unit))
            return theirs & c.station_home.in_(sorted(branch(stations, account.station)))
        case _ as never:
            assert_never(never)


@dataclass(frozen=True, slots=True)
class Came:
    """Something of an order that came to somebody. `what`: `referrals`, `dispatches` or
    `handovers`. `went`: when they sent it back or declined it."""

    what: str
    at: datetime
    went: datetime | None


def came(account: Account, row: Row) -> Iterator[Came]:
    """:param row: or a view of the order."""
    station = account.station
    match account.may.orders:
        case Orders.REFERRED:
            asked = [
                ("referrals", {"target": account.unit}, "sent", "refused"),
                ("dispatches", {"to": account.unit}, "sent", "refused"),
            ]
        case Orders.DISPATCHED:
            asked = [("dispatches", {"to": station}, "sent", "refused")]
        case _:
            asked = [
                ("dispatches", {"to": station}, "sent", "refused"),
                ("handovers", {"to": f"{STATION}{station}"}, "at", "declined"),
            ]
    for what, whom, sent, back in asked:
        for each in row[what] or ():
            if whom.items() <= each.items():
                went = each[back] and datetime.fromisoformat(each[back])
                yield Came(what, datetime.fromisoformat(each[sent]), went)


def went_back(account: Account, row: Row) -> bool:
    """Was the order theirs only by what they declined or sent back?

    :param row: or a view, of an order that is known to the account.
    """
    if account.may.orders is Orders.STATION:
        one = ("station_home", "station_answering", "station_lead")
        stations = {row[name] for name in one} | set(row["stations_assisting"] or ())
        by_name = f"counselor:{account.id}" in (row["first_responder"], row["handler"])
        if by_name or account.station in stations:
            return False
    every = list(came(account, row))
    # Nothing came to whoever is asked into a talk from elsewhere.
    return bool(every) and all(each.went is not None for each in every)


def _talks(counselor_id: str) -> ColumnElement[bool]:
    """Whoever is asked in from another station: a caller must not tell it all again. While they
    are there."""
    o = offers.c
    there = (o.counselor_id == counselor_id) & o.answered_at.is_not(None) & o.ended_at.is_(None)
    return c.call_id.in_(select(o.call_id).where(there))


def in_charge(account: Account, row: Row) -> bool:
    """May this account do whatever becomes of the order? The station in charge does; the others
    that may read it answer what they are asked.

    :param row: of an order that is readable to the account.
    """
    return account.may.work and station_in_charge(row) == account.station


def still_theirs(account: Account, sent: View) -> bool:
    """Was this referral or dispatch sent to them, and not sent back?"""
    return _is_to(account, sent) and sent["refused"] is None


def _is_to(account: Account, sent: View) -> bool:
    """A dispatch is to a station or a partner, a referral to an authority."""
    if account.may.orders is Orders.REFERRED:
        return bool(account.unit == (sent.get("to") or sent["target"]))
    return account.may.acts and bool(sent.get("to") == account.station)


def sent_to(view: View, who: Account) -> tuple[list[View], list[View]]:
    """An order's referrals and dispatches; to whom something was sent, only that."""
    everything = who.may.orders is Orders.STATION
    referrals, dispatches = (
        [one for one in view[name] or () if everything or _is_to(who, one)]
        for name in ("referrals", "dispatches")
    )
    return referrals, dispatches


def _dispatched(to: str) -> ColumnElement[bool]:
    return _lists(c.dispatches, "to", to)


def _lists(column: ColumnElement[object], name: str, value: str) -> ColumnElement[bool]:
    """One of the objects in the list has this member."""
    return _written(column, json.dumps({name: value})[1:-1])


def _written(column: ColumnElement[object], text: str) -> ColumnElement[bool]:
    # Both stores keep JSON as it was written. Inside a string the quotes would be escaped, so this
    # finds nothing else.
    return cast(column, String).contains(text, autoescape=True)
