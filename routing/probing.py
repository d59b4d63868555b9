"""Which synthetic probes are due, and who is to answer them.

A probe rings somebody who is free at the station, and tells of every topic of theirs for which
the station isn't strong. Whoever doesn't answer is left available: only a caller's offer pauses
anybody. While somebody in danger isn't answered, or anybody waits whom that station may serve,
wherever they call from, nobody is taken for a probe, and probes give way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain
from typing import NamedTuple

from sqlalchemy import Connection

from agents import presence
from agents.presence import Person
from agents.roster import PEOPLE_TIME, Role
from routing import standings, waiting
from routing.attendance import people
from routing.rules import Network
from routing.standing import Standing, State, Thresholds
from routing.suitability import knows
from routing.transitions import probe_due
from routing.waiting_call import WaitingCall

SPARED = timedelta(minutes=30)
"""So long whoever didn't accept a probe isn't asked again: a test is no call for help, and a
station's telephones ring for tests seldom."""
FIRST = 20
LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Probe(NamedTuple):
    """`topics`: what it tells of."""

    station: str
    topics: tuple[str, ...]
    counselor_id: str


def due(
    connection: Connection,
    places: Network,
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
    needed = needed_by_callers(connection, places, at)
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


def needed_by_callers(
    connection: Connection, places: Network, at: datetime
) -> Callable[[str], bool]:
    """Does a caller who waits perhaps need somebody of a station? Whoever it may serve does, and
    while somebody in danger isn't answered, anybody: more than one place is rung for them."""
    if waiting.any_urgent(connection):
        return lambda station: True
    current = standings.current(connection, at)

    def may_serve(station: str, call: WaitingCall) -> bool:
        return current.get((station, call.topic), Standing()).in_force(at) is not State.DEAD

    def needed(station: str) -> bool:
        return any(may_serve(station, call) for call in _served_by(connection, places, station))

    return cache(needed)


def _served_by(connection: Connection, places: Network, station: str) -> Iterator[WaitingCall]:
    """Who waits and is served there too, at once or later. Of those whom a centre serves, mostly
    the first are enough."""
    homes = places.served_by(station)
    if homes is not None:
        yield from waiting.unserved_of(connection, homes)
        return
    for most in (FIRST, None):
        calls = waiting.unserved(connection, most)
        for call in calls:
            if station in chain.from_iterable(places.tiers(call.home)):
                yield call
        if len(calls) < FIRST:
            return


def _idle_since(person: Person) -> datetime:
    return person.available_since or LONG_AGO
