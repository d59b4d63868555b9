"""The API against its own description: whatever is sent, it neither fails nor answers anything that
the description doesn't say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from console import accounts
from console.accounts import Account
from console.api.endpoints import ENDPOINTS
from console.api.openapi import PREFIX
from console.roles import Role
from tests.console_world import GUANGZHOU, KEPT, NOON, Program, World

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]
EXAMPLES = 36
"""Of each endpoint, in order and out of order."""
COUNSELOR = "gz-lin"
EVERY_CALL = [f"{each.method} {each.path}" for each in ENDPOINTS]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Time goes on with each request, so that none comes too often."""
    world = World(tmp_path_factory.mktemp("contract"))

    def moved() -> None:
        world.at += timedelta(seconds=1)

    world.app.before_request(moved)
    yield world
    world.close()


@pytest.fixture(scope="module")
def program(world: World) -> Program:
    """A counselor's, who is in the roster, with every scope."""
    who = Account(COUNSELOR, "林静", Role.COUNSELOR, GUANGZHOU)
    world.assembly.store.write(lambda c: accounts.add(c, who, KEPT, NOON))
    return world.program(COUNSELOR)


@pytest.fixture(scope="module")
def description(world: World) -> Any:
    """As it is served, but for two things: that a token is needed is tried elsewhere, and what is
    named in an address is there every other time."""
    served = world.browser().get(f"{PREFIX}/openapi.json").json
    del served["security"], served["components"]["securitySchemes"]
    named = {
        "order_no": [world.orders["guangzhou"], "20261124-999999"],
        "counselor": [COUNSELOR, "nobody"],
        "number": ["1", "999999"],
    }
    for operation in (each for path in served["paths"].values() for each in path.values()):
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path":
                parameter["schema"] = {"enum": named[parameter["name"]]}
    found = schemathesis.openapi.from_dict(served)
    found.app = world.app
    found.location = f"https://desk.example.cn{PREFIX}/openapi.json"
    return found


def test_every_endpoint_is_described(description: Any) -> None:
    described = {operation.ok().label for operation in description.get_all_operations()}
    assert described == set(EVERY_CALL)


@pytest.mark.parametrize("call", EVERY_CALL)
def test_every_answer_is_in_the_description(program: Program, description: Any, call: str) -> None:
    method, path = call.split()
    token = {"Authorization": f"Bearer {program.token}"}

    def cases(mode: GenerationMode) -> st.SearchStrategy[Case]:
        strategy: st.SearchStrategy[Case] = description[path][method].as_strategy(
            generation_mode=mode
        )
        return strategy

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(map(cases, GenerationMode)))
    def asked(case: Case) -> None:
        answer = case.call(headers=token)
        assert answer.status_code not in (401, 429)
        case.validate_response(answer, checks=CHECKS)

    asked()
