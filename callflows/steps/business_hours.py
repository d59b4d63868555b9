"""The step `business_hours`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from callflows.call import Call
from callflows.steps.step import Asked, Exit, Step
from callflows.workdays import is_workday

CHINA = ZoneInfo("Asia/Shanghai")

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|(24):(00))")


def _is_span(text: str) -> str:
    if not _SPAN.fullmatch(text):
        raise ValueError('expected hours like "08:30-17:30"')
    return text


Span = Annotated[
    str, AfterValidator(_is_span), Field(json_schema_extra={"pattern": f"^{_SPAN.pattern}$"})
]


class Hours(BaseModel):
    """Hours by kind of day; a span that ends before it begins runs past midnight."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    workdays: tuple[Span, ...] = ()
    rest_days: tuple[Span, ...] = ()
    dates: dict[Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")], tuple[Span, ...]] = {}

    def on(self, day: datetime) -> tuple[Span, ...]:
        special = self.dates.get(day.date().isoformat())
        if special is not None:
            return special
        return self.workdays if is_workday(day.date()) else self.rest_days


class BusinessHoursStep(Step):
    """Ask whether the station is open now, by the clock of China.

    `workdays` and `rest_days` follow the State Council's calendar: a public holiday is a rest
    day, a weekend worked in exchange (调休) is a workday. `dates` sets single days apart; an
    empty list is closed all day. Times are written in quotes.

    Exits: `open`, `closed`.

    Example:

        is_open:
          type: business_hours
          hours:
            workdays: ["08:30-12:00", "14:00-17:30"]
            rest_days: []
            dates:
              "2026-06-01": ["08:00-24:00"]
          exits:
            open: anyone
            closed: message
    """

    type: Literal["business_hours"]
    hours: Hours

    EXITS = ("open", "closed")

    def ask(self, call: Call) -> Asked:
        return Exit("open" if self.is_open(call.at) else "closed", call)

    def is_open(self, at: datetime) -> bool:
        """`at` is aware; days begin and end in China."""
        local = at.astimezone(CHINA)
        now = local.time().replace(tzinfo=None)
        for begin, end in _spans(self.hours.on(local)):
            if begin <= now and (now < end or end <= begin):
                return True
        yesterday = _spans(self.hours.on(local - timedelta(days=1)))
        return any(end <= begin and now < end for begin, end in yesterday)

    def changes(self) -> set[time]:
        """The times of day at which the answer may change."""
        days = (self.hours.workdays, self.hours.rest_days, *self.hours.dates.values())
        return {moment for spans in days for pair in _spans(spans) for moment in pair}


def _spans(texts: tuple[Span, ...]) -> Iterator[tuple[time, time]]:
    """Begin and end of each span; midnight at its end is 00:00, which is past midnight."""
    for text in texts:
        begin, end = text.replace("24:00", "00:00").split("-")
        yield time.fromisoformat(begin), time.fromisoformat(end)
