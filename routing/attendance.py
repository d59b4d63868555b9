"""Who is at a station for a topic at this moment, for all stations at once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from agents.counselor import State
from agents.presence import RONA
from agents.roster import PEOPLE_TIME, Role, counselors, remembered
from config.statements import Statement
from routing.strength import People
from routing.waiting_call import UNKNOWN_TOPIC

c = counselors.c

_TALKING = frozenset({State.ON_CALL, State.WRAP_UP})
_everybody = Statement(
    select(c.id, c.revision, c.state, c.reason, c.until, c.available_since).where(
        c.role == Role.COUNSELOR
    )
)


def people(
    connection: Connection, planned: Collection[str], at: datetime
) -> dict[tuple[str, str], People]:
    """By station and topic; also for callers whose topic is unknown.

    :param planned: ids of the counselors on duty by the plan of shifts.
    """
    rows = _everybody.rows(connection)
    known = remembered(connection, {who: revision for who, revision, *_ in rows})
    day = at.astimezone(PEOPLE_TIME).date()
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for who, _, state, reason, until, available_since in rows:
        counselor = known[who]
        topics = counselor.valid_topics(day)
        if not topics:
            continue
        arrived = available_since if state == State.AVAILABLE else None
        for topic in (*topics, UNKNOWN_TOPIC):
            counts = found.setdefault(
                (counselor.station, topic), dict.fromkeys(_COUNTS, 0) | {"arrived_at": None}
            )
            counts["roster"] += 1
            counts["planned"] += who in planned
            counts["logged_in"] += state != State.LOGGED_OUT
            counts["absent"] += state == State.PAUSED and reason == RONA and until is None
            counts["free"] += state == State.AVAILABLE
            counts["talking"] += state in _TALKING
            if arrived and (counts["arrived_at"] is None or arrived > counts["arrived_at"]):
                counts["arrived_at"] = arrived
    return {place: People(**counts) for place, counts in found.items()}


_COUNTS = tuple(item.name for item in fields(People) if item.name != "arrived_at")
