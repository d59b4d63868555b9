"""Orders as programs read them. What the account's role doesn't show it on a page is left out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from console.accounts import Account
from console.api.codes import Answer, Model, OrderNo, Several, Utc
from console.roles import Caller, Orders
from console.visible import STAFF_FIELDS, sent_to
from console.words import FIELDS
from console.words_of_people import Notes
from workorders.life_cycle import State
from workorders.life_view import waited_for
from workorders.referral import Stage
from workorders.views import View

ALWAYS = frozenset({"order_no", "channel", "upstream_order_no", "state", "caller"})


class Sent(Answer):
    """A referral 转介, or a dispatch 派单."""

    no: int
    target: str
    to: str | None = None
    stage: Stage
    sent: Utc
    signed: Utc | None
    refused: Utc | None
    answered: Utc | None


class Waited(Answer):
    """What is waited for, and until when. `of`: which referral, follow-up … or station."""

    clock: str
    of: int | str | None
    start: Utc
    due: Utc


class Report(Answer):
    """强制报告"""

    no: int
    target: str
    channel: str
    at: Utc
    receipt_no: str | None


class FollowUp(Answer):
    """跟踪反馈"""

    no: int
    when: Utc
    whom: str
    done: Utc | None
    result: str | None


class Event(Answer):
    """What happened. `notes`: what somebody wrote beside it, by what it is."""

    seq: int
    at: Utc
    kind: str
    actor: str
    notes: dict[str, str]


class OrderSummary(Answer):
    """An order, as a list has it. A field is null where it isn't known, or isn't shown to this
    account."""

    order_no: OrderNo
    channel: str
    upstream_order_no: str | None = None
    state: State
    caller: Annotated[
        str | None, Field(description="Sealed; null: none, or hidden.", examples=["138****8000"])
    ] = None
    topic: str | None = None
    priority: int | None = None
    language: str | None = None
    station_home: str | None = None
    station_answering: str | None = None
    first_responder: str | None = None
    handler: str | None = None
    t_offer: Utc | None = None
    t_answer: Utc | None = None
    t_end: Utc | None = None
    outcome: str | None = None
    risk: str | None = None
    cause_main: str | None = None
    outcomes: list[str] | None = None
    closed_at: Utc | None = None


class Order(OrderSummary):
    """An order. From `reports` on, lists are for the staff of its station."""

    hung_up_by: str | None = None
    caller_role: str | None = None
    age: str | None = None
    sex: str | None = None
    schooling: str | None = None
    groups: list[str] | None = None
    guardian_suspected: str | None = None
    causes: list[str] | None = None
    satisfaction: int | None = None
    region_stated: str | None = None
    region_incident: str | None = None
    region_domicile: str | None = None
    consent_ref: str | None = None
    station_lead: str | None = None
    stations_assisting: list[str] | None = None
    referrals: tuple[Sent, ...] = ()
    dispatches: tuple[Sent, ...] = ()
    reports: tuple[Report, ...] = ()
    follow_ups: tuple[FollowUp, ...] = ()
    waits: tuple[Waited, ...] = ()
    events: tuple[Event, ...] = ()


class OrderPage(Answer):
    """The newest orders first."""

    items: list[OrderSummary]
    next: str | None = Field(description="`cursor` of the next page; null: there is none.")


class OrdersAsked(Model):
    """What a list is narrowed to."""

    limit: Several = 50
    cursor: OrderNo | None = Field(None, description="`next` of the page before.")
    since: Utc | None = Field(None, description="Offered at this instant or later.")
    until: Utc | None = Field(None, description="Offered before this instant.")
    station: str | None = Field(
        None, max_length=40, description="At home or answered there.", examples=["440100"]
    )
    state: Literal["received", "handling", "assessing", "closed"] | None = None


class ReasonGiven(Model):
    """Why a number is opened."""

    reason: Annotated[str, Field(min_length=4, max_length=500, pattern=r"\S.*\S.*\S.*\S")]


class Number(Answer):
    """`number`: E.164; null where it is withheld, or was deleted. `contact`: how else they said
    they are reached safely."""

    number: str | None
    contact: list[str]


def summary(view: View, who: Account) -> OrderSummary:
    """:param view: of `orders_of`."""
    return OrderSummary.model_validate(_shown(view, who))


def whole(view: View, notes: Notes, who: Account) -> Order:
    """:param view: of `order_view`. `notes`: of `words_of_people`."""
    referrals, dispatches = sent_to(view, who)
    more: dict[str, Any] = {"referrals": referrals, "dispatches": dispatches}
    if who.may.course:
        more["reports"] = view["reports"] or []
        more["follow_ups"] = view["followups"] or []
        more["waits"] = [
            {"clock": each.clock, "of": each.of, "start": each.start, "due": each.due}
            for each in waited_for(view)
        ]
        written = notes if who.may.work else {}
        more["events"] = [
            {**event, "notes": written.get(event["seq"], {})} for event in view["events"]
        ]
    return Order.model_validate({**_shown(view, who), **more})


def _shown(view: View, who: Account) -> View:
    known = ALWAYS | FIELDS.keys()
    hidden = STAFF_FIELDS if who.may.orders is Orders.REFERRED else frozenset[str]()
    found = {
        name: value
        for name, value in view.items()
        if who.may.course or (name in known and name not in hidden)
    }
    if who.may.caller is Caller.HIDDEN:
        found["caller"] = None
    return found
