"""Synthetic probes of weak stations, in both stores; the carrier is a test's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from agents import presence
from agents.counselor import State as Presence
from agents.roster import Contact, Counselor, Role, counselors
from config.database import Store
from ivr import placed_calls, probes
from ivr.attempts import Attempts
from ivr.placed_calls import PlacedCall, Result
from ivr.placing import Placer, Placing, Wanted
from ivr.probes import IDLE_WITHIN, KEPT, LEASE, Probes
from routing import probing, standings, waiting
from routing.assessment import Assessment
from routing.priority import CRISIS
from routing.standing import Standing, State
from routing.stations import Stations
from routing.trials import Place, station_trials
from routing.waiting_call import WaitingCall
from tests.routing_stand_in import CENTRE, HOME, NOON, PROVINCE, counselor, log_in

STATIONS = Stations.load(Path("config"))
ASSESSMENT = Assessment(STATIONS)
FIRST = timedelta(seconds=120)
"""After a change of state, until its first probe; see the shipped settings."""


class Line:
    """Commits what it is to place, and rings nobody."""

    carrier = "line"
    reached = frozenset({"sip"})

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self.placed: list[Wanted] = []
        self.hung_up: list[str] = []

    def hang_up(self, call: PlacedCall) -> None:
        self.hung_up.append(call.counselor_id)

    def place(self, wanted: Wanted, contacts: Sequence[Contact]) -> None:
        self._attempts.begin(wanted, "line", contacts[0].address.encode())
        self.placed.append(wanted)


class Scene:
    """HOME has been dead for law and for callers whose topic is unknown since NOON."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.at = NOON
        self.attempts = Attempts(store, self.now, {probes.PURPOSE: probes.over})
        self.line = Line(self.attempts)
        self.stands((HOME, "law"), State.DEAD)
        self.stands((HOME, "unknown"), State.DEAD)
        self.probes = self.process()

    def now(self) -> datetime:
        return self.at

    def process(self, carriers: Sequence[Placer] | None = None) -> Probes:
        """One engine's."""
        placing = Placing(self.store, [self.line] if carriers is None else carriers)
        return Probes(self.store, placing, self.attempts, STATIONS, ASSESSMENT.thresholds, self.now)

    def stands(self, place: Place, state: State) -> None:
        self.store.write(lambda c: standings.save(c, {place: Standing(state, NOON, "so")}))

    def staff(self, *people: Counselor) -> None:
        for who in people:
            self.store.write(partial(log_in, who=who, at=self.at))

    def after(self, passed: timedelta = FIRST, probes: Probes | None = None) -> list[str]:
        """Whom this engine has rung by then, as it does: what was told is judged first."""
        self.at += passed
        look = self.store.read(lambda c: ASSESSMENT.look(c, (), self.at))
        self.store.write(lambda c: ASSESSMENT.reassess(c, look))
        before = len(self.line.placed)
        (probes or self.probes).begin(frozenset())
        return [wanted.counselor_id for wanted in self.line.placed[before:]]

    def gives_way(self, probes: Probes | None = None) -> None:
        """An engine's second."""
        (probes or self.probes).give_way()
        (probes or self.probes).free()

    def ends(self, result: Result) -> None:
        call = self.line.placed[-1].id
        self.attempts.placed(call, call)
        self.attempts.end(call, result)

    def waits(self, priority: int, home: str, topic: str, *, number: int = 1) -> None:
        name = str(number)
        call = WaitingCall(
            name, name, topic, "zh-CN", priority, home, self.at, "a", frozenset({"sip"})
        )
        self.store.write(lambda connection: waiting.add(connection, call))

    def nobody_waits(self) -> None:
        table = waiting.waiting_calls
        self.store.write(lambda connection: connection.execute(table.delete()))

    def state(self, who: str) -> tuple[str, datetime | None]:
        c = counselors.c
        query = select(c.state, c.available_since).where(c.id == who)
        row = self.store.read(lambda connection: connection.execute(query).one())
        return row[0], row[1]

    @property
    def trials(self) -> list[tuple[str, str]]:
        t = station_trials.c
        query = select(t.topic, t.trial).order_by(t.at, t.topic)
        return [(str(topic), str(trial)) for topic, trial in self._rows(query)]

    def _rows(self, query: Any) -> list[Any]:
        return self.store.read(lambda connection: list(connection.execute(query)))


