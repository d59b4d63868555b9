"""Reading an order: whose it is to read, and that it was read is written down first."""

from __future__ import annotations

from datetime import datetime

from flask import abort
from sqlalchemy import select

from config.database import Store
from console import audit
from console.accounts import Account
from console.audit import Action
from console.visible import readable
from console.visitor import address as where
from console.visitor import visitor
from ivr.assembly import Assembly
from routing.stations import Stations
from workorders.order import orders


def noted(
    store: Store,
    stations: Stations,
    who: Account,
    action: Action,
    order_no: str,
    at: datetime,
    address: str,
    *,
    detail: str | None = None,
    token: str | None = None,
) -> bool:
    """Committed before anything is shown. False where the order isn't theirs to read, which must
    look as if there were none."""
    of = (orders.c.order_no == order_no) & readable(who, stations)
    query = select(orders.c.order_no).where(of)
    if store.read(lambda connection: connection.execute(query).first()) is None:
        return False
    store.write(
        lambda connection: audit.note(
            connection, action, who.id, address, at, order_no, detail, token
        )
    )
    return True


def note_reading(
    assembly: Assembly,
    order_no: str,
    at: datetime,
    action: Action = Action.ORDER_READ,
    reason: str | None = None,
) -> None:
    """For a page: ends the request where the order isn't the visitor's to read."""
    house, who = assembly, visitor()
    if not noted(house.store, house.stations, who, action, order_no, at, where(), detail=reason):
        abort(404)
