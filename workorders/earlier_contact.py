"""Possible earlier contact 可能的既往来电: one number is not one person. The orders that a call's
order names, and the background of the number's plan, stay closed until the counselor has recorded
how identity was checked."""

from __future__ import annotations

import json

from sqlalchemy import Connection, select

from workorders import contact_plans
from workorders.life import Case, NotPossible, must_say
from workorders.order import order_events

e = order_events.c


def named(connection: Connection, order_no: str) -> tuple[str, ...]:
    """The earlier orders of the number, as they were found when the call came."""
    query = select(e.data).where(e.order_no == order_no, e.kind == "possible_earlier_contact")
    found = [json.loads(data)["orders"] for data in connection.execute(query).scalars()]
    return tuple(dict.fromkeys(order for orders in found for order in orders))


def checked(connection: Connection, order_no: str) -> bool:
    """Has anybody recorded that it is the same person?"""
    query = select(e.seq).where(e.order_no == order_no, e.kind == "identity_checked").limit(1)
    return connection.execute(query).first() is not None


def check(case: Case, how: str) -> None:
    """It is the same person.

    :param how: it was checked; personal.
    """
    if not (
        named(case.connection, case.order_no)
        or contact_plans.has_background(case.connection, case.order_no)
    ):
        raise NotPossible("identity: no earlier contact is known")
    case.record("identity_checked", notes={"how": must_say("how it was checked", how)})
