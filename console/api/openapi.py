"""The API's description (OpenAPI 3.1), from the table of endpoints and their models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from console.api.endpoints import ENDPOINTS, Endpoint
from console.api.problems import PROBLEM_JSON, Problem
from console.api.scopes import MEANS

VERSION = "1"
PREFIX = f"/api/v{VERSION}"
JSON = "application/json"
TOKEN = "token"
KEY_PATTERN = "^[!-~]{1,64}$"
PATTERNS = {
    "order_no": r"^[0-9]{8}-[0-9]{6,12}$",
    "number": r"^[1-9][0-9]{0,5}$",
    "counselor": r"^[A-Za-z0-9._-]{1,100}$",
}
"""Of what is named in an address; anything else names nothing."""

Schema = dict[str, Any]
Names = Mapping[tuple[Any, JsonSchemaMode], Schema]


def described() -> Schema:
    """The document."""
    used: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(Problem, "serialization"): None}
    for endpoint in ENDPOINTS:
        used[endpoint.answer, "serialization"] = None
        for asked in (endpoint.query, endpoint.body):
            if asked is not None:
                used[asked, "validation"] = None
    names, defined = models_json_schema(list(used), ref_template="#/components/schemas/{model}")
    paths: dict[str, Schema] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(
            endpoint, names, defined["$defs"]
        )
    queries = {endpoint.query.__name__ for endpoint in ENDPOINTS if endpoint.query is not None}
    schemas = {name: schema for name, schema in defined["$defs"].items() if name not in queries}
    scopes = "\n".join(f"* `{scope}`: {means}" for scope, means in MEANS.items())
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "12355",
            "version": VERSION,
            "description": "Orders, counselors, presence, and intake from other channels. "
            f"See docs/api.md.\n\nScopes:\n\n{scopes}",
        },
        "servers": [{"url": PREFIX}],
        "security": [{TOKEN: []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {TOKEN: {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(
    endpoint: Endpoint,
    names: Names,
    defined: dict[str, Schema],
) -> Schema:
    parameters = [
        {"name": name, "in": "path", "required": True,
         "schema": {"type": "string", "pattern": PATTERNS[name]}}
        for name in re.findall(r"{(\w+)}", endpoint.path)
    ]  # fmt: skip
    if endpoint.query is not None:
        properties = defined[endpoint.query.__name__]["properties"]
        for name, schema in properties.items():
            parameters.append({"name": name, "in": "query", "schema": _of_query(schema)})
    for name, meant in endpoint.headers:
        parameters.append(
            {"name": name, "in": "header", "description": meant,
             "schema": {"type": "string", "pattern": KEY_PATTERN}}
        )  # fmt: skip
    answered = {JSON: {"schema": names[endpoint.answer, "serialization"]}}
    responses: Schema = {
        str(int(status)): {"description": status.phrase, "content": answered}
        for status in endpoint.answers
    }
    for status in refusals(endpoint):
        responses[str(int(status))] = _refusal(status)
    operation: Schema = {
        "operationId": endpoint.name,
        "tags": [endpoint.path.split("/")[1]],
        "summary": endpoint.summary,
        "description": f"Scope `{endpoint.scope}`.",
        "responses": responses,
    }
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        content = {JSON: {"schema": names[endpoint.body, "validation"]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def refusals(endpoint: Endpoint) -> list[HTTPStatus]:
    """What may be answered instead."""
    found = [HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN]
    if "{" in endpoint.path or endpoint.path.endswith("/me"):
        found.append(HTTPStatus.NOT_FOUND)
    if endpoint.conflicts:
        found.append(HTTPStatus.CONFLICT)
    if endpoint.body is not None:
        found += [HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE]
    return [
        *found,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ]


def _refusal(status: HTTPStatus) -> Schema:
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    refusal: Schema = {"description": status.phrase, "content": {PROBLEM_JSON: {"schema": schema}}}
    header = {
        HTTPStatus.UNAUTHORIZED: ("WWW-Authenticate", {"type": "string"}),
        HTTPStatus.TOO_MANY_REQUESTS: ("Retry-After", {"type": "integer"}),
        HTTPStatus.SERVICE_UNAVAILABLE: ("Retry-After", {"type": "integer"}),
    }.get(status)
    if header is not None:
        name, kind = header
        refusal["headers"] = {name: {"required": True, "schema": kind}}
    return refusal


def _of_query(schema: Schema) -> Schema:
    """Of a parameter: it is left out or there, never null."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"]
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    default = schema.get("default")
    return {**rest, **(kinds[0] if kinds else {}), **({"default": default} if default else {})}
