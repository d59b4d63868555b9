"""Which synthetic probes are due, and who is to answer them.

A probe rings somebody who is free at the station, and tells of every topic of theirs for which
the station isn't strong. Whoever doesn't answer is left available: only a caller's offer pauses
anybody. While somebody in danger waits, or a caller of that station whom it may serve, nobody is
taken for a probe, and probes give way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection

from agents import presence
from agents.presence import Person
from agents.roster import PEOPLE_TIME, Role
from routing import standings, waiting
from routing.attendance import people
from routing.standing import Standing, State, Thresholds, probe_due
from routing.suitability import knows

SPARED = timedelta(minutes=30)
"""So long whoever didn't accept a probe isn't asked again: a test is no call for help, and a
station's telephones ring for tests seldom."""
LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Probe(NamedTuple):
    """`topics`: what it tells of."""

    station: str
    topics: tuple[str, ...]
    counselor_id: str


def due(
    connection: Connection,
    planned: Collection[str],
    thresholds_of: Callable[[str], Thresholds],
    may_ask: Callable[[Person], bool],
    at: datetime,
) -> list[Probe]:
    """One a station at the most; changes nothing.

    :param planned: ids of the counselors on duty by the plan of shifts. `may_ask`: can somebody be
        rung from here, and aren't they SPARED?
    """
    in_question = {
        place: standing
        for place, standing in standings.current(connection, at).items()
        if standing.state is not State.STRONG
    }
    if not in_question:
        return []
    needed = needed_by_callers(connection, at)
    staff = people(connection, planned, at)
    topics_of: dict[str, set[str]] = {}
    due_at: dict[str, set[str]] = {}
    for (station, topic), standing in in_question.items():
        topics_of.setdefault(station, set()).add(topic)
        there = staff.get((station, topic))
        when = probe_due(standing, there, thresholds_of(station)) if there else None
        if when is not None and when <= at and not needed(station):
            due_at.setdefault(station, set()).add(topic)
    if not due_at:
        return []
    day = at.astimezone(PEOPLE_TIME).date()
    found: dict[str, Probe] = {}
    for person in sorted(presence.available(connection, due_at, at), key=_idle_since):
        counselor, station = person.counselor, person.counselor.station
        if station in found or counselor.role is not Role.COUNSELOR or not may_ask(person):
            continue
        known = {topic for topic in topics_of.get(station, ()) if knows(counselor, topic, day)}
        if known & due_at.get(station, set()):
            found[station] = Probe(station, tuple(sorted(known)), counselor.id)
    return list(found.values())


def needed_by_callers(connection: Connection, at: datetime) -> Callable[[str], bool]:
    """Does a caller who waits perhaps need somebody of a station?"""
    calls = waiting.unserved(connection)
    if any(call.urgent for call in calls):
        return lambda station: True
    current = standings.current(connection, at)
    homes = {
        call.home
        for call in calls
        if current.get((call.home, call.topic), Standing()).in_force(at) is not State.DEAD
    }
    return homes.__contains__


def _idle_since(person: Person) -> datetime:
    return person.available_since or LONG_AGO