@pytest.fixture
def scene(store: Store) -> Scene:
    return Scene(store)


def test_a_dead_station_is_probed_and_what_came_of_it_is_noted(scene: Scene) -> None:
    scene.staff(counselor("li", topics=["law"]))
    assert scene.after(timedelta(seconds=59)) == []
    assert scene.after(timedelta(seconds=61)) == ["li"]
    assert scene.state("li")[0] == Presence.RESERVED
    scene.ends(Result.ACCEPTED)
    assert scene.trials == [("law", "accepted"), ("unknown", "accepted")]
    # They keep their place in the line of the longest idle.
    assert scene.state("li") == (Presence.AVAILABLE, NOON)


@pytest.mark.parametrize(
    "result", [Result.NOT_ACCEPTED, Result.NO_ANSWER, Result.BUSY, Result.UNREACHABLE]
)
def test_whatever_is_no_key_is_a_refusal_and_pauses_nobody(scene: Scene, result: Result) -> None:
    scene.staff(counselor("li", topics=["law"]))
    scene.after()
    scene.ends(result)
    assert [trial for _, trial in scene.trials] == ["refused", "refused"]
    assert scene.state("li")[0] == Presence.AVAILABLE


def test_after_who_does_not_answer_somebody_else_is_asked(scene: Scene) -> None:
    scene.staff(counselor("fang"))
    scene.at += timedelta(seconds=1)
    scene.staff(counselor("li"))
    assert scene.after() == ["fang"]
    scene.ends(Result.NO_ANSWER)
    # Nobody has come meanwhile: it waits as long as after any refusal.
    assert scene.after(timedelta(seconds=61)) == []
    assert scene.after(timedelta(seconds=60)) == ["li"]


def test_a_key_told_late_counts_beside_the_refusal(scene: Scene) -> None:
    scene.staff(counselor("li", topics=["law"]))
    scene.after()
    scene.ends(Result.NOT_ACCEPTED)
    scene.ends(Result.ACCEPTED)
    assert sorted(trial for topic, trial in scene.trials if topic == "law") == [
        "accepted",
        "refused",
    ]


def test_what_was_never_placed_says_nothing_and_is_tried_again_later(scene: Scene) -> None:
    scene.staff(counselor("li", topics=["law"]))
    scene.after()
    scene.ends(Result.NOT_PLACED)
    assert scene.trials == []
    assert scene.state("li")[0] == Presence.AVAILABLE
    assert scene.after(timedelta(seconds=5)) == []
    assert scene.after(timedelta(seconds=55)) == ["li"]


def test_who_asks_to_leave_meanwhile_is_gone_after_it(scene: Scene) -> None:
    scene.staff(counselor("li", topics=["law"]))
    scene.after()
    scene.store.write(lambda c: presence.log_out(c, "li", scene.at))
    scene.ends(Result.ACCEPTED)
    assert scene.state("li")[0] == Presence.LOGGED_OUT


@pytest.mark.parametrize(
    "who",
    [
        counselor("li", topics=["psychology"], station=PROVINCE),
        counselor("li", role=Role.SUPERVISOR),
        counselor("li", kinds=["twilio_client"]),
    ],
)
def test_who_is_not_asked(scene: Scene, who: Counselor) -> None:
    scene.staff(who)
    assert scene.after() == []


def test_who_has_paused_or_has_a_call_is_left_in_peace(scene: Scene) -> None:
    scene.staff(counselor("li"), counselor("fang"))
    scene.store.write(lambda c: presence.pause(c, "li", "break", scene.at))
    scene.store.write(lambda c: presence.reserve(c, "fang", "1", scene.at))
    assert scene.after() == []


