"""The job that assesses stations: it judges what calls, offers and probes have said since it last
looked, advances every standing and writes down what changed, in a bounded number of statements.

Most of it is reading, done beside the calls (`look`); the transaction that writes is short.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection

from config.database import one_at_a_time
from routing import standings, trials
from routing.attendance import people
from routing.standing import Happened, Override, Standing, State, Thresholds
from routing.standings import Change
from routing.stations import NATION
from routing.strength import (
    NATION_RATE,
    Counts,
    Figures,
    People,
    Strength,
    parent_rates,
    strength,
)
from routing.transitions import advance
from routing.trials import Place

ASSESSING = 16
OVERRIDE_ENDED = "the override ended"
NO_CALLS, NOBODY = Counts(), People()


class Places(Protocol):
    """What standings need of the stations."""

    def __contains__(self, station: object) -> bool: ...

    def setting(self, station_id: str, name: str) -> Any: ...

    def parent(self, station: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Assessed:
    """A station's standing for a topic, and what it is judged by now."""

    station: str
    topic: str
    standing: Standing
    strength: Strength


@dataclass(frozen=True, slots=True)
class Look:
    """What stations are judged by at one moment: `parent_rate` by topic, the rest by place. `due`:
    which standings change by time alone."""

    at: datetime
    standings: Mapping[Place, Standing]
    staff: Mapping[Place, People]
    fast: Mapping[Place, Counts]
    slow: Mapping[Place, Counts]
    parent_rate: Mapping[str, Callable[[str], float]]
    due: Collection[Place] = ()

    def figures(self, place: Place, happened: Iterable[Happened]) -> Figures:
        """`happened`: what wasn't yet counted then."""
        station, topic = place
        rate = self.parent_rate.get(topic)
        more = Counts.of(trial for _, trial in happened)
        return Figures(
            self.fast.get(place, NO_CALLS) + more,
            self.slow.get(place, NO_CALLS) + more,
            rate(station) if rate is not None else NATION_RATE,
            self.staff.get(place, NOBODY),
        )


class Assessment:
    """Over a tree of stations. The store is the only truth: several processes may reassess."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._thresholds: dict[str, Thresholds] = {}

    def look(self, connection: Connection, planned: Collection[str], at: datetime) -> Look:
        """Read what the stations are judged by; changes nothing.

        :param planned: ids of the counselors on duty by the plan of shifts.
        """
        slow = trials.slow(connection, at)
        by_topic: dict[str, dict[str, Counts]] = {}
        for (station, topic), counts in slow.items():
            by_topic.setdefault(topic, {})[station] = counts
        prior_calls = self.thresholds(NATION).prior_calls
        parent_rate = {
            topic: parent_rates(counts, self._places.parent, prior_calls)
            for topic, counts in by_topic.items()
        }
        look = Look(
            at=at,
            standings=standings.everyone(connection),
            staff=people(connection, planned, at),
            fast=trials.fast(connection, at),
            slow=slow,
            parent_rate=parent_rate,
        )
        due = {
            place
            for place, was in look.standings.items()
            if was.override is not None or self._advanced(was, place, look, ()) != was
        }
        return replace(look, due=due)

    def reassess(self, connection: Connection, look: Look) -> list[Change]:
        """Advance every standing by a look of this moment and by what has become known; the
        changes, for whoever tells an operator after the commit."""
        at = look.at
        one_at_a_time(connection, ASSESSING)
        happened: dict[Place, list[Happened]] = {}
        for item in trials.judge(connection, look.staff, self.thresholds, at):
            place = item.station, item.topic
            happened.setdefault(place, []).append(Happened(item.at, item.trial))
        before = standings.everyone(connection)
        made: list[Change] = []
        rows: dict[Place, Standing] = {}
        for place in sorted({*look.due, *happened}):
            was = before.get(place, Standing())
            now = self._advanced(was, place, look, happened.get(place, ()))
            if now.state is State.STRONG is not was.state:
                trials.begin_anew(connection, place)
            ended = now.override is not None and at >= now.override.until
            if ended:
                now = replace(now, override=None)
            # While a manager's word holds, what is measured changes nothing for anybody.
            shown = was.override.state if was.override is not None else was.state
            if now.in_force(at) is not shown:
                cause = OVERRIDE_ENDED if ended else now.cause
                found = self._strength(place, look, happened.get(place, ()))
                change = standings.write_down(
                    connection, place, at, shown, now.in_force(at), cause, found
                )
                made.append(change)
                now = replace(now, change_id=change.id)
            if now != was:
                rows[place] = now
        standings.save(connection, rows)
        trials.forget(connection, at)
        return made

    def override(
        self, connection: Connection, station: str, topic: str, word: Override, look: Look
    ) -> Change:
        """A manager's word, recorded at once. Raises ValueError for an end that isn't allowed."""
        word.check(look.at)
        one_at_a_time(connection, ASSESSING)
        place = station, topic
        was = standings.one(connection, place)
        found = self._strength(place, look, ())
        cause = f"{word.by}, until {word.until.isoformat()}: {word.reason}"
        change = standings.write_down(
            connection, place, look.at, was.in_force(look.at), word.state, cause, found
        )
        standings.save(connection, {place: replace(was, override=word, change_id=change.id)})
        return change

    def assessed(self, look: Look) -> list[Assessed]:
        """Every station that has had a call or a manager's word."""
        return [
            Assessed(*place, standing, self._strength(place, look, ()))
            for place, standing in sorted(look.standings.items())
        ]

    def thresholds(self, station: str) -> Thresholds:
        """A station's settings; one that is no longer in the tree has the nation's."""
        found = self._thresholds.get(station)
        if found is None:
            known = station if station in self._places else NATION
            found = self._thresholds[station] = Thresholds.of(self._places, known)
        return found

    def _advanced(
        self, was: Standing, place: Place, look: Look, happened: Sequence[Happened]
    ) -> Standing:
        figures = look.figures(place, happened)
        return advance(was, figures, happened, look.at, self.thresholds(place[0]))

    def _strength(self, place: Place, look: Look, happened: Sequence[Happened]) -> Strength:
        prior_calls = self.thresholds(place[0]).prior_calls
        return strength(look.figures(place, happened), prior_calls)
