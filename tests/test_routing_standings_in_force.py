"""The queue goes by the stations' standings, in both stores, and says which change it was."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection

from config.database import Store
from routing import offers, standings
from routing.changes import Changes, Nobody, Reserved
from routing.priority import CRISIS, SILENT_CONFIRMED
from routing.queues import Queues
from routing.standing import Override, Standing, State
from routing.strength import NATION_RATE, Counts, Figures, People, strength
from tests.routing_stand_in import CENTRE, HOME, NOON, StandIn, call, counselor, log_in

FIGURES = strength(Figures(Counts(), Counts(), NATION_RATE, People()), 10)


class Scene:
    """Somebody is free at home and at the centre that covers it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.queues = Queues(StandIn())
        self.at = NOON

    def staff(self, *stations: str) -> None:
        for station in stations:
            who = counselor("home" if station == HOME else "centre", station)
            self.store.write(partial(log_in, who=who, at=self.at))

    def stands(self, state: State, topic: str = "law", **more: Any) -> int:
        """How home stands for a topic from now on; the change's number."""

        def work(connection: Connection) -> int:
            change = standings.write_down(
                connection, (HOME, topic), self.at, State.STRONG, state, "so", FIGURES
            )
            standing = Standing(state, self.at, "so", change_id=change.id, **more)
            standings.save(connection, {(HOME, topic): standing})
            return change.id

        return self.store.write(work)

    def joins(self, call_id: str = "1", priority: int = 1, topic: str = "law") -> Changes:
        self.at += timedelta(seconds=2)
        return self.store.write(
            lambda connection: self.queues.join(
                connection, call_id=call_id, order_no=call_id, topic=topic, language="zh-CN",
                priority=priority, home=HOME, kinds=("sip",), node="asterisk-1", at=self.at,
            )
        )  # fmt: skip

    def rings(self, **call: Any) -> tuple[list[str], str, set[int | None]]:
        """At which stations, why, and by which change."""
        answer = self.joins(**call).answer
        assert isinstance(answer, Reserved)
        parts = self.store.read(lambda c: offers.parts_of(c, answer.offer_id))
        return [*answer.stations], answer.reason, {part.standing_change for part in parts}


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


@pytest.mark.parametrize(
    ("state", "stations", "why"),
    [
        (State.WEAK, [HOME, CENTRE], "home weak"),
        (State.PROBING, [HOME, CENTRE], "home weak"),
        (State.DEAD, [CENTRE], "home dead"),
    ],
)
def test_callers_of_a_station_that_isnt_strong_are_covered(
    scene: Scene, state: State, stations: list[str], why: str
) -> None:
    scene.staff(HOME, CENTRE)
    change = scene.stands(state)
    rung, reason, changes = scene.rings()
    assert (rung, changes) == (stations, {change})
    assert reason.endswith(why)


@pytest.mark.parametrize(
    ("topic", "priority"), [("psychology", 1), ("law", SILENT_CONFIRMED), ("law", CRISIS)]
)
def test_other_topics_and_callers_in_danger_ring_home(
    scene: Scene, topic: str, priority: int
) -> None:
    scene.staff(HOME, CENTRE)
    scene.stands(State.DEAD)
    rung, _, changes = scene.rings(topic=topic, priority=priority)
    assert (rung[0], changes) == (HOME, {None})


def test_a_managers_word_wins(scene: Scene) -> None:
    scene.staff(HOME, CENTRE)
    until = scene.at + timedelta(hours=1)
    scene.stands(State.DEAD, override=Override(State.STRONG, "tried it", "manager:li", until))
    assert scene.rings() == ([HOME], "home, longest_idle", {None})


def test_a_change_counts_from_the_next_second_on(scene: Scene) -> None:
    scene.staff(HOME)
    assert isinstance(scene.joins().answer, Reserved)
    scene.staff(CENTRE)
    scene.stands(State.DEAD)
    assert scene.rings(call_id="2")[0] == [CENTRE]


def test_a_dead_home_alone_is_nobody_but_to_a_caller_in_danger(scene: Scene) -> None:
    scene.staff(HOME)
    scene.stands(State.DEAD)
    assert scene.joins().answer == Nobody()
    assert scene.rings(call_id="2", priority=CRISIS)[0] == [HOME]


def test_a_standing_is_explained(scene: Scene) -> None:
    scene.staff(HOME, CENTRE)
    scene.stands(State.DEAD)
    verdicts = scene.store.read(lambda c: scene.queues.explain(c, call(), scene.at))
    assert [(verdict.station, verdict.chosen) for verdict in verdicts] == [
        (CENTRE, True),
        (HOME, False),
    ]
    assert "its station is dead" in verdicts[1].reasons
