"""Referrals 转介: sent out by the station in charge; signed for, answered or sent back by who was
asked, or by the station that is told so by telephone."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from console.accounts import Account
from console.api.acting import Allowed, Numbered, act, done, made, numbered
from console.api.asked import Asked
from console.api.codes import TARGET, Line, Model, Text
from console.api.order_models import Order
from console.visible import in_charge, still_theirs
from workorders import sent_out
from workorders.order import Row


class Referral(Model):
    """`summary`: what they are asked to do. `contact`: whom there."""

    target: Annotated[str, TARGET]
    summary: Text
    contact: Line | None = None


class Reply(Model):
    """What they did 回执."""

    receipt: Text


class Refusal(Model):
    """Why it goes back 退单."""

    reason: Text


def refer(asked: Asked) -> tuple[Numbered, HTTPStatus]:
    given = asked.body_as(Referral)
    return made(
        asked,
        lambda case: sent_out.refer(case, given.target, given.summary, given.contact or ""),
    )


def sign(asked: Asked) -> Order:
    number = numbered(asked)
    return done(asked, lambda case: sent_out.sign_referral(case, number), _of(number))


def reply(asked: Asked) -> Order:
    number, receipt = numbered(asked), asked.body_as(Reply).receipt
    return done(asked, lambda case: sent_out.reply_to_referral(case, number, receipt), _of(number))


def send_back(asked: Asked) -> Numbered:
    """Of the order whoever sent it back sees no more."""
    number, reason = numbered(asked), asked.body_as(Refusal).reason
    act(asked, lambda case: sent_out.refuse_referral(case, number, reason), _of(number))
    return Numbered(no=number)


def _of(number: int) -> Allowed:
    """Theirs, or of the station in charge."""

    def allowed(who: Account, row: Row) -> bool:
        mine = [each["no"] for each in row["referrals"] or () if still_theirs(who, each)]
        return number in mine or in_charge(who, row)

    return allowed
