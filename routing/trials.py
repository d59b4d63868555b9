"""What calls, offers and probes said of the stations: each once, and their sums by day.

A call, an offer or a probe is judged when its outcome is first seen, in one transaction with the
sums, so that none counts twice: whoever looks next finds its row. A commit may be late and a
process die: whatever became known of the last LOOK_BACK is still judged. Trials are kept for the
fast window, days, by Shanghai's calendar, for the slow one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    Index,
    Integer,
    Table,
    Text,
    bindparam,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)

from agents.roster import PEOPLE_TIME
from config.database import Instant, metadata
from config.statements import Row, Statement
from routing.offers import offers
from routing.priority import SILENT_CONFIRMED
from routing.standing import Thresholds, trial_of_call
from routing.strength import COUNTED, FAST, SLOW, Counts, People, Trial
from routing.waiting_call import UNKNOWN_TOPIC
from workorders.order import orders

LOOK_BACK = timedelta(hours=1)
KEPT = LOOK_BACK + timedelta(hours=1)

Place = tuple[str, str]
"""A station and a topic."""

station_trials = Table(
    "station_trials",
    metadata,
    # An order's number, an offer's id and counselor, or a probe's.
    Column("id", Text, primary_key=True),
    Column("station", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("trial", Text, nullable=False),
    # A probe's result waits until it is judged.
    Column("judged", Boolean, nullable=False),
    Index("station_trials_at", "at"),
)

station_days = Table(
    "station_days",
    metadata,
    Column("day", Date, primary_key=True),
    Column("station", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    *(Column(name, Integer, nullable=False) for name in COUNTED),
)

t, d = station_trials.c, station_days.c
o, c = offers.c, orders.c


class Judged(NamedTuple):
    """A trial of a station."""

    id: str
    station: str
    topic: str
    at: datetime
    trial: Trial


_OF_RESULT = {
    "no_answer": Trial.IN_VAIN,
    "declined": Trial.IN_VAIN,
    "busy": Trial.IN_VAIN,
    "unreachable": Trial.UNREACHABLE,
}
"""Congestion, a lease that ran out, a caller who left: no fault of the station's."""

EXCUSED = frozenset({"failed", "callback_failed", "called_again"})
"""Outcomes that say nothing of a station: a caller who is called back and doesn't pick up, or who
has called again, hasn't given up waiting; the newer call tells."""

_offer_id = o.offer_id + "/" + o.counselor_id
_answered_together = select(o.call_id).where(
    o.made_at > bindparam("since"),
    o.together,
    or_(o.answered_at.is_not(None), o.result == "answered"),
)
_rung_in_vain = select(o.call_id, o.station).where(
    o.made_at > bindparam("since"),
    ~o.together,
    or_(*(o.result == result for result in _OF_RESULT)),
)
_calls = Statement(
    select(
        c.order_no, c.station_home, c.station_answering, c.topic, c.priority,
        c.t_queue, c.t_answer, c.t_end, c.outcome, c.call_id.in_(_answered_together),
        tuple_(c.call_id, c.station_home).in_(_rung_in_vain),
    ).where(
        c.t_offer > bindparam("since"),
        c.t_queue.is_not(None),
        c.station_home.is_not(None),
        or_(c.t_answer.is_not(None), c.t_end.is_not(None)),
        ~exists().where(t.id == c.order_no),
    )
)  # fmt: skip
_offers = Statement(
    select(
        _offer_id, o.station, c.station_home, c.topic, o.answered_at, o.ended_at, o.result,
        o.together,
    )
    .select_from(offers.join(orders, c.call_id == o.call_id))
    .where(
        o.made_at > bindparam("since"),
        or_(o.answered_at.is_not(None), o.ended_at.is_not(None)),
        ~exists().where(t.id == _offer_id),
    )
)  # fmt: skip
_probes = Statement(select(t.id, t.station, t.topic, t.at, t.trial).where(t.judged.is_(False)))
_probe_told = Statement(select(t.id).where(t.judged.is_(False)).limit(1))
_probes_judged = Statement(update(station_trials).where(t.judged.is_(False)).values(judged=True))
_insert = Statement(station_trials.insert())
_fast = Statement(
    select(t.station, t.topic, t.trial, func.count())
    .where(t.at > bindparam("since"), t.at <= bindparam("until"))
    .group_by(t.station, t.topic, t.trial)
)
_slow = Statement(
    select(d.station, d.topic, *(func.sum(d[name]) for name in COUNTED))
    .where(d.day > bindparam("after"))
    .group_by(d.station, d.topic)
)
_forget_trials = Statement(station_trials.delete().where(t.at < bindparam("before")))
_forget_days = Statement(station_days.delete().where(d.day <= bindparam("until")))
_forget_days_of = Statement(
    station_days.delete().where(d.station == bindparam("of"), d.topic == bindparam("about"))
)
_silence_trials_of = Statement(
    update(station_trials)
    .where(t.station == bindparam("of"), t.topic == bindparam("about"))
    .values(trial=Trial.SAYS_NOTHING)
)


