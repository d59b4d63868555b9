"""Plays a golden conversation on one line."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from callflows.events import CallOffered, Event
from callflows.verbs import Verb
from ivr.publications import Publications
from tests.conformance.line import Line
from tests.conformance.scenario_caller import ScenarioCaller, happenings, script_of
from tests.conformance.scripted_house import ScriptedHouse
from tests.conformance.world import World
from tests.golden import Scenario, callflow_of
from workorders.views import View

CALLER = "+8613570001234"


@dataclass(frozen=True)
class Played:
    """What the flow was told and answered, the order, and the carrier's conversation."""

    told: list[tuple[Event, tuple[Verb, ...]]]
    order: View
    conversation: str


def play(world: World, folder: Path, scenario: Scenario, kind: type[Line]) -> Played:
    told = happenings(scenario)
    script = script_of(scenario)
    offered = told[0].event
    assert isinstance(offered, CallOffered)
    number = CALLER if offered.caller_known else None
    with kind(
        world,
        folder,
        datetime.fromisoformat(scenario["at"]),
        partial(ScriptedHouse, script=script),
        Publications(callflow_of(scenario), world.publications.wrong_number),
        # Nothing here comes of time alone: whoever is reserved is so by the script.
        tick_seconds=5,
    ) as line:
        line.incoming(ScenarioCaller(deque(told), script), number, offered.access_number)
        line.run_until_over()
        [call] = line.calls.values()
        [order] = line.orders()
    assert script.faults == []
    return Played(call.told, order, line.conversation())
