"""Every golden conversation on the simulator, on Asterisk and on Twilio: the flow is told the same
and answers the same, and the same work order comes of it.

What is compared, and what is the carrier's own, stands in conformance/comparison.py.
REWRITE_SCENARIOS=1 writes down what is said between carrier and engine; read the difference.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.comparison import line_settled, order_settled, settled, verbs_settled
from tests.conformance.lines import LINES, OTHERS, REFERENCE
from tests.conformance.play import Played, play
from tests.conformance.scenario_caller import happenings
from tests.conformance.world import World
from tests.golden import FILES, read

CONVERSATIONS = Path(__file__).parent / "transcripts" / "conversations"
FROM_THE_DESK = {
    "passed_on_to_a_topic", "passed_on_to_a_sister_line", "harassment", "harassment_then_crisis",
}  # fmt: skip
"""What a desk asks for is told by no carrier, but by the store: tests/e2e/test_with_others.py."""
SCENARIOS = {file.stem: read(file) for file in FILES if file.stem not in FROM_THE_DESK}
NO_CARRIER_TELLS = {
    ("queue_without_announcement", 2): "a Hold ends by the keys it names; 3 is none of them",
}
"""Happenings of golden conversations that happen on no telephone line: what stands before them is
played. They show that a flow bears whatever it is told."""

LEFT_LATER = {
    ("counselor_lost", "twilio"): "Twilio tells of a lost telephone as of one that hangs up",
    ("called_back_from_menu", "twilio"): "out of a menu no call is let go early: it may be the "
    "number's fallback that serves it by then, and only a queue tells (Member resource)",
}
"""Conversations that go another way on a carrier, and why."""


def both(carriers: Iterable[str]) -> list[Any]:
    """Every conversation on each of these carriers."""
    return [
        pytest.param(
            name,
            carrier,
            marks=[pytest.mark.xfail(reason=LEFT_LATER[name, carrier], strict=True)]
            if (name, carrier) in LEFT_LATER
            else [],
        )
        for name in SCENARIOS
        for carrier in carriers
    ]


Plays = Callable[[str, str], Played]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Plays:
    """A conversation on a carrier's line; each is played once."""
    folder = tmp_path_factory.mktemp("conformance")
    world = World.make(folder / "world")

    @cache
    def once(name: str, carrier: str) -> Played:
        return play(world, folder / carrier / name, SCENARIOS[name], LINES[carrier])

    return once


@pytest.mark.parametrize(("name", "carrier"), both(LINES))
def test_the_flow_is_told_and_answers_what_the_conversation_says(
    played: Plays, name: str, carrier: str
) -> None:
    told = played(name, carrier).told
    for number, happening in enumerate(happenings(SCENARIOS[name])):
        if (name, number) in NO_CARRIER_TELLS:
            break
        event, verbs = told[number]
        assert settled(event, happening.event) == happening.event, f"happening {number}"
        if happening.then is not None:
            said = [line_settled(line) for line in happening.then]
            assert verbs_settled(verbs) == said, f"after happening {number}, {happening.event}"


@pytest.mark.parametrize(("name", "carrier"), both(OTHERS))
def test_every_carrier_ends_the_call_as_the_simulator_does(
    played: Plays, name: str, carrier: str
) -> None:
    reference, here = played(name, REFERENCE), played(name, carrier)
    events = [event for event, _ in reference.told]
    assert [
        settled(event, other) for (event, _), other in zip(here.told, events, strict=True)
    ] == events
    assert [verbs_settled(verbs) for _, verbs in here.told] == [
        verbs_settled(verbs) for _, verbs in reference.told
    ]
    order = order_settled(here.order, reference.order)
    assert order == order_settled(reference.order, reference.order)


@pytest.mark.parametrize(("name", "carrier"), both(LINES))
def test_carrier_and_engine_say_to_each_other_what_is_written(
    played: Plays, name: str, carrier: str
) -> None:
    file = CONVERSATIONS / carrier / f"{name}.txt"
    said = played(name, carrier).conversation
    if os.environ.get("REWRITE_SCENARIOS"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(said, encoding="utf-8")
    assert said == file.read_text(encoding="utf-8")


def test_no_conversation_is_left_over() -> None:
    written = {(file.parent.name, file.stem) for file in CONVERSATIONS.glob("*/*.txt")}
    every = {(carrier, name) for carrier in LINES for name in SCENARIOS}
    assert written == every - {(carrier, name) for name, carrier in LEFT_LATER}
