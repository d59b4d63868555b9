"""What is done to an order: its form, remarks, decisions, follow-ups. Each is one event of its
chain, by the account's own name."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Literal

from pydantic import Field

from console.api.acting import Numbered, done, made, numbered
from console.api.asked import Asked
from console.api.codes import (  # fmt: skip
    CAUSE,
    GROUP,
    NOT_A_CONSULTATION,
    OUTCOME,
    RESULT,
    Line,
    Model,
    Region,
    Text,
    Utc,
    choice,
)
from console.api.order_models import Order
from console.api.problems import Mistake, unfit
from console.order_form import CONFIRMED, REFERENCE
from workorders import decisions, follow_ups, remarks, reports
from workorders.life import Case

ROLE = choice("caller_role")


class Filled(Model):
    """Fields of the form; those that aren't named stay as they are, null empties one."""

    caller_role: Annotated[str, ROLE] | None = None
    age: Annotated[str, choice("age")] | None = None
    sex: Annotated[str, choice("sex")] | None = None
    schooling: Annotated[str, choice("schooling")] | None = None
    groups: Annotated[list[Annotated[str, GROUP]], Field(max_length=20)] | None = None
    guardian_suspected: Annotated[str, choice("guardian_suspected")] | None = None
    cause_main: Annotated[str, CAUSE] | None = None
    causes: Annotated[list[Annotated[str, CAUSE]], Field(max_length=20)] | None = None
    region_stated: Region | None = None
    region_incident: Region | None = None
    region_domicile: Region | None = None
    consent_ref: Annotated[str, Field(pattern=f"^{REFERENCE}$")] | None = Field(
        None, description="Where a consent is kept: a number, or a time of the recording."
    )
    summary: Text | None = Field(None, description="Personal: kept with the order's own key.")
    safe_contact: Line | None = Field(None, description="Personal, as `summary`.")


class Remark(Model):
    """What the next one shall know 备注."""

    text: Text


class AnsweredDirectly(Model):
    """直接答复"""

    kind: Literal["answered_directly"]
    reply: Text | None = None


class OutcomeRecorded(Model):
    """An outcome that has no event of its own, such as 危机干预."""

    kind: Literal["outcome_recorded"]
    outcome: Annotated[str, OUTCOME]


class NoConsultation(Model):
    """非咨询"""

    kind: Literal["classed_non_consultation"]
    cause: Annotated[str, NOT_A_CONSULTATION]


class Decision(Model):
    """What becomes of an order 处置."""

    decision: Annotated[
        AnsweredDirectly | OutcomeRecorded | NoConsultation, Field(discriminator="kind")
    ]


class Planned(Model):
    """A follow-up 跟踪反馈 that is to be done."""

    when: Utc
    whom: Annotated[str, ROLE]
    contact: Line | None = None


class Done(Model):
    """A follow-up that was done."""

    whom: Annotated[str, ROLE]
    result: Annotated[str, RESULT]
    report: Text | None = None


def fill_in(asked: Asked) -> Order:
    """Fields as a form says them."""
    fields = asked.body_as(Filled).model_dump(exclude_unset=True)
    regions = asked.house.stations.regions
    unknown = [
        Mistake(where=f"body.{name}", what=f"no region has the code {value}")
        for name, value in fields.items()
        if name.startswith("region_") and value is not None and regions.get(value) is None
    ]
    if unknown:
        raise unfit(*unknown)
    if not fields:
        raise unfit(Mistake(where="body", what="names no field"))
    if fields.get("region_stated") is not None:
        fields |= CONFIRMED
    log = asked.house.log

    def act(case: Case) -> None:
        if fields.get("guardian_suspected") == "是" != case.row["guardian_suspected"]:
            grounds = fields.get("summary") or reports.GUARDIAN_SUSPECTED
            reports.suspect_harm(case, grounds, fields["guardian_suspected"])
        log.fill_in(case.connection, case.order_no, case.at, case.actor, fields)

    return done(asked, act)


def note(asked: Asked) -> Order:
    text = asked.body_as(Remark).text
    return done(asked, lambda case: remarks.remark(case, text))


def decide(asked: Asked) -> Order:
    match asked.body_as(Decision).decision:
        case AnsweredDirectly(reply=reply):
            return done(asked, lambda case: decisions.answer_directly(case, reply or ""))
        case OutcomeRecorded(outcome=outcome):
            return done(asked, lambda case: decisions.record_outcome(case, outcome))
        case NoConsultation(cause=cause):
            return done(asked, lambda case: decisions.class_non_consultation(case, cause))


def plan_follow_up(asked: Asked) -> tuple[Numbered, HTTPStatus]:
    given = asked.body_as(Planned)
    return made(
        asked,
        lambda case: follow_ups.plan_follow_up(case, given.when, given.whom, given.contact or ""),
    )


def follow_up(asked: Asked) -> Order:
    number, given = numbered(asked), asked.body_as(Done)
    return done(
        asked,
        lambda case: follow_ups.follow_up(
            case, number, given.whom, given.result, given.report or ""
        ),
    )
