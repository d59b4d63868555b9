"""Golden conversations: what has happened to a call, and what the flow does about it.

REWRITE_SCENARIOS=1 writes down what the flows do now; read the difference before committing.
"""

import os

import pytest

from callflows.loader import LIBRARY
from callflows.steps import STEPS
from tests.golden import FILES, FOLDER, callflow_of, play, read, yaml

FLOWS = sorted(file.stem for file in LIBRARY.glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_conversation(file):
    scenario = read(file)
    if os.environ.get("REWRITE_SCENARIOS"):
        for turn, done, _ in play(scenario):
            turn["then"] = done
        with file.open("w", encoding="utf-8") as opened:
            yaml.dump(scenario, opened)
    for number, (turn, done, _) in enumerate(play(scenario), start=1):
        assert done == turn["then"], f"turn {number}, after {turn['event']}"


def visited(scenario):
    """The flows and step types a conversation goes through."""
    callflow = callflow_of(scenario)
    *_, (_, _, session) = play(scenario)
    seen = set()
    for visit in session.visits:
        flow, step = visit.split(".")
        seen |= {flow, callflow.flows[flow].steps[step].type}
    return seen


@pytest.mark.parametrize("name", STEPS)
def test_every_step_type_has_a_conversation(name):
    assert name in visited(read(FOLDER / f"step_{name}.yaml"))


@pytest.mark.parametrize("name", FLOWS)
def test_every_shipped_flow_has_a_conversation(name):
    assert name in visited(read(FOLDER / f"flow_{name}.yaml"))
