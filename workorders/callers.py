"""What is known of a caller by the number alone: a possible earlier contact 可能的既往来电.

One number is not one person. So a match names orders and opens none of them, it is never spoken,
and the number of a line that many share never matches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, bindparam, case, or_, select

from config.statements import Statement
from workorders import number_flags
from workorders.number_flags import Kind
from workorders.order import orders
from workorders.personal import order_secrets

MOST_NAMED = 5
HARASSMENT = "N2"
"""The cause 骚扰 in order_fields.yaml."""
AT_RISK = ("R3", "R4")


class Cause(StrEnum):
    """Why a call is served before or after its time."""

    SUPERVISOR = "supervisor"
    OPEN_ORDER_AT_RISK = "open_order_at_risk"
    HARASSMENT = "harassment"


@dataclass(frozen=True, slots=True)
class Known:
    """`cause`: of its priority, None for a normal one; `because`: what stands behind it, for the
    order. `orders`: open ones of the number whose call is over, those at risk first, then the
    newest: a call that goes on is somebody else's at the same line. `handler`: the counselor who
    handles the first of them that anybody does."""

    cause: Cause | None = None
    because: Mapping[str, Any] = field(default_factory=dict)
    orders: tuple[str, ...] = ()
    handler: str | None = None


NOTHING = Known()

_open_orders = Statement(
    select(orders.c.order_no, orders.c.handler, orders.c.risk, orders.c.cause_main)
    .select_from(order_secrets.join(orders, order_secrets.c.order_no == orders.c.order_no))
    .where(
        order_secrets.c.caller_hash == bindparam("number"),
        orders.c.closed_at.is_(None),
        orders.c.t_end.is_not(None),
    )
    .order_by(
        case((or_(*(orders.c.risk == level for level in AT_RISK)), 0), else_=1),
        orders.c.t_offer.desc(),
        orders.c.order_no.desc(),
    )
    .limit(MOST_NAMED)
)


def known(connection: Connection, number_hash: bytes, at: datetime) -> Known:
    """What a supervisor's words and the open orders say of a number. A word that raises it wins,
    then an order at risk: of the two mistakes the worse is to slow somebody in danger."""
    flags = number_flags.in_force(connection, number_hash, at)
    found = [] if Kind.SHARED in flags else _open_orders.rows(connection, number=number_hash)
    at_risk = [order_no for order_no, _, risk, _ in found if risk in AT_RISK]
    cause: Cause | None = None
    because: dict[str, Any] = {}
    if Kind.RAISED in flags:
        cause, because = Cause.SUPERVISOR, {"flag": flags[Kind.RAISED].id}
    elif at_risk:
        cause, because = Cause.OPEN_ORDER_AT_RISK, {"orders": at_risk}
    elif Kind.SLOWED in flags and Kind.SHARED not in flags:
        cause, because = Cause.HARASSMENT, {"flag": flags[Kind.SLOWED].id}
    harassment = Kind.SLOWED in flags or any(main == HARASSMENT for *_, main in found)
    handlers = [who for _, handler, *_ in found if (who := _counselor(handler))]
    return Known(
        cause,
        because,
        tuple(order_no for order_no, *_ in found),
        handlers[0] if handlers and not harassment else None,
    )


def _counselor(handler: str) -> str | None:
    kind, _, who = handler.partition(":")
    return who if kind == "counselor" else None
