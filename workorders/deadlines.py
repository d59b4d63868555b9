"""What is waited for, until when, and who is to be told that it is late.

A deadline 时效 is kept in its order's row with the instants it was given: changed rules touch none
that runs. Told are, once each: a reminder to the handler before the end, then 督办, to the duty
lead of the station when it is late and up the tree after that. `due` finds what is to be told, and
`escalation` writes that it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Table, and_, select, text

from config.database import Instant, metadata
from workorders.canonical import instant
from workorders.life_cycle import State
from workorders.order import UNDECIDED, Row, orders, station_in_charge
from workorders.order_rules import Clock, Deadlines, order_rules

REMINDER = 0
AT_ONCE = 50
"""One transaction keeps callers' turns waiting."""
OF_A_STATION = frozenset({"home_accepts", "sign_off"})
"""Clocks whose `of` is the station that is waited for."""
OF_A_LEAD = frozenset({"revisit"})
"""Not the handler's: the duty lead is reminded, too."""

telling_begins = Table(
    "telling_begins",
    metadata,
    # One row at most, written when the tables of an older version were taken over.
    Column("answered_after", Instant, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Deadline:
    """`of`: which referral, appointment … or station it is about. `told`: the level last told,
    REMINDER or the level of escalation; None: nothing yet. `tell_at`: when the next is told.
    `over`: met, or void since the order no longer waits for it."""

    clock: Clock
    start: datetime
    due: datetime
    tell_at: datetime | None
    of: int | str | None = None
    told: int | None = None
    over: datetime | None = None

    @classmethod
    def starting(
        cls, rules: Deadlines, clock: Clock, start: datetime, due: datetime,
        of: int | str | None = None,
    ) -> Deadline:  # fmt: skip
        """Never ends before it starts: a date in the past is late from the start."""
        due = max(start, due)
        return cls(clock, start, due, start + (due - start) * rules.remind_at_share, of)

    @classmethod
    def of_row(cls, kept: dict[str, Any]) -> Deadline:
        times = {
            name: datetime.fromisoformat(kept[name]) if kept[name] else None
            for name in ("start", "due", "tell_at", "over")
        }
        return cls(**{**kept, **times})

    def row(self) -> dict[str, Any]:
        """As it stands in the order's row."""
        return {
            "clock": self.clock,
            "of": self.of,
            "start": instant(self.start),
            "due": instant(self.due),
            "tell_at": instant(self.tell_at) if self.tell_at else None,
            "told": self.told,
            "over": instant(self.over) if self.over else None,
        }

    @property
    def runs(self) -> bool:
        return self.over is None

    def ended(self, at: datetime) -> Deadline:
        return replace(self, over=at, tell_at=None)

    def level_due(self, at: datetime) -> int | None:
        """What is to be told now: REMINDER, or a level of escalation; None: nothing."""
        if self.over is not None or self.tell_at is None or at < self.tell_at:
            return None
        if at < self.due:
            return REMINDER
        return max(self.told or 0, 0) + 1

    def after_telling(
        self, rules: Deadlines, risk: str | None, level: int, at: datetime
    ) -> Deadline:
        """A level was told."""
        if level == REMINDER:
            following: datetime | None = self.due
        elif level < rules.escalation_levels:
            following = rules.escalates_after(risk).after(at)
        else:
            following = None
        return replace(self, told=level, tell_at=following)


def kept(row: Row) -> tuple[Deadline, ...]:
    """An order's deadlines."""
    return tuple(Deadline.of_row(each) for each in row["deadlines"] or ())


def next_due(deadlines: Iterable[Deadline]) -> datetime | None:
    """When somebody is to be told next."""
    return min((each.tell_at for each in deadlines if each.tell_at is not None), default=None)


@dataclass(frozen=True, slots=True)
class Due:
    """Something to tell: `level` REMINDER, to the handler, or the level of escalation 督办.
    `station`: the one that is waited for, or in charge of the order."""

    order_no: str
    deadline: Deadline
    level: int
    station: str | None
    handler: str
    risk: str | None

    def told_to(self, parent: Callable[[str], str | None]) -> str:
        """The handler, or `station:<id>`: its duty lead, at higher levels that of the station so
        far above it in the tree; the topmost where there is none."""
        if self.level == REMINDER and self.deadline.clock not in OF_A_LEAD:
            return self.handler
        station = self.station or "unknown"
        for _ in range(self.level - 1):
            station = parent(station) or station
        return f"station:{station}"


def due(connection: Connection, at: datetime) -> list[Due]:
    """What is to be told at `at`, the longest waiting first: of AT_ONCE orders at most, and of as
    many that were answered and not decided on; the rest follow once these were told. Answers from
    before anybody was told of any aren't told of: `running` shows them."""
    found = [
        waiting(row, each, level)
        for row in _rows(connection, orders.c.next_due, orders.c.next_due <= at)
        for each in kept(row)
        if (level := each.level_due(at)) is not None
    ]
    begins = connection.execute(select(telling_begins.c.answered_after)).scalar()
    untold = (
        text(UNDECIDED) if begins is None else and_(text(UNDECIDED), orders.c.t_answer > begins)
    )
    for row in _rows(connection, orders.c.t_answer, untold):
        clock = of_no_decision(order_rules().deadlines, row)
        level = clock.level_due(at)
        if level is not None:
            found.append(waiting(row, clock, level))
    return sorted(found, key=lambda each: each.deadline.due)


def running(connection: Connection) -> Iterator[Due]:
    """Every deadline that runs, told or not; `level` is the one last told. An order that was
    answered and not decided on is among them."""
    open_ = orders.c.closed_at.is_(None) & orders.c.deadlines.is_not(None)
    for row in connection.execute(_LOOKED_AT.where(open_).order_by(orders.c.order_no)):
        for each in kept(row._mapping):
            if each.runs:
                yield waiting(row._mapping, each, each.told or REMINDER)
    for row in connection.execute(_LOOKED_AT.where(text(UNDECIDED)).order_by(orders.c.t_answer)):
        clock = of_no_decision(order_rules().deadlines, row._mapping)
        yield waiting(row._mapping, clock, REMINDER)


def undecided(row: Row) -> bool:
    """Is it one that UNDECIDED means?"""
    return (
        row["state"] == State.RECEIVED and row["deadlines"] is None and row["t_answer"] is not None
    )


def of_no_decision(rules: Deadlines, row: Row) -> Deadline:
    """The clock of an order that somebody answered and nobody decided on."""
    start = row["t_answer"]
    end = rules.period("decision", row["risk"]).after(start)
    return Deadline.starting(rules, "decision", start, end)


def waiting(row: Row, deadline: Deadline, level: int) -> Due:
    station = deadline.of if deadline.clock in OF_A_STATION else station_in_charge(row)
    return Due(
        row["order_no"],
        deadline,
        level,
        None if station is None else str(station),
        row["handler"],
        row["risk"],
    )


def _rows(connection: Connection, by: Any, which: Any) -> list[Row]:
    query = _LOOKED_AT.where(which).order_by(by).limit(AT_ONCE)
    return [row._mapping for row in connection.execute(query)]


_LOOKED_AT = select(
    orders.c.order_no,
    orders.c.handler,
    orders.c.risk,
    orders.c.station_lead,
    orders.c.station_answering,
    orders.c.station_home,
    orders.c.deadlines,
    orders.c.t_answer,
)
