"""Manual and schema are made of the steps themselves, and their examples load."""

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from callflows import manual, schema
from callflows.loader import LIBRARY, load_sources
from callflows.steps import STEPS

ROOT = Path(__file__).parents[1]
CRISIS = (LIBRARY / "crisis.yaml").read_text(encoding="utf-8")
ALL_BUSY = """\
name: all_busy
languages: [zh-CN]
returns: [keep_waiting]
start: choice
prompts:
  choice: {zh-CN: 请等}
steps:
  choice: {type: menu, prompt: choice, exits: {no_input: keep_waiting}}
"""


def test_manual_is_current():
    """If not: python -m callflows.manual > docs/call-flows.md"""
    written = (ROOT / "docs" / "call-flows.md").read_text(encoding="utf-8")
    assert written == manual.manual()


def test_schema_is_current():
    """If not: python -m callflows.schema > callflows/callflow.schema.json"""
    written = (ROOT / "callflows" / "callflow.schema.json").read_text(encoding="utf-8")
    assert written == schema.schema_text()


@pytest.mark.parametrize("file", sorted(LIBRARY.glob("*.yaml")), ids=lambda file: file.stem)
def test_schema_accepts_the_shipped_flows(file):
    flow = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    jsonschema.validate(flow, json.loads(schema.schema_text()))


def test_schema_refuses_an_unknown_exit():
    flow = {
        "name": "trial",
        "languages": ["en"],
        "start": "end",
        "steps": {"end": {"type": "say", "prompt": "x", "exits": {"finished": "end"}}},
    }
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(flow, schema.json_schema())


@pytest.mark.parametrize("name", STEPS)
def test_example_in_the_manual_loads(name):
    """Inside a flow that has the prompts and the other steps the example names."""
    example = YAML(typ="safe", pure=True).load(manual.example(STEPS[name]))
    (step_name,) = example
    assert example[step_name]["type"] == name
    step = STEPS[name].model_validate(example[step_name])
    prompts = {prompt: "请" for _, prompt, _ in step.prompts()}
    others = {other for other in step.exits.values() if other != step_name}
    lines = ["name: trial", "languages: [zh-CN]", f"start: {step_name}"]
    lines += ["prompts: {}"] if not prompts else ["prompts:"]
    lines += [f"  {prompt}: {{zh-CN: {text}}}" for prompt, text in prompts.items()]
    lines += ["steps:", *(f"  {line}" for line in manual.example(STEPS[name]).splitlines())]
    lines += [f"  {other}: {{type: hang_up}}" for other in sorted(others)]
    sources = {"trial": "\n".join(lines), "crisis": CRISIS, "all_busy": ALL_BUSY}
    assert load_sources(sources, "trial").flows["trial"].start == step_name
