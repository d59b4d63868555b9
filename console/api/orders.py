"""Orders: the list, one order, its number."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from console import words_of_people
from console.api.asked import Asked
from console.api.order_models import (
    Number,
    Order,
    OrderPage,
    OrdersAsked,
    ReasonGiven,
    summary,
    whole,
)
from console.api.problems import Mistake, unfit
from console.audit import Action
from console.visible import known_to, went_back
from console.words_of_people import Notes
from workorders.order import orders
from workorders.views import View, caller_number, order_view, orders_of

c = orders.c


def listed(asked: Asked) -> OrderPage:
    query, house = asked.query_as(OrdersAsked), asked.house
    theirs = known_to(asked.who, house.stations)

    def work(connection: Connection) -> list[View]:
        where = [theirs, *_narrowed(query)]
        if query.cursor is not None:
            where.append(_older_than(connection, query.cursor))
        return orders_of(connection, house.log.keys, limit=query.limit + 1, where=where)

    found = house.store.read(work)
    given = query.model_dump(mode="json", exclude_defaults=True)
    told = " ".join(f"{name}={value}" for name, value in given.items())
    asked.note(Action.ORDERS_LISTED, told or None)
    page = found[: query.limit]
    return OrderPage(
        items=[summary(view, asked.who) for view in page if not went_back(asked.who, view)],
        next=page[-1]["order_no"] if len(found) > len(page) else None,
    )


def show(asked: Asked) -> Order:
    return shown(asked, asked.note_order(Action.ORDER_READ))


def shown(asked: Asked, order_no: str) -> Order:
    """An order whose reading was noted."""

    keys = asked.house.log.keys

    def work(connection: Connection) -> tuple[View, Notes]:
        notes, _ = words_of_people.read(connection, keys, order_no)
        return order_view(connection, keys, order_no), notes

    return whole(*asked.house.store.read(work), asked.who)


def open_number(asked: Asked) -> Number:
    reason = " ".join(asked.body_as(ReasonGiven).reason.split())
    order_no = asked.note_order(Action.NUMBER_OPENED, reason)

    keys = asked.house.log.keys

    def work(connection: Connection) -> Number:
        number = caller_number(connection, keys, order_no)
        _, contact = words_of_people.read(connection, keys, order_no)
        return Number(number=number, contact=contact if asked.who.may.course else [])

    return asked.house.store.read(work)


def _narrowed(query: OrdersAsked) -> Iterator[ColumnElement[bool]]:
    if query.since is not None:
        yield c.t_offer >= query.since
    if query.until is not None:
        yield c.t_offer < query.until
    if query.station is not None:
        yield or_(c.station_home == query.station, c.station_answering == query.station)
    if query.state is not None:
        yield c.state == query.state


def _older_than(connection: Connection, order_no: str) -> ColumnElement[bool]:
    at = connection.execute(select(c.t_offer).where(c.order_no == order_no)).scalar()
    if at is None:
        raise unfit(Mistake(where="query.cursor", what="is not `next` of any page"))
    return or_(c.t_offer < at, and_(c.t_offer == at, c.order_no < order_no))
