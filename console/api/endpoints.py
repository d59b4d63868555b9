"""All that the API can be asked: one table, from which come the addresses, who may ask, what is
checked, and the description."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from pydantic import BaseModel

from console.api import (
    closing,
    counselors,
    intake,
    order_acts,
    orders,
    presence,
    referrals,
    reports,
)
from console.api.acting import IDEMPOTENCY_KEY, Numbered
from console.api.asked import Asked
from console.api.closing import Reopening
from console.api.counselors import Counselor, CounselorPage, CounselorsAsked
from console.api.intake import Given, Receipt
from console.api.order_acts import Decision, Done, Filled, Planned, Remark
from console.api.order_models import Number, Order, OrderPage, OrdersAsked, ReasonGiven
from console.api.presence import Everybody, Mine, Wanted
from console.api.referrals import Referral, Refusal, Reply
from console.api.reports import ReceiptNumber, Reported, Suspicion
from console.api.scopes import Scope

Does = Callable[[Asked], BaseModel | tuple[BaseModel, HTTPStatus]]
OK, CREATED = HTTPStatus.OK, HTTPStatus.CREATED


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`answers`: by status; the first is the usual one. `headers`: of the request, with what they
    are for. `conflicts`: the state of things may forbid it."""

    method: str
    path: str
    scope: Scope
    does: Does
    summary: str
    answer: type[BaseModel]
    answers: tuple[HTTPStatus, ...] = (OK,)
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    headers: tuple[tuple[str, str], ...] = ()
    conflicts: bool = False

    @property
    def name(self) -> str:
        """Of the operation: `orders.show`."""
        return f"{self.does.__module__.rpartition('.')[2]}.{self.does.__name__}"


_ORDER = "/orders/{order_no}"
_REFERRAL = f"{_ORDER}/referrals/{{number}}"
_NAMED = (IDEMPOTENCY_KEY, "Names it for good where there is no upstream_order_no.")
_ONCE = (IDEMPOTENCY_KEY, "Names it for good: sent again by this name, it is done once.")


def _act(
    path: str, does: Does, summary: str, body: type[BaseModel] | None, *, makes: bool = False,
    scope: Scope = Scope.ORDERS_WRITE,
) -> Endpoint:  # fmt: skip
    """Something that is done to an order; `makes`: something that has a number in it."""
    answer, answers = (Numbered, (CREATED, OK)) if makes else (Order, (OK,))
    return Endpoint(
        "POST", path, scope, does, summary, answer, answers, body=body, headers=(_ONCE,),
        conflicts=True,
    )  # fmt: skip


ENDPOINTS = (
    Endpoint("GET", "/orders", Scope.ORDERS_READ, orders.listed,
             "Orders, the newest first", OrderPage, query=OrdersAsked),
    Endpoint("GET", _ORDER, Scope.ORDERS_READ, orders.show, "One order", Order),
    Endpoint("POST", f"{_ORDER}/number", Scope.ORDERS_NUMBERS, orders.open_number,
             "The caller's number, for a reason", Number, body=ReasonGiven),
    Endpoint("PATCH", f"{_ORDER}/fields", Scope.ORDERS_WRITE, order_acts.fill_in,
             "Fill in fields of the form", Order, body=Filled, conflicts=True),
    _act(f"{_ORDER}/notes", order_acts.note, "Add a remark", Remark),
    _act(f"{_ORDER}/decisions", order_acts.decide, "Say what becomes of it", Decision),
    _act(f"{_ORDER}/follow-ups", order_acts.plan_follow_up, "Plan a follow-up", Planned,
         makes=True),
    _act(f"{_ORDER}/follow-ups/{{number}}/result", order_acts.follow_up, "Report a follow-up",
         Done),
    _act(f"{_ORDER}/referrals", referrals.refer, "Refer to an authority", Referral, makes=True),
    _act(f"{_REFERRAL}/signature", referrals.sign, "Sign for a referral", None,
         scope=Scope.ORDERS_ANSWER),
    _act(f"{_REFERRAL}/reply", referrals.reply, "Say what was done about a referral", Reply,
         scope=Scope.ORDERS_ANSWER),
    Endpoint("POST", f"{_REFERRAL}/refusal", Scope.ORDERS_ANSWER, referrals.send_back,
             "Send a referral back", Numbered, body=Refusal, headers=(_ONCE,), conflicts=True),
    _act(f"{_ORDER}/suspicion", reports.suspect, "Say that harm to a minor is suspected",
         Suspicion),
    _act(f"{_ORDER}/reports", reports.report, "Record a mandatory report", Reported, makes=True),
    _act(f"{_ORDER}/reports/{{number}}/receipt", reports.give_receipt,
         "Record a report's receipt number", ReceiptNumber),
    _act(f"{_ORDER}/closing", closing.close, "Close it", None),
    _act(f"{_ORDER}/reopening", closing.reopen, "Take it up again", Reopening),
    Endpoint("GET", "/counselors", Scope.COUNSELORS_READ, counselors.listed,
             "The counselors of the branch", CounselorPage, query=CounselorsAsked),
    Endpoint("GET", "/counselors/{counselor}", Scope.COUNSELORS_READ, counselors.show,
             "One counselor", Counselor),
    Endpoint("GET", "/presence", Scope.PRESENCE_READ, presence.show,
             "Who is there, or how many", Everybody),
    Endpoint("GET", "/presence/me", Scope.PRESENCE_READ, presence.show_mine,
             "The account's own counselor", Mine),
    Endpoint("PUT", "/presence/me", Scope.PRESENCE_WRITE, presence.change_mine,
             "Log in, pause or log out", Mine, body=Wanted, conflicts=True),
    Endpoint("POST", "/intake", Scope.INTAKE_WRITE, intake.give,
             "Hand in an order; again, it is the same one", Receipt, (CREATED, OK), body=Given,
             headers=(_NAMED,), conflicts=True),
    Endpoint("GET", "/intake/{order_no}", Scope.INTAKE_WRITE, intake.show,
             "What became of an order that was handed in", Receipt),
)  # fmt: skip