def test_who_logs_in_is_asked_at_once(scene: Scene) -> None:
    scene.staff(counselor("li"))
    scene.store.write(lambda c: presence.log_out(c, "li", scene.at))
    assert scene.after(timedelta(seconds=90)) == []
    scene.store.write(lambda c: presence.log_in(c, "li", scene.at))
    assert scene.after(timedelta(seconds=5)) == ["li"]


def test_a_station_has_one_probe_at_a_time_whichever_engine_asks(scene: Scene) -> None:
    scene.staff(counselor("li"), counselor("fang"))
    assert len(scene.after()) == 1
    another = scene.process()
    assert scene.after(timedelta(minutes=3), another) == []
    scene.ends(Result.NO_ANSWER)


MAY_NEED = pytest.mark.parametrize(
    ("priority", "home", "topic", "needed"),
    [
        (CRISIS, CENTRE, "law", True),
        (1, HOME, "psychology", True),
        (1, HOME, "law", False),
        (1, CENTRE, "law", False),
    ],
    ids=["in danger", "of a strong home", "of a dead home", "of another home"],
)


@MAY_NEED
def test_nobody_is_taken_for_a_probe_whom_a_caller_may_need(
    scene: Scene, priority: int, home: str, topic: str, needed: bool
) -> None:
    scene.staff(counselor("li"))
    scene.waits(priority, home, topic)
    assert scene.after() == ([] if needed else ["li"])
    scene.store.write(lambda connection: waiting.delete(connection, "1"))
    assert scene.after(timedelta(0)) == (["li"] if needed else [])


@MAY_NEED
def test_a_probe_gives_way_and_then_says_nothing(
    scene: Scene, priority: int, home: str, topic: str, needed: bool
) -> None:
    scene.staff(counselor("li"))
    scene.after()
    scene.gives_way()
    assert scene.state("li")[0] == Presence.RESERVED
    scene.waits(priority, home, topic)
    scene.gives_way()
    assert scene.line.hung_up == (["li"] if needed else [])
    # The telephone still rings.
    assert scene.state("li")[0] == Presence.RESERVED
    scene.ends(Result.NO_ANSWER)
    assert scene.state("li")[0] == Presence.AVAILABLE
    assert bool(scene.trials) is not needed


def test_a_key_pressed_while_a_probe_is_hung_up_says_nothing_either(scene: Scene) -> None:
    scene.staff(counselor("li"))
    scene.after()
    call = scene.line.placed[-1].id
    scene.attempts.placed(call, call)
    scene.waits(CRISIS, CENTRE, "law")
    scene.gives_way()
    scene.attempts.end(call, Result.ACCEPTED)
    assert scene.state("li")[0] == Presence.RESERVED
    scene.attempts.end(call, Result.NOT_ACCEPTED)
    assert scene.state("li")[0] == Presence.AVAILABLE
    assert scene.trials == []


def test_a_hang_up_that_nobody_tells_of_costs_a_caller_a_few_seconds(scene: Scene) -> None:
    scene.staff(counselor("li"))
    scene.after()
    scene.waits(CRISIS, CENTRE, "law")
    began = scene.at
    while scene.state("li")[0] == Presence.RESERVED:
        scene.gives_way()
        scene.at += timedelta(seconds=1)
    assert scene.at - began <= timedelta(seconds=7)
    # Asked again until it is over: a call may come to be only now.
    assert len(scene.line.hung_up) > 1
    scene.ends(Result.NO_ANSWER)
    assert scene.trials == []
    # Whose test was ended by us hasn't missed it.
    scene.nobody_waits()
    assert scene.after() == ["li"]


def test_a_probe_is_given_up_once_however_soon_the_caller_leaves(scene: Scene) -> None:
    scene.staff(counselor("li"))
    scene.after()
    scene.waits(CRISIS, CENTRE, "law")
    scene.gives_way()
    scene.nobody_waits()
    scene.gives_way()
    assert scene.line.hung_up == ["li", "li"]
    scene.ends(Result.NO_ANSWER)
    scene.gives_way()
    assert len(scene.line.hung_up) == 2
    assert scene.trials == []


