"""Standings in the store: one row a station and topic, and every change of state for good.

A station that never had a call has no row and is strong. `routing.assessment` alone writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Index, Integer, Table, Text, bindparam, func, or_, select

from config.database import Instant, metadata
from config.statements import Row, Statement
from routing.standing import Override, Run, Standing, State
from routing.strength import Strength
from routing.trials import Place
from workorders.guards import forbid

station_standings = Table(
    "station_standings",
    metadata,
    Column("station", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("since", Instant),
    Column("cause", Text, nullable=False),
    Column("before", Text, nullable=False),
    # What happened in a row, see `routing.standing.Run`.
    Column("answered", Integer, nullable=False),
    Column("calls", Integer, nullable=False),
    Column("offers", Integer, nullable=False),
    Column("probes", Integer, nullable=False),
    Column("empty_since", Instant),
    Column("owed", Integer, nullable=False),
    Column("probed_at", Instant),
    Column("relapses", Integer, nullable=False),
    Column("change_id", Integer),
    Column("override_state", Text),
    Column("override_reason", Text),
    Column("override_by", Text),
    Column("override_until", Instant),
)

standing_changes = Table(
    "standing_changes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("station", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("from_state", Text, nullable=False),
    Column("to_state", Text, nullable=False),
    Column("cause", Text, nullable=False),
    # Every figure of that moment, as JSON.
    Column("figures", Text, nullable=False),
    Index("standing_changes_station", "station", "id"),
    sqlite_autoincrement=True,
)
forbid(standing_changes, "UPDATE", "DELETE")

s, h = station_standings.c, standing_changes.c

_all = Statement(select(station_standings))
_in_question = Statement(
    select(station_standings).where(
        or_(s.state != State.STRONG, s.override_until > bindparam("at"))
    )
)
_one = Statement(
    select(station_standings).where(
        s.station == bindparam("station"), s.topic == bindparam("topic")
    )
)
_record = Statement(
    standing_changes.insert()
    .values({column.name: bindparam(column.name) for column in h if column.name != "id"})
    .returning(h.id)
)
_changes = Statement(select(standing_changes).order_by(h.id.desc()).limit(bindparam("most")))
_change = Statement(select(standing_changes).where(h.id == bindparam("number")))
_changes_of = Statement(
    select(standing_changes)
    .where(h.station == bindparam("station"))
    .order_by(h.id.desc())
    .limit(bindparam("most"))
)
_in_force = Statement(
    select(standing_changes).where(
        h.id.in_(select(func.max(h.id)).where(h.at <= bindparam("at")).group_by(h.station, h.topic))
    )
)


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the state in force, as recorded. `figures`: see `Strength.as_json`."""

    id: int
    station: str
    topic: str
    at: datetime
    from_state: State
    to_state: State
    cause: str
    figures: Mapping[str, Any]

    def told(self) -> str:
        """Its figures in a line."""
        return ", ".join(
            f"{name} {value:g}"
            for name, value in self.figures.items()
            if isinstance(value, int | float)
        )


def current(connection: Connection, at: datetime) -> dict[Place, Standing]:
    """Of all that aren't simply strong; `Standing.in_force(at)` is what routing goes by. One
    statement, few rows."""
    return dict(_standing(row) for row in _in_question.rows(connection, at=at))


def in_force(connection: Connection, at: datetime) -> dict[Place, Change]:
    """The change by which each station and topic stood as it did at `at`; whoever has none was
    strong."""
    return {
        (change.station, change.topic): change
        for change in map(_read_change, _in_force.rows(connection, at=at))
    }


def everyone(connection: Connection) -> dict[Place, Standing]:
    """Of all that have a row."""
    return dict(_standing(row) for row in _all.rows(connection))


def one(connection: Connection, place: Place) -> Standing:
    row = _one.first(connection, station=place[0], topic=place[1])
    return _standing(row)[1] if row is not None else Standing()


def save(connection: Connection, rows: Mapping[Place, Standing]) -> None:
    _SAVE[connection.dialect.name].later_all(
        connection, [_row(place, standing) for place, standing in rows.items()]
    )


def changes(connection: Connection, station: str | None, most: int) -> list[Change]:
    """The latest changes, of one station or of all, newest first."""
    if station is None:
        rows = _changes.rows(connection, most=most)
    else:
        rows = _changes_of.rows(connection, station=station, most=most)
    return [_read_change(row) for row in rows]


def change(connection: Connection, change_id: int) -> Change | None:
    row = _change.first(connection, number=change_id)
    return _read_change(row) if row is not None else None


def write_down(
    connection: Connection,
    place: Place,
    at: datetime,
    before: State,
    after: State,
    cause: str,
    found: Strength,
) -> Change:
    """Record a change of the state in force, for good."""
    figures = found.as_json()
    change_id = _record.scalar(
        connection,
        station=place[0],
        topic=place[1],
        at=at,
        from_state=before,
        to_state=after,
        cause=cause,
        figures=json.dumps(figures),
    )
    return Change(int(change_id), *place, at, before, after, cause, figures)


def _read_change(row: Row) -> Change:
    number, of, topic, at, before, after, cause, figures = row
    return Change(number, of, topic, at, State(before), State(after), cause, json.loads(figures))


def _standing(row: Row) -> tuple[Place, Standing]:
    (
        station, topic, state, since, cause, before, answered, calls, offers, probes,
        empty_since, owed, probed_at, relapses, change_id, word, reason, by, until,
    ) = row  # fmt: skip
    standing = Standing(
        State(state),
        since,
        cause,
        State(before),
        Run(answered, calls, offers, probes),
        empty_since,
        owed,
        probed_at,
        relapses,
        Override(State(word), reason, by, until) if word is not None else None,
        change_id,
    )
    return (station, topic), standing


def _row(place: Place, standing: Standing) -> dict[str, Any]:
    word = standing.override
    return {
        "station": place[0],
        "topic": place[1],
        "state": standing.state,
        "since": standing.since,
        "cause": standing.cause,
        "before": standing.before,
        **standing.run._asdict(),
        "empty_since": standing.empty_since,
        "owed": standing.owed,
        "probed_at": standing.probed_at,
        "relapses": standing.relapses,
        "change_id": standing.change_id,
        "override_state": word.state if word else None,
        "override_reason": word.reason if word else None,
        "override_by": word.by if word else None,
        "override_until": word.until if word else None,
    }


def _save(dialect: str) -> Statement:
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]
    row = insert(station_standings)
    columns = [column.name for column in station_standings.columns]
    changed = {name: row.excluded[name] for name in columns if name not in ("station", "topic")}
    return Statement(row.on_conflict_do_update(index_elements=["station", "topic"], set_=changed))


_SAVE = {dialect: _save(dialect) for dialect in ("sqlite", "postgresql")}
