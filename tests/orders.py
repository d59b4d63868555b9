"""Orders opened by themselves; a call's turn opens them together with what happens first."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from workorders.log import Log


def open_order(log: Log, connection: Connection, **call: Any) -> str:
    """Open the order of a call and return its number; again, it changes nothing."""
    order_no, opening = log.opening(connection, **call)
    if opening is not None:
        log.append_all(connection, order_no, (), opening)
    return order_no
