"""What a deployment says of the life of orders: `deadlines.yaml`, `closing.yaml` and `survey.yaml`
of `config/`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

import config
from config.yaml_file import ConfigErrors, YamlFile
from workorders.life_cycle import KINDS
from workorders.order import FIELDS
from workorders.personal import PERSONAL_FIELDS
from workorders.unified_fields import UnifiedFields
from workorders.working_days import end_of_working_day

Clock = Literal[
    "decision", "reply", "closing", "report", "review", "supervision", "follow_up", "appointment",
    "referral_signed", "referral_replied", "dispatch_signed", "dispatch_done", "handover",
    "home_accepts", "sign_off", "revisit", "dropped_crisis", "supervisor_comes",
    "colleague_reports", "message", "slowing",
]  # fmt: skip
WITH_A_DATE_OF_THEIR_OWN = frozenset({"appointment"})

MOST_FIELDS = 8
"""A form of 60 s."""
NON_CONSULTATION = "非咨询"

_PERIOD = re.compile(r"([1-9]\d*) (min|h|working days?)")


@dataclass(frozen=True, slots=True)
class Period:
    amount: int
    unit: Literal["min", "h", "working days"]

    def after(self, start: datetime) -> datetime:
        """When it ends; always after `start`."""
        if self.unit == "working days":
            return end_of_working_day(start, self.amount)
        return start + timedelta(**{{"min": "minutes", "h": "hours"}[self.unit]: self.amount})


def _period(value: object) -> object:
    if isinstance(value, Period):
        return value
    written = _PERIOD.fullmatch(str(value))
    if written is None:
        raise ValueError('write a period as "15 min", "24 h" or "5 working days"')
    unit = written[2]
    return Period(int(written[1]), "working days" if unit.startswith("working") else unit)  # type: ignore[arg-type]


Written = Annotated[Period, BeforeValidator(_period)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class RiskRule(_Model):
    """What a risk level demands; see deadlines.yaml."""

    actions: tuple[str, ...] = ()
    starts: tuple[Clock, ...] = ()
    every: Mapping[Clock, Written] = Field(default_factory=dict)
    lowered_by: Literal[1, 2] = 1
    closable: bool = True


class Deadlines(_Model):
    """deadlines.yaml. A period by risk has a `default`."""

    remind_at_share: Annotated[float, Field(gt=0, lt=1)]
    escalation_levels: Annotated[int, Field(ge=1, le=9)]
    escalation: Mapping[str, Written]
    clocks: Mapping[Clock, Mapping[str, Written]]
    risks: Mapping[str, RiskRule]
    after_crisis_key: tuple[Clock, ...] = ()
    message_out_of_hours: Written
    outcomes: Mapping[str, Mapping[Clock, Written]] = Field(default_factory=dict)

    def period(self, clock: Clock, risk: str | None) -> Period:
        return _by_risk(self.clocks[clock], risk)

    def escalates_after(self, risk: str | None) -> Period:
        return _by_risk(self.escalation, risk)


def _by_risk(periods: Mapping[str, Period], risk: str | None) -> Period:
    return periods.get(risk or "default") or periods["default"]


class Demand(_Model):
    """What an outcome demands; see closing.yaml."""

    fields: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    events: tuple[str, ...] = ()


class Closing(_Model):
    """closing.yaml."""

    ordinary: tuple[str, ...]
    outcomes: Mapping[str, Demand]
    risks: Mapping[str, tuple[str, ...]]

    def fields_of(self, outcome: str) -> tuple[str, ...]:
        """The fields that an order of one outcome needs."""
        demand = self.outcomes[outcome]
        return demand.only or (*self.ordinary, *demand.fields)


class Survey(_Model):
    """survey.yaml: after what nobody is asked."""

    risks: tuple[str, ...]
    causes: tuple[str, ...]
    outcomes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OrderRules:
    deadlines: Deadlines
    closing: Closing
    survey: Survey


@lru_cache(maxsize=1)
def order_rules() -> OrderRules:
    """The rules in force. Raises ConfigErrors with every mistake of their files."""
    return read_order_rules(Path(config.__path__[0]))


def read_order_rules(folder: Path) -> OrderRules:
    """The rules of `folder`, whose codes are those of its `order_fields.yaml`."""
    fields = YamlFile(folder / "order_fields.yaml").checked(UnifiedFields)
    deadlines_file = YamlFile(folder / "deadlines.yaml")
    closing_file = YamlFile(folder / "closing.yaml")
    survey_file = YamlFile(folder / "survey.yaml")
    rules = OrderRules(
        deadlines_file.checked(Deadlines),
        closing_file.checked(Closing),
        survey_file.checked(Survey),
    )
    errors = [
        *_wrong_deadlines(deadlines_file, rules.deadlines, fields),
        *_wrong_closing(closing_file, rules.closing, fields),
        *_wrong_survey(survey_file, rules.survey, fields),
    ]
    if errors:
        raise ConfigErrors(errors)
    return rules


def _wrong_deadlines(file: YamlFile, rules: Deadlines, fields: UnifiedFields) -> Iterator[str]:
    risks = fields.choices["risk"]
    for clock in get_args(Clock):
        if clock not in rules.clocks and clock not in WITH_A_DATE_OF_THEIR_OWN:
            yield file.error(["clocks"], f"no period for {clock}")
    periods = {("clocks", clock): by_risk for clock, by_risk in rules.clocks.items()}
    for where, by_risk in [*periods.items(), (("escalation",), rules.escalation)]:
        if "default" not in by_risk:
            yield file.error(where, "no default")
        for risk in by_risk.keys() - {"default", *risks}:
            yield file.error([*where, risk], f"no risk level {risk}")
    for risk in set(risks) ^ rules.risks.keys():
        missing = "missing" if risk in risks else "no such risk level"
        yield file.error(["risks", risk], f"{risk}: {missing}")
    for outcome in rules.outcomes:
        if outcome not in fields.several["outcomes"]:
            yield file.error(["outcomes", outcome], f"no outcome {outcome}")


def _wrong_closing(file: YamlFile, rules: Closing, fields: UnifiedFields) -> Iterator[str]:
    outcomes = fields.several["outcomes"]
    for outcome in set(outcomes) ^ rules.outcomes.keys():
        missing = "missing" if outcome in outcomes else "no such outcome"
        yield file.error(["outcomes", outcome], f"{outcome}: {missing}")
    for risk in rules.risks.keys() - set(fields.choices["risk"]):
        yield file.error(["risks", risk], f"no risk level {risk}")
    for outcome, demand in rules.outcomes.items():
        where = ["outcomes", outcome]
        names = rules.fields_of(outcome)
        most = 1 if outcome == NON_CONSULTATION else MOST_FIELDS
        if len(names) > most:
            yield file.error(where, f"demands {len(names)} fields, at most {most} are asked for")
        for name in names:
            if name not in FIELDS and name not in PERSONAL_FIELDS:
                yield file.error(where, f"an order has no field {name}")
        for event in set(demand.events) - KINDS:
            yield file.error(where, f"no event {event}")


def _wrong_survey(file: YamlFile, rules: Survey, fields: UnifiedFields) -> Iterator[str]:
    for key, written, codes in (
        ("risks", rules.risks, fields.choices["risk"]),
        ("causes", rules.causes, fields.cause_names),
        ("outcomes", rules.outcomes, fields.several["outcomes"]),
    ):
        for number, code in enumerate(written):
            if code not in codes:
                yield file.error([key, number], f"no such code: {code}")
