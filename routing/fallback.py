"""What the matcher goes by of the stations' standings: which are weak or dead for a topic, and by
which recorded change.

They change a few times an hour and are asked for at every match, so they are read once in KEPT.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from routing import standings
from routing.conditions import CALM, Conditions
from routing.router import Choice
from routing.standing import Standing, State
from routing.trials import Place
from routing.waiting_call import WaitingCall

KEPT = timedelta(seconds=1)


class Fallback:
    """Standings in force at one moment. A topic's conditions are made once."""

    def __init__(self, in_question: Mapping[Place, Standing], at: datetime) -> None:
        self.at = at
        self._states = {
            place: (state, standing.change_id)
            for place, standing in in_question.items()
            if (state := standing.in_force(at)) is not State.STRONG
        }
        self._conditions: dict[str, Conditions] = {}

    def conditions(self, topic: str) -> Conditions:
        """`weak` and `dead` for a topic."""
        found = self._conditions.get(topic)
        if found is None:
            found = self._conditions[topic] = replace(
                CALM,
                weak=self._stations(topic, State.WEAK, State.PROBING),
                dead=self._stations(topic, State.DEAD),
            )
        return found

    def change_behind(self, call: WaitingCall, choice: Choice) -> int | None:
        """The recorded change of its home's standing that a call is sent elsewhere by; None:
        it isn't."""
        _, change = self._states.get((call.home, call.topic), (State.STRONG, None))
        away = any(person.counselor.station != call.home for person in choice.people)
        return change if away and not call.urgent else None

    def _stations(self, topic: str, *states: State) -> frozenset[str]:
        return frozenset(
            station
            for (station, about), (state, _) in self._states.items()
            if about == topic and state in states
        )


class Standings:
    """The standings of a store, for whoever asks often."""

    def __init__(self) -> None:
        self._last: Fallback | None = None

    def now(self, connection: Connection, at: datetime) -> Fallback:
        last = self._last
        if last is None or not last.at <= at < last.at + KEPT:
            last = self._last = Fallback(standings.current(connection, at), at)
        return last
