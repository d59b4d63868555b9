"""A caller whose number has an open order goes to the counselor who handles it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from agents import presence
from agents.counselor import State
from agents.presence import RONA, Person
from config.database import Store
from routing.conditions import CALM, Conditions
from routing.floor import Floor
from routing.priority import CRISIS, SILENT_CONFIRMED
from routing.queues import Queues, Reserved, Waiting
from routing.router import choose
from routing.rules import Rules
from routing.verdicts import explain
from tests.routing_stand_in import (
    CENTRE,
    FAR,
    HOME,
    NOON,
    PROVINCE,
    StandIn,
    call,
    counselor,
    log_in,
    person,
    picked_up,
)

RULES = Rules.of(StandIn(handler_wait_seconds=10), HOME)
FREE = person("free", idle=999)


def handler(state: State = State.AVAILABLE, station: str = HOME, **about: Any) -> Person:
    ends = about.pop("ends", None)
    reason = about.pop("reason", None)
    until = None if ends is None else NOON + timedelta(seconds=ends)
    return person(counselor("handler", station, **about), state, 1, until=until, reason=reason)


def chosen(people: list[Person], conditions: Conditions = CALM, **about: Any) -> list[str]:
    about = {"preferred": "handler", **about}
    free = [someone for someone in people if someone.state == State.AVAILABLE]
    choice = choose(call(**about), free, lambda: people, RULES, NOON, conditions)
    on_the_floor = Floor(lambda _home: RULES, lambda _call: conditions)
    for someone in people:
        on_the_floor.put(someone)
    assert on_the_floor.for_call(call(**about), NOON) == choice
    return [someone.counselor.id for someone in choice.people] if choice else []


@pytest.mark.parametrize(
    ("people", "about", "expected"),
    [
        pytest.param([FREE, handler()], {}, "handler", id="free: before the longest idle"),
        pytest.param([FREE, handler(station=PROVINCE)], {}, "handler", id="in the province"),
        pytest.param([FREE, handler(station=CENTRE)], {}, "handler", id="in a centre, at once"),
        pytest.param([FREE, handler(station=FAR)], {}, "handler", id="in a far centre, at once"),
        pytest.param([FREE, handler(station="310000")], {}, "free", id="elsewhere: never"),
        pytest.param([FREE, handler(State.ON_CALL)], {}, None, id="in a talk: waited for"),
        pytest.param([FREE, handler(State.RINGING)], {}, None, id="ringing: waited for"),
        pytest.param([FREE, handler(State.ON_CALL)], {"waited": 9.9}, None, id="still"),
        pytest.param([FREE, handler(State.ON_CALL)], {"waited": 10}, "free", id="no longer"),
        pytest.param([FREE, handler()], {"waited": 60}, "handler", id="free, however late"),
        pytest.param([FREE, handler(State.WRAP_UP, ends=10)], {}, None, id="wrap-up ends in time"),
        pytest.param([FREE, handler(State.WRAP_UP, ends=11)], {}, "free", id="wrap-up too long"),
        pytest.param([FREE, handler(State.WRAP_UP, ends=4)], {"waited": 7}, "free",
                     id="too long for what is left"),
        pytest.param([FREE, handler(State.PAUSED, reason="meal")], {}, "free", id="paused"),
        pytest.param([FREE, handler(State.PAUSED, reason=RONA)], {}, "free", id="RONA"),
        pytest.param([FREE], {}, "free", id="logged out"),
        pytest.param([FREE, handler()], {"excluded": ["handler"]}, "free", id="did not answer"),
        pytest.param([FREE, handler(State.ON_CALL)], {"excluded": ["handler"]}, "free",
                     id="did not answer, not waited for"),
        pytest.param([FREE, handler(topics=["psychology"])], {}, "free", id="another topic"),
        pytest.param([FREE, handler(State.ON_CALL, topics=["psychology"])], {}, "free",
                     id="another topic: not waited for"),
        pytest.param([FREE, handler(languages=["en"])], {}, "free", id="another language"),
        pytest.param([FREE, handler()], {"kinds": ["browser"]}, None, id="unreachable"),
        pytest.param([FREE, handler()], {"priority": 2}, "handler", id="at risk"),
        pytest.param([FREE, handler(State.ON_CALL)], {"priority": SILENT_CONFIRMED}, "free",
                     id="silent: nobody is waited for"),
        pytest.param([FREE, handler()], {"priority": SILENT_CONFIRMED}, "free",
                     id="silent: nobody is preferred"),
        pytest.param([FREE, handler()], {"preferred": None}, "free", id="nobody's caller"),
    ],
)  # fmt: skip
def test_the_handler(people: list[Person], about: dict[str, Any], expected: str | None) -> None:
    assert chosen(people, **about) == ([expected] if expected else [])


def test_a_crisis_rings_everybody_at_once() -> None:
    assert set(chosen([FREE, handler()], priority=CRISIS)) == {"free", "handler"}


@pytest.mark.parametrize("state", ["weak", "dead"])
def test_a_weak_station_is_not_rung_for_its_handler(state: str) -> None:
    conditions = Conditions(**{state: frozenset({PROVINCE})})
    assert chosen([FREE, handler(station=PROVINCE)], conditions) == ["free"]
    assert chosen([FREE, handler(State.ON_CALL, PROVINCE)], conditions) == ["free"]


def test_why_is_explained() -> None:
    told = {
        verdict.counselor_id: verdict.reasons
        for verdict in explain(call(preferred="handler"), [FREE, handler()], RULES, NOON)
    }
    assert told["handler"] == ("home, handles an open order of this number",)
    busy = [FREE, handler(State.ON_CALL)]
    verdicts = explain(call(preferred="handler"), busy, RULES, NOON)
    assert [(v.counselor_id, v.chosen, v.reasons) for v in verdicts] == [
        ("free", False, ("handler is waited for",)),
        ("handler", False,
         ("on_call", "handles an open order of this number: waited for until 10 s")),
    ]  # fmt: skip


def test_a_returning_caller_waits_for_the_handler_alone(store: Store) -> None:
    queues = Queues(StandIn(handler_wait_seconds=10, wrap_up_seconds=0))

    def at(seconds: float):
        return NOON + timedelta(seconds=seconds)

    def join(name: str, seconds: float, preferred: str | None = None):
        return store.write(
            lambda c: queues.join(
                c, call_id=name, order_no=name, topic="law", language="zh-CN", priority=1,
                home=HOME, kinds=["sip"], node="n", at=at(seconds), preferred=preferred,
            ).answer
        )  # fmt: skip

    store.write(lambda c: log_in(c, counselor("handler")))
    first = join("first", 0)
    assert isinstance(first, Reserved)
    store.write(lambda c: picked_up(queues)(c, first.offer_id, "handler", at(1)))
    store.write(lambda c: log_in(c, counselor("free")))
    assert isinstance(join("returning", 2, "handler"), Waiting)
    # Whoever comes after is not kept waiting by it.
    other = join("other", 3)
    assert isinstance(other, Reserved)
    assert other.counselor_ids == ("free",)

    ended = store.write(
        lambda c: queues.offer_ended(c, "first", first.offer_id, "answered", "handler", at(8))
    )
    assert [(w.call_id, w.counselor_ids) for w in ended.woken] == [("returning", ("handler",))]
    # The handler doesn't answer: on as usual, at once, in its place.
    store.write(lambda c: queues.leave(c, "other", at(9)))
    failed = store.write(
        lambda c: queues.offer_ended(
            c, "returning", ended.woken[0].offer_id, "no_answer", None, at(20)
        )
    )
    assert [(w.call_id, w.counselor_ids) for w in failed.woken] == [("returning", ("free",))]


def test_the_wait_for_the_handler_ends(store: Store) -> None:
    queues = Queues(StandIn(handler_wait_seconds=10))

    def log_in_busy(connection: Any) -> None:
        log_in(connection, counselor("handler"))
        log_in(connection, counselor("free"))
        presence.reserve(connection, "handler", "another call", NOON)

    store.write(log_in_busy)
    store.write(
        lambda c: queues.join(
            c, call_id="returning", order_no="1", topic="law", language="zh-CN", priority=1,
            home=HOME, kinds=["sip"], node="n", at=NOON, preferred="handler",
        )
    )  # fmt: skip
    for seconds, woken in ((9, []), (10, [("returning", ("free",))])):
        at = NOON + timedelta(seconds=seconds)
        changes = store.write(lambda c, at=at: queues.tick(c, at))
        assert [(w.call_id, w.counselor_ids) for w in changes.woken] == woken
