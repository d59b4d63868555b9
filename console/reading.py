"""Reading an order: whose it is to read, and that it was read is written down first."""

from __future__ import annotations

from datetime import datetime

from flask import abort
from sqlalchemy import Connection, select

from config.database import Store
from console import audit
from console.accounts import Account
from console.audit import Action
from console.visible import known_to, went_back
from console.visitor import address as where
from console.visitor import visitor
from ivr.assembly import Assembly
from routing.stations import Stations
from workorders.order import Row, orders


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
    """Committed before anything is shown. False where the order isn't theirs to read, or no more,
    which must look as if there were none."""
    row = store.read(lambda connection: known(connection, stations, who, order_no))
    if row is None or went_back(who, row):
        return False
    store.write(
        lambda connection: audit.note(
            connection, action, who.id, address, at, order_no, detail, token
        )
    )
    return True


def known(connection: Connection, stations: Stations, who: Account, order_no: str) -> Row | None:
    """An order that is theirs, or that was and went back."""
    of = (orders.c.order_no == order_no) & known_to(who, stations)
    row = connection.execute(select(orders).where(of)).first()
    return None if row is None else row._mapping


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
