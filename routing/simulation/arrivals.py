"""Who calls on a day of a profile: a Poisson process whose rate changes by the hour.

Each purpose has a random stream of its own, so that one more draw for one of them changes nothing
in the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from random import Random

from routing.priority import CRISIS, SILENT_CONFIRMED
from routing.simulation.profile import Profile
from routing.simulation.scenario import NORMAL, Call

HOURS = 24
HOUR_SECONDS = 3600.0


def draw_calls(profile: Profile, day: date, seed: int) -> list[Call]:
    """The calls of one day, in the order of their coming."""
    file = profile.file
    stations = list(profile.weights)
    weights = list(profile.weights.values())
    topics = list(file.calls.topics)
    shares = list(file.calls.topics.values())

    def stream(purpose: str) -> Random:
        return Random(f"{seed} {day} {purpose}")

    of_home, of_topic, of_priority = stream("home"), stream("topic"), stream("priority")
    of_patience, of_talk = stream("patience"), stream("talk")
    calls = []
    for number, at in enumerate(_instants(profile, day, stream("arrivals"))):
        [home] = of_home.choices(stations, weights)
        [topic] = of_topic.choices(topics, shares)
        chance = of_priority.random()
        if chance < file.calls.crisis_share:
            priority = CRISIS
        elif chance < file.calls.crisis_share + file.calls.silent_share:
            priority = SILENT_CONFIRMED
        else:
            priority = NORMAL
        patience, talk = file.patience.draw(of_patience), file.talk[topic].draw(of_talk)
        calls.append(Call(number, at, home, topic, priority, patience, talk))
    return calls


def _instants(profile: Profile, day: date, random: Random) -> Iterator[float]:
    for hour in range(HOURS):
        rate = profile.calls_an_hour(day, hour) / HOUR_SECONDS
        at, end = hour * HOUR_SECONDS, (hour + 1) * HOUR_SECONDS
        while rate and (at := at + random.expovariate(rate)) < end:
            yield at
