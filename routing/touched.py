"""Which waiting calls may be served now that something has changed, in the order of service.

A call that can't be served stays so until somebody becomes free whom it suits, until somebody
leaves who was nearer, or until time opens a tier to it or lets a filter fall. So a change costs
what it touches: these calls are found by index, however many others wait.

A standing or the mean talk may open centres to a call, too. That is found by the sweep, which looks
at each call that any counselor free suits, and at urgent ones. Somebody who leaves a station that
may serve everybody is reason for a sweep, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from heapq import merge

from sqlalchemy import Connection

from agents import presence
from agents.counselor import State
from agents.presence import Person
from routing import waiting
from routing.floor import Floor, RulesOf
from routing.priority import Place
from routing.rules import Network, Rules
from routing.suitability import turning_points, would_suit
from routing.waiting_call import WaitingCall

FIRST = 20
AT_ONCE = 200


def touched(
    connection: Connection,
    places: Network,
    floor: Floor,
    rules_of: RulesOf,
    at: datetime,
    *,
    sweep: bool,
) -> Iterator[WaitingCall]:
    """What has changed is looked at once. Whoever is taken meanwhile is to be `put` on the floor
    before the next call is asked for."""
    freed: dict[str, set[str]] = defaultdict(set)
    left = set()
    for who, station, state in presence.changed(connection):
        if state == State.AVAILABLE:
            freed[station].add(who)
        else:
            left.add(station)
    due = waiting.due(connection, at)
    for call in due:
        waiting.look_at(connection, call.call_id, _next_look(call, rules_of(call.home), at))
    served = [places.served_by(station) for station in left]
    homes = {home for of_station in served for home in of_station or ()}
    sweep = sweep or None in served
    near = waiting.unserved_of(connection, homes) if homes else []
    urgent = waiting.urgent(connection) if sweep else []
    suited = _suited(connection, places, floor, rules_of, at, None if sweep else freed)
    seen = set()
    for call in merge(sorted([*due, *near, *urgent], key=_place), suited, key=_place):
        if call.call_id not in seen:
            seen.add(call.call_id)
            yield call


def _next_look(call: WaitingCall, rules: Rules, at: datetime) -> datetime | None:
    waited = (at - call.enqueued_at).total_seconds()
    later = [seconds for seconds in turning_points(call, rules) if seconds > waited]
    return call.enqueued_at + timedelta(seconds=min(later)) if later else None


def _suited(
    connection: Connection,
    places: Network,
    floor: Floor,
    rules_of: RulesOf,
    at: datetime,
    freed: Mapping[str, Collection[str]] | None,
) -> Iterator[WaitingCall]:
    """Those whom one of `freed` suits, ids by station, while they are free; None: anybody free."""
    stations = presence.free_stations(connection) if freed is None else freed.keys()

    def of_interest(station: str) -> Iterable[Person]:
        free = floor.free_at(station)
        if freed is None:
            return free
        return [person for person in free if person.counselor.id in freed[station]]

    for calls in _served_by(connection, places, stations):
        if freed is not None and not any(map(of_interest, freed)):
            return
        floor.expect([call.home for call in calls])
        for call in calls:
            rules = rules_of(call.home)
            people = (
                person
                for station in rules.tier_of
                if station in stations and not floor.kept_from(call, station, at)
                for person in of_interest(station)
            )
            if would_suit(call, people, rules, at):
                yield call


def _served_by(
    connection: Connection, places: Network, stations: Iterable[str]
) -> Iterator[Sequence[WaitingCall]]:
    """Who waits for these, some at a time. Where they serve few homes, those of these; else
    everybody, of whom mostly the first are enough."""
    homes: set[str] = set()
    for station in stations:
        served = places.served_by(station)
        if served is None:
            break
        homes.update(served)
    else:
        yield sorted(waiting.unserved_of(connection, homes) if homes else (), key=_place)
        return
    first = waiting.unserved(connection, FIRST)
    yield first
    if len(first) == FIRST:
        known = {call.call_id for call in first}
        others = [call for call in waiting.unserved(connection) if call.call_id not in known]
        for number in range(0, len(others), AT_ONCE):
            yield others[number : number + AT_ONCE]


def _place(call: WaitingCall) -> Place:
    return call.place
