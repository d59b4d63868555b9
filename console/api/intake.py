"""Orders of other channels: handed in once, and what became of them for who handed them in."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from pydantic import Field
from sqlalchemy import Connection, select

from config.topics import NOT_CHOSEN, load_topics
from console.accounts import Account
from console.api.acting import IDEMPOTENCY_KEY
from console.api.asked import Asked
from console.api.codes import Answer, Line, Model, OrderNo, Region, Text, Utc
from console.api.problems import Mistake, Refused, missing, unfit
from console.audit import Action, note
from console.people import actor_of
from console.roles import Role
from ivr.caller_number import e164
from workorders.deadlines import kept
from workorders.handed_in import Channel, HandedIn, OtherContents, hand_in
from workorders.life_cycle import State
from workorders.order import orders, station_in_charge

SEPARATOR = "/"

c = orders.c


class Contact(Model):
    """How the person is reached safely; kept with the order's own key."""

    number: (
        Annotated[
            str, Field(max_length=20, pattern=r"^\+?[0-9][0-9 -]{4,18}$", examples=["13800138000"])
        ]
        | None
    ) = Field(None, description="Their own telephone; sealed from then on.")
    how: Line | None = Field(
        None, description="When, by what else, and whether 12355 may be named."
    )


class Given(Model):
    """An order of another channel. It has a name for good, `upstream_order_no` or the header
    Idempotency-Key, by which a second one is known to be the same."""

    channel: Channel
    upstream_order_no: (
        Annotated[
            str, Field(pattern=r"^[!-~]{1,64}$", description="Its number where it comes from.")
        ]
        | None
    ) = None
    region: Region | None = Field(
        None, description="Where the person says they are; null: of the account's station."
    )
    topic: Annotated[str, Field(max_length=40, examples=["law", "psychology"])] = NOT_CHOSEN
    text: Text
    contact: Contact | None = None
    in_danger: bool = Field(False, description="Somebody may be: it is looked at within the hour.")


class Receipt(Answer):
    """What became of an order that was handed in. `station`: who is in charge. `due`: what is
    waited for next is due then."""

    order_no: OrderNo
    upstream_order_no: str | None
    received_at: Utc
    station: str
    state: State
    due: Utc | None
    closed_at: Utc | None


def give(asked: Asked) -> tuple[Receipt, HTTPStatus]:
    given, house = asked.body_as(Given), asked.house
    contact = given.contact or Contact(number=None, how=None)
    number = e164(contact.number, None) if contact.number else None
    topics = load_topics(house.settings.stations_directory)
    wrong = []
    if contact.number and number is None:
        wrong.append(Mistake(where="body.contact.number", what="no telephone has this number"))
    if given.topic not in topics:
        known = " ".join(topics)
        wrong.append(Mistake(where="body.topic", what=f"is not one of {known}"))
    if given.region is not None and house.stations.regions.get(given.region) is None:
        wrong.append(Mistake(where="body.region", what=f"no region has the code {given.region}"))
    name = given.upstream_order_no or asked.headers.get(IDEMPOTENCY_KEY)
    if name is None:
        what = f"give it, or the header {IDEMPOTENCY_KEY}: else sent twice it would be two orders"
        wrong.append(Mistake(where="body.upstream_order_no", what=what))
    if wrong or name is None:
        raise unfit(*wrong)
    home = asked.who.station if given.region is None else house.stations.home_for(given.region)
    kind = "upstream" if given.upstream_order_no else "key"
    order = HandedIn(
        name=_sender(asked.who) + SEPARATOR.join((given.channel, kind, name)),
        channel=given.channel,
        topic=given.topic,
        language=house.stations.settings(home).languages[0],
        station_home=home,
        region=given.region,
        upstream_order_no=given.upstream_order_no,
        text=given.text,
        number=number,
        contact=contact.how or "",
        in_danger=given.in_danger,
    )

    def work(connection: Connection) -> tuple[Receipt, bool]:
        actor = actor_of(connection, asked.who)
        order_no, new = hand_in(connection, house.log, order, asked.at, actor)
        if new:
            note(
                connection, Action.ORDER_HANDED_IN, asked.who.id, asked.address, asked.at,
                order_no, None, asked.token.id,
            )  # fmt: skip
        receipt = _receipt(connection, asked.who, order_no)
        assert receipt is not None
        return receipt, new

    try:
        receipt, new = house.store.write(work)
    except OtherContents as error:
        raise Refused(HTTPStatus.CONFLICT, str(error)) from error
    return receipt, HTTPStatus.CREATED if new else HTTPStatus.OK


def show(asked: Asked) -> Receipt:
    order_no = asked.path["order_no"]
    found = asked.house.store.read(lambda connection: _receipt(connection, asked.who, order_no))
    if found is None:
        raise missing()
    return found


def _sender(who: Account) -> str:
    """Begins the name of all that they hand in: a system by itself, people for their station."""
    return f"handed-in{SEPARATOR}{who.id if who.role is Role.SYSTEM else who.station}{SEPARATOR}"


def _receipt(connection: Connection, who: Account, order_no: str) -> Receipt | None:
    """None where somebody else handed it in."""
    sender = _sender(who)
    row = connection.execute(select(orders).where(c.order_no == order_no)).first()
    if row is None or not row.call_id.startswith(sender):
        return None
    runs = [each.due for each in kept(row._mapping) if each.runs]
    return Receipt(
        order_no=order_no,
        upstream_order_no=row.upstream_order_no,
        received_at=row.t_offer,
        station=station_in_charge(row._mapping) or who.station,
        state=row.state,
        due=min(runs, default=None),
        closed_at=row.closed_at,
    )
