"""Golden conversations: what has happened to a call, and what the flow does about it.

REWRITE_SCENARIOS=1 writes down what the flows do now; read the difference before committing.
"""

import os
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from callflows import events as event_types
from callflows.events import DialResult
from callflows.interpreter import advance, new_session
from callflows.loader import LIBRARY, load_callflow, load_sources
from callflows.session import Session
from callflows.steps import STEPS
from callflows.verbs import Answer, Dial, Gather, Hangup, Hold, Record, Say

FOLDER = Path(__file__).parent / "scenarios"
FILES = sorted(FOLDER.glob("*.yaml"))
FLOWS = sorted(file.stem for file in LIBRARY.glob("*.yaml"))

yaml = YAML()
yaml.width = 200


def read(file):
    return yaml.load(file.read_text(encoding="utf-8"))


def callflow_of(scenario):
    if "source" in scenario:
        crisis = (LIBRARY / "crisis.yaml").read_text(encoding="utf-8")
        return load_sources({"trial": scenario["source"], "crisis": crisis}, "trial")
    return load_callflow(LIBRARY, str(scenario["flow"]))


def event_of(turn, at):
    said = turn["event"]
    name, details = (said, {}) if isinstance(said, str) else next(iter(said.items()))
    details = dict(details)
    if "result" in details:
        details["result"] = DialResult(details["result"])
    return getattr(event_types, name)(at=at, **details)


def play(scenario):
    """Yield (turn of the scenario, what was done, session) for each event."""
    callflow = callflow_of(scenario)
    at = datetime.fromisoformat(scenario["at"])
    session = new_session(callflow, "call-1", scenario.get("values", {}))
    for turn in scenario["turns"]:
        at += timedelta(seconds=turn.get("after", 0))
        done = advance(callflow, session, event_of(turn, at))
        session = Session.from_json(done.session.to_json())
        assert session == done.session
        yield turn, described(done), session


def described(turn):
    lines = [line for verb in turn.verbs for line in describe(verb)]
    if turn.dip is not None:
        asked = [str(getattr(turn.dip, f.name)) for f in fields(turn.dip)]
        lines.append(" ".join(["ask", type(turn.dip).__name__, *asked]))
    if turn.session.outcome is not None:
        lines.append(f"outcome {turn.session.outcome}")
    return lines


def describe(verb):
    match verb:
        case Say():
            notice = ", recording notice" if verb.recording_notice else ""
            return [f"say [{verb.language}{notice}] {verb.text}"]
        case Gather():
            finish = f" or {verb.finish_on}" if verb.finish_on else ""
            keys = f"gather {verb.max_digits} keys{finish}, {verb.timeout_seconds:g} s"
            return [line for say in verb.says for line in describe(say)] + [keys]
        case Record():
            return [f"record {verb.max_seconds} s, silence {verb.silence_seconds} s"]
        case Dial():
            return [f"dial {verb.kind} {verb.target}, {verb.ring_seconds} s"]
        case Hold():
            keys = f", keys {verb.keys}" if verb.keys else ""
            return [f"hold {verb.seconds:g} s{keys}"]
        case Answer() | Hangup():
            return [type(verb).__name__.lower()]


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
