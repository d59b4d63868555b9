"""Every way a call can end, from a real call: SIPp dials, Asterisk asks the engine, SIPp answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.line import GUANGZHOU, Deployment

pytestmark = pytest.mark.e2e

LAW = [(1.0, "1")]
PSYCHOLOGY = [(1.0, "2")]


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("l"))
    deployment.start()
    yield deployment
    deployment.stop()


def test_a_caller_presses_a_key_and_talks_with_a_counselor(line: Deployment) -> None:
    with line.desk("8002", talks=3.0) as desk:
        call = line.phones.start_call(GUANGZHOU, "13570000001", keys=LAW)
        result = line.phones.result(call)
        assert result.status == 200
        assert result.ended_by == "line"
        assert call.heard > 100
        assert desk.heard > 100
        order = line.order_of("+8613570000001")
        assert (order["outcome"], order["hung_up_by"]) == ("answered", "counselor")
        assert (order["topic"], order["station_answering"]) == ("law", "440100")
        assert order["region_access"] == "440100"
        assert order["first_responder"] == "counselor:gz-chen"
        assert order["t_answer"] is not None
    assert line.log_verifies() == []
