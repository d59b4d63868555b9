"""What the log says of a station's callers: when they come, how long they talk, how long they
wait before they hang up. Whoever answered, a caller belongs to the home station; all its topics
together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import Connection, func, select

from workorders.canonical import SHANGHAI
from workorders.order import orders

KINDS_OF_DAY = ("weekday", "weekend")
"""Monday to Friday, and the rest; a holiday counts as the day of the week it is."""

ENOUGH_ABANDONED = 30
"""An estimate of patience from n callers who hung up has a standard error of 1 in the root of n:
18 % for 30."""


class NoCalls(Exception):
    """Nobody called the station in that time."""


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour of the day, Shanghai time, on one kind of day: how many calls on how many days."""

    kind_of_day: str
    hour: int
    calls: int
    days: int

    @property
    def calls_per_hour(self) -> float:
        return self.calls / self.days


@dataclass(frozen=True, slots=True)
class Traffic:
    """A station's calls that asked for a counselor, on whole days from `since` to before
    `until`, Shanghai time. Seconds are totals.

    `hours`: of each kind of day that there was, all 24. `talked`: from the counselor's answer to
    the end of the call. `waited`: from the queue to the answer or, of those who hung up waiting,
    to that; ringing included. Who left the queue for a message or a sister line isn't in it: the
    order's row doesn't say when.
    """

    since: date
    until: date
    hours: tuple[Hour, ...]
    answered: int
    talked: float
    abandoned: int
    waited: float

    @property
    def calls(self) -> int:
        return sum(hour.calls for hour in self.hours)

    @property
    def talk(self) -> float | None:
        """The mean, in seconds; None where nobody was answered."""
        return self.talked / self.answered if self.answered else None

    @property
    def patience(self) -> float | None:
        """The mean, in seconds; None where too few hung up to tell.

        Who is answered would have waited longer: such waits are censored. For an exponential
        patience the likeliest mean is the time that all waited together by the number who hung
        up (J. F. Lawless, "Statistical models and methods for lifetime data", on censored
        exponential samples; A. Mandelbaum, S. Zeltyn, "The Palm/Erlang-A queue, with
        applications to call centers", 2005, on estimating patience).
        """
        return self.waited / self.abandoned if self.abandoned >= ENOUGH_ABANDONED else None


def traffic(connection: Connection, station: str, weeks: int, now: datetime) -> Traffic:
    """The calls of the last `weeks` x 7 whole days, or since the log's first day where that is
    later. Raises NoCalls."""
    until = now.astimezone(SHANGHAI).date()
    since = until - timedelta(weeks=weeks)
    first = connection.execute(select(func.min(orders.c.t_offer))).scalar_one()
    if first is not None:
        since = max(since, first.astimezone(SHANGHAI).date())
    calls: Counter[tuple[str, int]] = Counter()
    answered = abandoned = 0
    talked = waited = timedelta()
    for row in connection.execute(
        select(
            *(orders.c[name] for name in ("t_offer", "t_queue", "t_answer", "t_end", "outcome"))
        ).where(
            orders.c.t_offer >= _midnight(since),
            orders.c.t_offer < _midnight(until),
            orders.c.station_home == station,
            orders.c.t_queue.is_not(None),
        )
    ):
        offered = row.t_offer.astimezone(SHANGHAI)
        calls[_kind_of_day(offered.date()), offered.hour] += 1
        if row.t_end is None:
            continue
        if row.t_answer is not None:
            answered += 1
            talked += row.t_end - row.t_answer
            waited += row.t_answer - row.t_queue
        elif row.outcome == "abandoned_in_queue":
            abandoned += 1
            waited += row.t_end - row.t_queue
    if not calls:
        raise NoCalls(f"nobody called {station} in the {weeks} weeks before {until}")
    days = Counter(_kind_of_day(day) for day in _days(since, until))
    hours = tuple(
        Hour(kind, hour, calls[kind, hour], days[kind])
        for kind in KINDS_OF_DAY
        if days[kind]
        for hour in range(24)
    )
    return Traffic(
        since, until, hours,
        answered, talked.total_seconds(), abandoned, waited.total_seconds(),
    )  # fmt: skip


def _kind_of_day(day: date) -> str:
    return KINDS_OF_DAY[day.weekday() >= 5]


def _days(since: date, until: date) -> Iterator[date]:
    for number in range((until - since).days):
        yield since + timedelta(days=number)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI)
