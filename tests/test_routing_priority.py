"""In which order calls are served, and that nobody starves by it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.counselor import State
from callflows.data_dips import Priority
from routing import priority
from routing.floor import Floor
from routing.priority import AT_RISK, CRISIS, HEAD_START, NORMAL, SILENT_CONFIRMED, SLOWED, place_of
from routing.rules import Rules
from tests.routing_stand_in import HOME, NOON, StandIn, call, person

MINUTE = timedelta(minutes=1)


def test_the_classes_are_those_of_the_call_flows() -> None:
    names = {name: getattr(priority, name) for name in ("SLOWED", "NORMAL", "AT_RISK")}
    known = {**names, "SILENT_CONFIRMED": SILENT_CONFIRMED, "CRISIS": CRISIS}
    assert known == {level.name: int(level) for level in Priority}


CALLS = st.tuples(
    st.sampled_from([SLOWED, NORMAL, AT_RISK, SILENT_CONFIRMED, CRISIS]), st.integers(0, 7200)
)


@given(CALLS, CALLS)
def test_who_overtakes_whom(one: tuple[int, int], other: tuple[int, int]) -> None:
    (class_, came), (later_class, later) = sorted([one, other], key=lambda call: call[1])
    first, second = (
        place_of(class_, NOON + timedelta(seconds=came), "a"),
        place_of(later_class, NOON + timedelta(seconds=later), "b"),
    )
    if second > first:
        return
    # It is overtaken by somebody who came later.
    if later_class in HEAD_START:
        assert class_ in HEAD_START
        start = HEAD_START[later_class] - HEAD_START[class_]
        assert timedelta(seconds=later - came) < start or later == came
        assert later_class > class_
    else:
        assert later_class > class_


@given(st.lists(CALLS, min_size=1, max_size=40), st.integers(1, 600))
def test_whoever_waits_is_overtaken_by_few(coming: list[tuple[int, int]], talk: int) -> None:
    """One counselor, whose talks last `talk` seconds: of each call, who came later and was served
    before."""
    waiting: list[tuple[tuple[int, int], int]] = []
    due = sorted(enumerate(coming), key=lambda numbered: numbered[1][1])
    served: list[int] = []
    clock = 0
    while due or waiting:
        while due and due[0][1][1] <= clock:
            number, a_call = due.pop(0)
            waiting.append((a_call, number))
        if waiting:
            first = min(
                waiting,
                key=lambda w: place_of(w[0][0], NOON + timedelta(seconds=w[0][1]), f"{w[1]:03}"),
            )
            waiting.remove(first)
            served.append(first[1])
            clock += talk
        else:
            clock = due[0][1][1]
    for place, number in enumerate(served):
        class_, came = coming[number]
        before = [coming[other] for other in served[:place] if coming[other][1] > came]
        for later_class, later in before:
            assert later_class > class_
            if later_class in HEAD_START:
                start = HEAD_START[later_class] - HEAD_START[class_]
                assert timedelta(seconds=later - came) < start


@pytest.mark.parametrize(
    ("class_", "stream", "minutes"),
    [(NORMAL, AT_RISK, 10), (SLOWED, NORMAL, 40), (SLOWED, AT_RISK, 50)],
)
def test_an_endless_stream_keeps_nobody_waiting_for_ever(
    class_: int, stream: int, minutes: int
) -> None:
    """Each minute a call of a higher class comes and one counselor frees: the other is served when
    its head start is used up."""
    floor = Floor(lambda _home: Rules.of(StandIn(), HOME))
    floor.put(person("c"))
    one = replace(call(priority=class_), call_id="one", enqueued_at=NOON)
    floor.wait(one)
    for minute in range(1, 100):
        at = NOON + minute * MINUTE
        floor.wait(replace(call(priority=stream), call_id=f"stream {minute:03}", enqueued_at=at))
        found = floor.for_station(HOME, at)
        assert found is not None
        served, choice = found
        assert [someone.state for someone in choice.people] == [State.AVAILABLE]
        floor.leave(served.call_id)
        if served is one:
            assert minute == minutes
            return
    pytest.fail("never served")
