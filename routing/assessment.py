"""The job that assesses stations: it judges what calls, offers and probes have said since it last
looked, advances every standing and writes down what changed, in a bounded number of statements.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection

from config.database import one_at_a_time
from routing import standings, trials
from routing.staffing import people
from routing.standing import Happened, Override, Standing, State, Thresholds, advance
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
from routing.trials import Place

ASSESSING = 16
OVERRIDE_ENDED = "the override ended"


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


class Assessment:
    """Over a tree of stations. The store is the only truth: several processes may reassess."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._thresholds: dict[str, Thresholds] = {}

    def reassess(
        self, connection: Connection, planned: Collection[str], at: datetime
    ) -> list[Change]:
        """Advance every standing; the changes, for whoever tells an operator after the commit.

        :param planned: ids of the counselors on duty by the plan of shifts.
        """
        one_at_a_time(connection, ASSESSING)
        staff = people(connection, planned, at)
        happened: dict[Place, list[Happened]] = {}
        for item in trials.judge(connection, staff, self.thresholds, at):
            place = item.station, item.topic
            happened.setdefault(place, []).append(Happened(item.at, item.trial))
        before = standings.everyone(connection)
        look = self._look(connection, staff, at)
        made: list[Change] = []
        rows: dict[Place, Standing] = {}
        for place in sorted({*before, *happened}):
            was = before.get(place, Standing())
            figures = look.figures(place)
            thresholds = self.thresholds(place[0])
            now = advance(was, figures, happened.get(place, ()), at, thresholds)
            if now.state is State.STRONG is not was.state:
                trials.begin_anew(connection, place)
            ended = now.override is not None and at >= now.override.until
            if ended:
                now = replace(now, override=None)
            # While a manager's word holds, what is measured changes nothing for anybody.
            shown = was.override.state if was.override is not None else was.state
            if now.in_force(at) is not shown:
                cause = OVERRIDE_ENDED if ended else now.cause
                found = strength(figures, thresholds.prior_calls)
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
        self,
        connection: Connection,
        station: str,
        topic: str,
        word: Override,
        planned: Collection[str],
        at: datetime,
    ) -> Change:
        """A manager's word, recorded at once. Raises ValueError for an end that isn't allowed."""
        word.check(at)
        one_at_a_time(connection, ASSESSING)
        place = station, topic
        was = standings.one(connection, place)
        staff = people(connection, planned, at)
        look = self._look(connection, staff, at)
        found = strength(look.figures(place), self.thresholds(station).prior_calls)
        cause = f"{word.by}, until {word.until.isoformat()}: {word.reason}"
        change = standings.write_down(
            connection, place, at, was.in_force(at), word.state, cause, found
        )
        now = replace(was, override=word, change_id=change.id)
        standings.save(connection, {place: now})
        return change

    def assess(
        self, connection: Connection, planned: Collection[str], at: datetime
    ) -> list[Assessed]:
        """Of every station that has had a call or a manager's word; changes nothing."""
        known = standings.everyone(connection)
        staff = people(connection, planned, at)
        look = self._look(connection, staff, at)
        return [
            Assessed(
                *place,
                standing,
                strength(look.figures(place), self.thresholds(place[0]).prior_calls),
            )
            for place, standing in sorted(known.items())
        ]

    def _look(self, connection: Connection, staff: Mapping[Place, People], at: datetime) -> _Look:
        prior_calls = self.thresholds(NATION).prior_calls
        return _Look(connection, self._places, prior_calls, staff, at)

    def thresholds(self, station: str) -> Thresholds:
        """A station's settings; one that is no longer in the tree has the nation's."""
        found = self._thresholds.get(station)
        if found is None:
            known = station if station in self._places else NATION
            found = self._thresholds[station] = Thresholds.of(self._places, known)
        return found


class _Look:
    """All stations' figures at one moment, read once."""

    def __init__(
        self,
        connection: Connection,
        places: Places,
        prior_calls: float,
        staff: Mapping[Place, People],
        at: datetime,
    ) -> None:
        self._staff = staff
        self._fast = trials.fast(connection, at)
        self._slow = trials.slow(connection, at)
        by_topic: dict[str, dict[str, Counts]] = {}
        for (station, topic), counts in self._slow.items():
            by_topic.setdefault(topic, {})[station] = counts
        self._parent_rate = {
            topic: parent_rates(slow, places.parent, prior_calls)
            for topic, slow in by_topic.items()
        }

    def figures(self, place: Place) -> Figures:
        station, topic = place
        rate = self._parent_rate.get(topic)
        return Figures(
            self._fast.get(place, Counts()),
            self._slow.get(place, Counts()),
            rate(station) if rate is not None else NATION_RATE,
            self._staff.get(place, People()),
        )
