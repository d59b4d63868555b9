"""The JSON Schema of a flow file, for editors: `python -m callflows.schema` prints it."""

from __future__ import annotations

import json
from typing import Any

from callflows.callflow import Flow
from callflows.steps import STEPS
from callflows.steps.step import KEYS, Step
from callflows.steps.subflow import SubflowStep


def json_schema() -> dict[str, Any]:
    schema = Flow.model_json_schema()
    for step in STEPS.values():
        definition = schema["$defs"][step.__name__]
        definition["description"] = description(step)
        definition["properties"]["exits"] = _exits(step)
        if step.EXITS:
            definition["required"] = [*definition["required"], "exits"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def description(step: type[Step]) -> str:
    """What a step does: its manual up to its exits."""
    return manual_text(step).split("\nExits:")[0].strip()


def manual_text(step: type[Step]) -> str:
    """The step's docstring without its indentation."""
    lines = (step.__doc__ or "").splitlines()
    return "\n".join(line.removeprefix("    ") for line in lines)


def schema_text() -> str:
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _exits(step: type[Step]) -> dict[str, Any]:
    target = {"type": "string"}
    named = dict.fromkeys((*step.EXITS, *step.OPTIONAL_EXITS), target)
    exits: dict[str, Any] = {
        "type": "object",
        "description": "Where each outcome leads: a step, or one of the flow's returns.",
        "properties": named,
        "required": list(step.EXITS),
        "additionalProperties": target,
    }
    if not step.ANY_EXIT and step is not SubflowStep:
        exits["additionalProperties"] = False
        if step.KEY_EXITS:
            exits["patternProperties"] = {f"^[{KEYS}]$": target}
    return exits


if __name__ == "__main__":
    print(schema_text(), end="")
