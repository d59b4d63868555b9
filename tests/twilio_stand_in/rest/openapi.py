"""Requests and answers held against Twilio's published OpenAPI description of its REST API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

DESCRIPTION = Path(__file__).parents[4] / "shared" / "data" / "twilio_api_v2010.json"
_FORM = "application/x-www-form-urlencoded"


def available() -> bool:
    return DESCRIPTION.exists()


def request_faults(method: str, path: str, parameters: Mapping[str, list[str]]) -> Iterator[str]:
    """Parameters that the description doesn't have, lacks or has otherwise; none without it."""
    if not available():
        return
    operation = _operation(method, path)
    if operation is None:
        yield f"{method} {path} is not in the description"
        return
    known, required = _parameters(operation)
    for name, values in parameters.items():
        if name not in known:
            yield f"{method} {path} has no parameter {name}"
            continue
        for value in values:
            # An SID that is set is taken away by an empty text: no pattern has it.
            if value == "" and name.endswith("Sid"):
                continue
            if fault := _misfit(value, known[name]):
                yield f"{method} {path}, {name}: {fault}"
    for name in required - parameters.keys():
        yield f"{method} {path} lacks {name}"


def check_answer(method: str, path: str, status: int, answer: object) -> None:
    """A wrong answer is a fault of the stand-in's own, so it raises."""
    if not available():
        return
    operation = _operation(method, path)
    assert operation is not None, f"{method} {path} is not in the description"
    described = operation["responses"][str(status)]
    if content := described.get("content"):
        schema = _plain(content["application/json"]["schema"])
        Draft202012Validator(schema).validate(answer)
        unknown = answer.keys() - schema["properties"].keys()  # type: ignore[attr-defined]
        assert not unknown, f"{method} {path} answers {unknown}"


@cache
def _description() -> dict[str, Any]:
    description: dict[str, Any] = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    return description


def _operation(method: str, path: str) -> dict[str, Any] | None:
    for template, operations in _description()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            operation: dict[str, Any] | None = operations.get(method.lower())
            return operation
    return None


def _parameters(operation: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    body = operation.get("requestBody", {}).get("content", {}).get(_FORM, {}).get("schema", {})
    query = [p for p in operation.get("parameters", []) if p["in"] == "query"]
    known = {**body.get("properties", {}), **{p["name"]: p["schema"] for p in query}}
    required = {*body.get("required", []), *(p["name"] for p in query if p.get("required"))}
    return {name: _plain(schema) for name, schema in known.items()}, required


def _misfit(value: str, schema: dict[str, Any]) -> str:
    """A form has only text: what it stands for is held against the schema."""
    if schema.get("type") == "array":
        return _misfit(value, schema["items"])
    meant: object = value
    if schema.get("type") == "integer" and value.isdigit():
        meant = int(value)
    elif schema.get("type") == "boolean" and value in ("true", "false", "True", "False"):
        meant = value.lower() == "true"
    errors = [error.message for error in Draft202012Validator(schema).iter_errors(meant)]
    return "; ".join(errors)


def _plain(schema: Any) -> Any:
    """OpenAPI 3.0 as JSON schema: references put in, nullable written as a type."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _plain(_description()["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    plain = {name: _plain(part) for name, part in schema.items() if name != "example"}
    if plain.get("nullable") is True and isinstance(plain.get("type"), str):
        plain["type"] = [plain["type"], "null"]
    return plain
