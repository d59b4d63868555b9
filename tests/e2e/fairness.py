"""Was everybody served in turn, and nobody rung for two calls at once?"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import combinations

from sqlalchemy import Connection

from routing.offers import offers
from tests.e2e.line import Deployment
from tests.e2e.sipp import Phone
from workorders.views import View

JOINING = timedelta(milliseconds=250)
"""Between the key that is heard and the place in the queue, on a busy machine: of two who come
within it neither was first."""


def one_at_a_time(phone: Phone) -> bool:
    """Did every call of a telephone end before the next one rang?"""
    busy = False
    for event in phone.happened:
        if event.what == "rings":
            if busy:
                return False
            busy = True
        elif event.what in ("hung_up", "other_hung_up", "cancelled"):
            busy = False
    return True


def first_come_first_served(line: Deployment, orders: list[View]) -> bool:
    """Were counselors found for these calls, all answered, in the order in which they came?"""
    wanted = {order["call_id"] for order in orders}

    def work(connection: Connection) -> dict[str, datetime]:
        rows = connection.execute(offers.select().where(offers.c.result == "answered"))
        return {row.call_id: row.made_at for row in rows if row.call_id in wanted}

    found = line.store(work)
    assert set(found) == wanted
    came = {order["call_id"]: datetime.fromisoformat(order["t_queue"]) for order in orders}
    return all(
        found[earlier] <= found[later] or came[later] - came[earlier] < JOINING
        for earlier, later in combinations(sorted(wanted, key=lambda call: came[call]), 2)
    )
