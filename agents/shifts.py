"""Planned shifts 排班: who is expected when, and each station's duty lead.

Plans inform, they never act on a call: at the end of a shift somebody in a talk is logged out
after it (`presence.log_out` grants the wish then), somebody free at once.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from sqlalchemy import Connection, select

from agents import presence
from agents.counselor import State
from agents.roster import PEOPLE_TIME, Role, counselors
from config.yaml_file import ConfigErrors, YamlFile

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Hours:
    """`ends` before or at `begins`: on the next day."""

    begins: time
    ends: time


def _hours(text: object) -> object:
    if isinstance(text, Hours):
        return text
    try:
        begins, ends = str(text).split("-")
        return Hours(time.fromisoformat(begins.strip()), time.fromisoformat(ends.strip()))
    except ValueError:
        raise ValueError('write hours as "08:30-17:30", in quotes') from None


ShiftHours = Annotated[Hours, BeforeValidator(_hours)]
"""Written as "08:30-17:30", Shanghai's."""


class _Shift(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    counselor: str
    days: Annotated[tuple[Weekday, ...], Field(min_length=1)]
    hours: ShiftHours


class _ShiftsFile(BaseModel):
    """`duty_leads`: station to the counselor who is handler when nobody else is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    duty_leads: Mapping[str, str] = Field(default_factory=dict)
    shifts: tuple[_Shift, ...] = ()


class Shifts:
    """The plan of shifts.yaml."""

    def __init__(self, file: _ShiftsFile) -> None:
        self._leads = file.duty_leads
        self._by_counselor: dict[str, list[_Shift]] = {}
        for shift in file.shifts:
            self._by_counselor.setdefault(shift.counselor, []).append(shift)

    @classmethod
    def load(cls, path: Path, known: Container[str], stations: Container[str]) -> Shifts:
        """Raises ConfigErrors. `known`: the ids of the roster."""
        yaml = YamlFile(path)
        file = yaml.checked(_ShiftsFile)
        errors = []
        for index, shift in enumerate(file.shifts):
            if shift.counselor not in known:
                message = f"nobody is called {shift.counselor}"
                errors.append(yaml.error(["shifts", index, "counselor"], message))
        for station, lead in file.duty_leads.items():
            if station not in stations:
                errors.append(yaml.error(["duty_leads", station], f"no station {station}"))
            if lead not in known:
                errors.append(yaml.error(["duty_leads", station], f"nobody is called {lead}"))
        if errors:
            raise ConfigErrors(errors)
        return cls(file)

    def duty_lead(self, station: str) -> str | None:
        """The counselor id who is handler 承办人 where no other is."""
        return self._leads.get(station)

    def shift_of(self, counselor_id: str, at: datetime) -> tuple[datetime, datetime] | None:
        """The shift that `at` falls in: beginning and end."""
        today = at.astimezone(PEOPLE_TIME).date()
        # Last evening's shift may reach into this morning.
        for day in (today - timedelta(days=1), today):
            for shift in self._by_counselor.get(counselor_id, ()):
                if WEEKDAYS[day.weekday()] in shift.days:
                    begins, ends = _on(day, shift.hours)
                    if begins <= at < ends:
                        return begins, ends
        return None

    def on_duty(self, counselor_id: str, at: datetime) -> bool:
        return self.shift_of(counselor_id, at) is not None

    def planned(self, at: datetime) -> frozenset[str]:
        """Whoever has a shift now."""
        return frozenset(who for who in self._by_counselor if self.on_duty(who, at))

    def off_duty(self, at: datetime) -> list[str]:
        """Whoever has shifts, and none now. Who has none at all is left out."""
        return [who for who in self._by_counselor if not self.on_duty(who, at)]


def end_shifts(connection: Connection, shifts: Shifts, since: datetime, at: datetime) -> list[str]:
    """Log out whoever's shift ended after `since` and by `at`; on a call, after it. Returns them.

    After it, in the same transaction, the queue's `counselor_changed` is due.
    """
    there = select(counselors.c.id).where(
        counselors.c.state != State.LOGGED_OUT, counselors.c.role != Role.DUTY_PHONE
    )
    over = [
        who
        for who in connection.execute(there).scalars()
        if shifts.on_duty(who, since) and not shifts.on_duty(who, at)
    ]
    for who in over:
        presence.log_out(connection, who, at)
    return over


def gone(connection: Connection, shifts: Shifts, at: datetime) -> list[str]:
    """Whose shift is over and who is logged out: nobody who works on beyond it."""
    off = shifts.off_duty(at)
    there = select(counselors.c.id).where(counselors.c.state != State.LOGGED_OUT)
    present = set(connection.execute(there).scalars())
    return [who for who in off if who not in present]


def _on(day: date, hours: Hours) -> tuple[datetime, datetime]:
    begins = datetime.combine(day, hours.begins, PEOPLE_TIME)
    ends = datetime.combine(day, hours.ends, PEOPLE_TIME)
    return begins, ends if ends > begins else ends + timedelta(days=1)
