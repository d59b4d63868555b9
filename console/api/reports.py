"""Harm to a minor: what is suspected, and its mandatory reports 强制报告, which nobody approves."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from pydantic import Field

from console.api.acting import Numbered, done, made, numbered
from console.api.asked import Asked
from console.api.codes import CHANNEL, CHECKED, REPORTED_TO, Line, Model, Text, Utc, choice
from console.api.order_models import Order
from workorders import reports


class Suspicion(Model):
    """Harm or danger to a minor: the clock of the report starts."""

    grounds: Text
    guardian_suspected: Annotated[str, choice("guardian_suspected")] = "不详"


class Reported(Model):
    """It was reported. `recipient`: who took it. `receipt_no`: theirs, which may follow. `checked`:
    what was seen to."""

    target: Annotated[str, REPORTED_TO]
    channel: Annotated[str, CHANNEL]
    at: Utc
    recipient: Line
    receipt_no: Line | None = None
    checked: Annotated[tuple[Annotated[str, CHECKED], ...], Field(max_length=20)] = ()


class ReceiptNumber(Model):
    """What the authority calls it 回执号."""

    receipt_no: Line


def suspect(asked: Asked) -> Order:
    given = asked.body_as(Suspicion)
    return done(
        asked, lambda case: reports.suspect_harm(case, given.grounds, given.guardian_suspected)
    )


def report(asked: Asked) -> tuple[Numbered, HTTPStatus]:
    given = asked.body_as(Reported)
    return made(
        asked,
        lambda case: reports.report(
            case, given.target, given.channel, given.at, given.recipient,
            given.receipt_no or "", given.checked,
        ),
    )  # fmt: skip


def give_receipt(asked: Asked) -> Order:
    number, receipt_no = numbered(asked), asked.body_as(ReceiptNumber).receipt_no
    return done(asked, lambda case: reports.give_receipt(case, number, receipt_no))