def test_who_is_held_by_a_carrier_that_is_gone_is_freed_by_any_engine(scene: Scene) -> None:
    scene.staff(counselor("li"))
    scene.after()
    another = scene.process(carriers=[])
    scene.at += LEASE
    scene.gives_way(another)
    scene.at += IDLE_WITHIN
    scene.gives_way(another)
    assert scene.state("li")[0] == Presence.RESERVED
    scene.at += timedelta(seconds=1)
    scene.gives_way(another)
    scene.at += IDLE_WITHIN
    scene.gives_way(another)
    assert scene.state("li")[0] == Presence.AVAILABLE
    assert scene.trials == []


CITY = "440300"
ELSEWHERE = "110000"


@pytest.mark.parametrize(
    ("station", "home", "topic", "needed"),
    [
        (PROVINCE, CITY, "psychology", True),
        (PROVINCE, CITY, "law", False),
        (PROVINCE, ELSEWHERE, "psychology", False),
        (CENTRE, CITY, "psychology", True),
        (CENTRE, ELSEWHERE, "psychology", True),
        (CENTRE, CITY, "law", False),
        (HOME, CITY, "psychology", False),
    ],
    ids=["city under it", "dead for it", "elsewhere", "covered", "far", "dead, too", "beside it"],
)
def test_who_may_be_served_there_goes_before_a_probe_wherever_they_call_from(
    scene: Scene, station: str, home: str, topic: str, needed: bool
) -> None:
    scene.stands((station, "law"), State.DEAD)
    scene.staff(counselor("li", station=station))
    scene.waits(1, home, topic)
    assert scene.after() == ([] if needed else ["li"])
    scene.nobody_waits()
    assert scene.after(timedelta(0)) == (["li"] if needed else [])
    scene.waits(1, home, topic)
    scene.gives_way()
    assert scene.line.hung_up == (["li"] if needed else [])


def test_who_may_be_served_is_found_behind_all_who_may_not(scene: Scene) -> None:
    scene.stands((CENTRE, "law"), State.DEAD)
    scene.staff(counselor("li", station=CENTRE))
    for number in range(probing.FIRST):
        scene.waits(1, CITY, "law", number=number)
    assert scene.after() == ["li"]
    scene.waits(1, CITY, "psychology", number=probing.FIRST)
    scene.gives_way()
    assert scene.line.hung_up == ["li"]


def test_while_one_place_rings_for_somebody_in_danger_the_others_are_free_for_them(
    scene: Scene,
) -> None:
    scene.staff(counselor("li"))
    scene.waits(CRISIS, CENTRE, "law")
    scene.store.write(lambda connection: waiting.hold(connection, "1", "offer"))
    assert scene.after() == []
    scene.nobody_waits()
    assert scene.after(timedelta(0)) == ["li"]
    scene.waits(CRISIS, CENTRE, "law")
    scene.store.write(lambda connection: waiting.hold(connection, "1", "offer"))
    scene.gives_way()
    assert scene.line.hung_up == ["li"]


def test_who_has_an_offer_and_is_in_no_danger_needs_nobody_else(scene: Scene) -> None:
    scene.staff(counselor("li"))
    scene.waits(1, HOME, "psychology")
    scene.store.write(lambda connection: waiting.hold(connection, "1", "offer"))
    assert scene.after() == ["li"]


def test_a_strong_station_is_not_probed(scene: Scene) -> None:
    scene.staff(counselor("li"))
    for topic in ("law", "unknown"):
        scene.stands((HOME, topic), State.STRONG)
    assert scene.after(timedelta(days=1)) == []


def test_old_calls_are_forgotten(scene: Scene) -> None:
    scene.staff(counselor("li"))
    scene.after()
    scene.ends(Result.ACCEPTED)
    first = scene.line.placed[0].id
    scene.after(KEPT + timedelta(seconds=1))
    assert scene.store.read(lambda c: placed_calls.load(c, first)) is None
