"""Golden conversations: reading one, playing it against the pure flow, describing verbs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, assert_never

from ruamel.yaml import YAML

from callflows import events as event_types
from callflows.callflow import Callflow
from callflows.data_dips import DataDip
from callflows.events import DialResult, Event
from callflows.interpreter import advance, new_session
from callflows.loader import LIBRARY, load_callflow, load_sources
from callflows.session import Session, Turn
from callflows.verbs import Answer, Confer, Dial, Gather, Hangup, Hold, Record, Say, Verb

FOLDER = Path(__file__).parent / "scenarios"
FILES = sorted(FOLDER.glob("*.yaml"))

yaml = YAML()
yaml.width = 200

Scenario = dict[str, Any]


def read(file: Path) -> Scenario:
    scenario: Scenario = yaml.load(file.read_text(encoding="utf-8"))
    return scenario


def callflow_of(scenario: Scenario) -> Callflow:
    if "source" in scenario:
        return _trial(str(scenario["source"]))
    return _shipped(str(scenario["flow"]))


@cache
def _trial(source: str) -> Callflow:
    crisis = (LIBRARY / "crisis.yaml").read_text(encoding="utf-8")
    return load_sources({"trial": source, "crisis": crisis}, "trial")


@cache
def _shipped(name: str) -> Callflow:
    return load_callflow(LIBRARY, name)


def event_of(turn: Scenario, at: datetime) -> Event:
    said = turn["event"]
    name, details = (said, {}) if isinstance(said, str) else next(iter(said.items()))
    details = dict(details)
    if "result" in details:
        details["result"] = DialResult(details["result"])
    event: Event = getattr(event_types, name)(at=at, **details)
    return event


def play(scenario: Scenario) -> Iterator[tuple[Scenario, list[str], Session]]:
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


def described(turn: Turn) -> list[str]:
    lines = [line for verb in turn.verbs for line in describe(verb)]
    if turn.dip is not None:
        lines.append(describe_dip(turn.dip))
    if turn.session.outcome is not None:
        lines.append(f"outcome {turn.session.outcome}")
    return lines


def describe_dip(dip: DataDip) -> str:
    asked = [str(said) for f in fields(dip) if (said := getattr(dip, f.name)) is not False]
    return " ".join(["ask", type(dip).__name__, *asked])


def describe(verb: Verb) -> list[str]:
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
        case Answer() | Confer() | Hangup():
            return [type(verb).__name__.lower()]
        case _:
            assert_never(verb)