def note_probe(
    connection: Connection, probe_id: str, station: str, topic: str, accepted: bool, at: datetime
) -> None:
    """How a synthetic probe ended, for the next look. `probe_id`: unique among probes."""
    trial = Trial.ACCEPTED if accepted else Trial.REFUSED
    _insert.run(
        connection,
        id=f"probe/{probe_id}", station=station, topic=topic, at=at, trial=trial, judged=False,
    )  # fmt: skip


def probe_told(connection: Connection) -> bool:
    """Has a probe ended since the last look?"""
    return _probe_told.first(connection) is not None


def judge(
    connection: Connection,
    staff: Mapping[Place, People],
    thresholds_of: Callable[[str], Thresholds],
    at: datetime,
) -> list[Judged]:
    """All that has become known since the last look, now counted."""
    since = at - LOOK_BACK
    found = [_of_call(row, staff, thresholds_of) for row in _calls.rows(connection, since=since)]
    found += [_of_offer(row) for row in _offers.rows(connection, since=since)]
    _insert.later_all(connection, [item._asdict() | {"judged": True} for item in found])
    probes = [
        Judged(probe_id, station, topic, probed_at, Trial(trial))
        for probe_id, station, topic, probed_at, trial in _probes.rows(connection)
    ]
    if probes:
        _probes_judged.later(connection)
    _add_to_days(connection, found)
    return [item for item in (*found, *probes) if item.trial is not Trial.SAYS_NOTHING]


def fast(connection: Connection, at: datetime) -> dict[Place, Counts]:
    """The fast window's counts."""
    found: dict[Place, dict[str, int]] = {}
    for station, topic, trial, count in _fast.rows(connection, since=at - FAST, until=at):
        if trial in COUNTED:
            found.setdefault((station, topic), {})[trial] = count
    return {place: Counts(**counts) for place, counts in found.items()}


def slow(connection: Connection, at: datetime) -> dict[Place, Counts]:
    """The slow window's: whole days, today among them."""
    rows = _slow.rows(connection, after=_day(at - SLOW))
    return {(station, topic): Counts(*map(int, sums)) for station, topic, *sums in rows}


def forget(connection: Connection, at: datetime) -> None:
    """What no window looks at any more."""
    _forget_trials.later(connection, before=at - KEPT)
    _forget_days.later(connection, until=_day(at - SLOW))


def begin_anew(connection: Connection, place: Place) -> None:
    """A station that is back isn't judged by what was before."""
    station, topic = place
    _forget_days_of.later(connection, of=station, about=topic)
    _silence_trials_of.later(connection, of=station, about=topic)


def _of_call(
    row: Row, staff: Mapping[Place, People], thresholds_of: Callable[[str], Thresholds]
) -> Judged:
    (
        order_no, home, answering, topic, priority, queued, answered, ended, outcome,
        together, rung,
    ) = row  # fmt: skip
    topic = topic or UNKNOWN_TOPIC
    at = answered or ended
    people = staff.get((home, topic), People())
    # Urgent calls go to whoever is free: they tell who answers, never who doesn't.
    urgent = (priority or 0) >= SILENT_CONFIRMED
    trial = trial_of_call(
        thresholds_of(home),
        (at - queued).total_seconds(),
        answered=answered is not None,
        at_home=answering == home,
        excused=people.closed or urgent or outcome in EXCUSED,
        rung=bool(rung),
        here=bool(people.free or people.talking),
        together=bool(together),
    )
    return Judged(order_no, home, topic, at, trial)


def _of_offer(row: Row) -> Judged:
    offer_id, station, home, topic, answered, ended, result, together = row
    if together:
        trial = Trial.SAYS_NOTHING
    elif answered or result == "answered":
        trial = Trial.SAYS_NOTHING if station == home else Trial.HELPED
    else:
        trial = _OF_RESULT.get(result, Trial.SAYS_NOTHING)
    return Judged(offer_id, station, topic or UNKNOWN_TOPIC, answered or ended, trial)


def _add_to_days(connection: Connection, found: Iterable[Judged]) -> None:
    days: dict[tuple[date, str, str], list[Trial]] = {}
    for item in found:
        if item.trial in COUNTED:
            days.setdefault((_day(item.at), item.station, item.topic), []).append(item.trial)
    rows: list[dict[str, Any]] = [
        {"day": day, "station": station, "topic": topic, **asdict(Counts.of(trials))}
        for (day, station, topic), trials in sorted(days.items())
    ]
    _ADD_TO_DAY[connection.dialect.name].later_all(connection, rows)


def _add_to_day(dialect: str) -> Statement:
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]
    added = insert(station_days)
    return Statement(
        added.on_conflict_do_update(
            index_elements=["day", "station", "topic"],
            set_={name: d[name] + added.excluded[name] for name in COUNTED},
        )
    )


_ADD_TO_DAY = {dialect: _add_to_day(dialect) for dialect in ("sqlite", "postgresql")}


def _day(at: datetime) -> date:
    return at.astimezone(PEOPLE_TIME).date()
