"""An order is read: written down first, then shown."""

from __future__ import annotations

from datetime import datetime

from flask import abort
from sqlalchemy import select

from console import audit
from console.audit import Action
from console.visible import readable
from console.visitor import address, visitor
from ivr.assembly import Assembly
from workorders.order import orders


def note_reading(
    assembly: Assembly,
    order_no: str,
    at: datetime,
    action: Action = Action.ORDER_READ,
    reason: str | None = None,
) -> None:
    """Committed before anything is shown. Ends the request where the order isn't the visitor's to
    read, which looks as if there were none."""
    who, here, store = visitor(), address(), assembly.store
    of = (orders.c.order_no == order_no) & readable(who, assembly.stations)
    found = store.read(lambda c: c.execute(select(orders.c.order_no).where(of)).first())
    if found is None:
        abort(404)
    store.write(lambda c: audit.note(c, action, who.id, here, at, order_no, reason))
