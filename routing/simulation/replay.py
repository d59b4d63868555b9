"""Calls of the log instead of a profile's: the same arrivals, another policy.

The log tells when a call queued, its home, topic and priority. The talk of an answered call is the
log's own. What nobody has seen is drawn:

* An answered call's patience is censored: it was at least the wait. Patience is taken for
  exponential, with the mean that is most likely where waits are cut short by answers: all waiting
  over the number who gave up. The exponential forgets, so such a call would have waited on by as
  much again.
* Whoever left the queue unanswered, to whatever end, gave up then.
* The talk of a call that nobody answered is one of the log's of the same topic.

Who is at work isn't in the log: the people are the profile's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from random import Random

from sqlalchemy import Connection, select

from agents.roster import PEOPLE_TIME
from routing.simulation.profile import Profile
from routing.simulation.scenario import NORMAL, Call, Scenario
from routing.simulation.staff import draw_scenario
from routing.stations import NATION, Stations
from routing.waiting_call import UNKNOWN_TOPIC
from workorders.order import orders

o = orders.c
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """`waited`: seconds in the queue. `talk`: None where nobody answered."""

    queued_at: datetime
    home: str
    topic: str
    priority: int
    waited: float
    talk: float | None


def logged_calls(connection: Connection, stations: Stations) -> list[LoggedCall]:
    """Every ended call that queued, in the order of queueing. A home that is no station any more
    is the nation's."""
    rows = connection.execute(
        select(o.t_queue, o.t_answer, o.t_end, o.station_home, o.topic, o.priority)
        .where(o.t_queue.is_not(None), o.t_end.is_not(None))
        .order_by(o.t_queue, o.order_no)
    )
    return [
        LoggedCall(
            queued_at,
            home if home in stations else NATION,
            topic or UNKNOWN_TOPIC,
            NORMAL if priority is None else priority,
            max(0.0, ((answered_at or ended_at) - queued_at).total_seconds()),
            (ended_at - answered_at).total_seconds() if answered_at else None,
        )
        for queued_at, answered_at, ended_at, home, topic, priority in rows
    ]


@dataclass(frozen=True, slots=True)
class Replay:
    """A source of scenarios for a trial. `mean_patience`: seconds; None where nobody in the log
    gave up, and the profile's holds."""

    profile: Profile
    wrap_up_seconds: float
    calls: Mapping[date, Sequence[LoggedCall]]
    talks: Mapping[str, Sequence[float]]
    mean_patience: float | None

    @classmethod
    def of(cls, logged: Sequence[LoggedCall], profile: Profile, wrap_up_seconds: float) -> Replay:
        calls: dict[date, list[LoggedCall]] = {}
        talks: dict[str, list[float]] = {}
        for call in logged:
            calls.setdefault(call.queued_at.astimezone(PEOPLE_TIME).date(), []).append(call)
            if call.talk is not None:
                talks.setdefault(call.topic, []).append(call.talk)
        gave_up = sum(call.talk is None for call in logged)
        waiting = sum(call.waited for call in logged)
        mean = waiting / gave_up if gave_up and waiting else None
        return cls(profile, wrap_up_seconds, calls, talks, mean)

    def __call__(self, day: date, seed: int) -> Scenario:
        scenario = draw_scenario(self.profile, day, seed, self.wrap_up_seconds)
        midnight = datetime.combine(day, time(), PEOPLE_TIME)
        of_patience, of_talk = Random(f"{seed} {day} patience"), Random(f"{seed} {day} talk")
        calls = []
        for number, logged in enumerate(self.calls.get(day, ())):
            longer = self._longer(of_patience)
            talk = self._talk(logged.topic, of_talk)
            answered = logged.talk is not None
            calls.append(
                Call(
                    number,
                    (logged.queued_at - midnight).total_seconds(),
                    logged.home,
                    logged.topic,
                    logged.priority,
                    logged.waited + longer if answered else logged.waited,
                    logged.talk if logged.talk is not None else talk,
                )
            )
        return replace(scenario, calls=calls)

    def _longer(self, random: Random) -> float:
        if self.mean_patience is None:
            return self.profile.file.patience.draw(random)
        return random.expovariate(1 / self.mean_patience)

    def _talk(self, topic: str, random: Random) -> float:
        talks = self.talks.get(topic)
        return random.choice(talks) if talks else self.profile.mean_talk_seconds
