"""Who handles an order 承办人 when its counselor's shift is over: the station's duty lead.

`station:<id>` as a handler means the station's duty lead, whoever the plan of shifts names at
the time it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from config.database import one_at_a_time
from workorders.log import Log
from workorders.order import orders, station_in_charge

RELEASING = 15
AT_ONCE = 50
"""One transaction keeps callers' turns waiting: the rest of somebody's many orders follow."""

_handled = (
    select(
        orders.c.order_no,
        orders.c.handler,
        orders.c.station_lead,
        orders.c.station_answering,
        orders.c.station_home,
    )
    .where(
        orders.c.handler.in_(bindparam("handlers", expanding=True)), orders.c.closed_at.is_(None)
    )
    .limit(AT_ONCE)
)


def station_of(handler: str) -> str | None:
    """The station whose duty lead is meant; None where the handler is a person."""
    kind, _, station = handler.partition(":")
    return station if kind == "station" else None


def release(
    connection: Connection,
    log: Log,
    counselors: Collection[str],
    duty_lead: Callable[[str], str | None],
    at: datetime,
) -> int:
    """Orders that are not closed and handled by any of `counselors` go to their station; how
    many did. At most AT_ONCE at a time.

    :param counselors: ids of those whose shift is over.
    :param duty_lead: the counselor id of a station's, which the event names.
    """
    if not counselors:
        return 0
    one_at_a_time(connection, RELEASING)
    handlers = [f"counselor:{who}" for who in counselors]
    found = connection.execute(_handled, {"handlers": handlers}).all()
    for order in found:
        lead = duty_lead(station_in_charge(order._mapping) or "")
        data = {"from": order.handler, "duty_lead": f"counselor:{lead}" if lead else None}
        log.append(connection, order.order_no, "handler_released", at, "system", data)
    return len(found)
