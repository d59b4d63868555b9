"""pydantic's findings in a flow author's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callflows.callflow import Flow
from callflows.errors import FlowError, suggestion
from callflows.reading import Document, step_and_key
from callflows.steps import STEPS
from callflows.steps.step import Step

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def validation_error(document: Document, error: ErrorDetails) -> FlowError:
    path = tuple(str(part) for part in error["loc"])
    if path[:1] == ("steps",) and len(path) > 2:
        # The third part is the step type that pydantic chose the model by.
        path = (*path[:2], *path[3:])
    if path[-1:] == ("[key]",):
        path = path[:-1]
    kind = error["type"]
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        path = (*path, "type")
    step, key = step_and_key(path)
    return FlowError(document.place(path), _message(document, path, error), step, key)


class BrokenStep(Step):
    """Stands for a step that could not be read, with the exits that could."""

    ANY_EXIT = True
    KEY_EXITS = True


def broken_steps(data: dict[str, Any], errors: list[ErrorDetails]) -> dict[str, BrokenStep]:
    """The steps that the errors are in, by name."""
    names = {str(e["loc"][1]) for e in errors if e["loc"][0] == "steps" and len(e["loc"]) > 1}
    broken = {}
    for name in names if isinstance(data.get("steps"), dict) else ():
        step = data["steps"].get(name)
        exits = step.get("exits", {}) if isinstance(step, dict) else {}
        readable = exits.items() if isinstance(exits, dict) else ()
        leads_to = {key: to for key, to in readable if isinstance(to, str)}
        broken[name] = BrokenStep(type="", exits=leads_to)
    return broken


def _message(document: Document, path: tuple[str, ...], error: ErrorDetails) -> str:
    given = error["input"]
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden" if path[-1] == "on":
            return "use `exits:` for where each outcome leads (YAML reads `on` as true elsewhere)"
        case "extra_forbidden":
            return f"unknown key{suggestion(path[-1], _known_keys(document, path))}"
        case "union_tag_not_found":
            return f"every step needs a type: one of {', '.join(STEPS)}"
        case "union_tag_invalid":
            return f"unknown step type {given['type']}{suggestion(str(given['type']), STEPS)}"
        case "string_type" if isinstance(given, int | float) and not isinstance(given, bool):
            return f"expected a text, not the number {given}: write it in quotes"
        case "string_type":
            return f"expected a text, not {_said(given)}"
        case "string_pattern_mismatch" if "dates" in path:
            return f'expected a date like "2026-06-01", not {_said(given)}'
        case "string_too_long":
            return f"longer than {error['ctx']['max_length']} characters"
        case "string_pattern_mismatch":
            return f"{_said(given)} is no name: use small letters a–z, digits and _"
        case "literal_error":
            return f"{error['msg'].replace('Input should be', 'expected')}, not {_said(given)}"
        case "value_error":
            return str(error["ctx"]["error"]) if "ctx" in error else error["msg"]
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"expected keys with values, not {_said(given)}"
        case "tuple_type":
            return f"expected a list in [ ], not {_said(given)}"
        case _:
            return f"{error['msg'].replace('Input should be', 'expected')}, not {_said(given)}"


def _said(given: object) -> str:
    if isinstance(given, dict):
        return "a mapping"
    if isinstance(given, list):
        return "a list"
    return "nothing" if given is None else repr(given)[:60]


def _known_keys(document: Document, path: tuple[str, ...]) -> list[str]:
    if path[:1] != ("steps",) or len(path) < 3:
        return list(Flow.model_fields)
    if len(path) > 3:
        return []
    step = document.data["steps"][path[1]]
    return list(STEPS[step["type"]].model_fields)
