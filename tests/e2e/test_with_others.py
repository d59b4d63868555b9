"""A counselor passes the caller on, asks somebody in, or is listened to: on a real Asterisk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ivr.asterisk.ami import Ami
from ivr.asterisk.deployment import sister_line_secret
from ivr.desk_requests import Kind, State, TargetKind
from tests.e2e.desk_asks import asks, call_of, manager_of, request, verb
from tests.e2e.hearing import listening
from tests.e2e.line import GUANGZHOU, Deployment
from tests.e2e.media import CALLER_HERTZ
from tests.e2e.short_flow import write_short_flows
from tests.e2e.sipp import Phone
from workorders.views import View

pytestmark = pytest.mark.e2e

LAW = [(1.0, "1")]


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    flows = write_short_flows(tmp_path_factory.mktemp("configuration") / "flows")
    deployment = Deployment(tmp_path_factory.mktemp("l"), flows_directory=flows)
    deployment.start()
    yield deployment
    deployment.stop()


@pytest.fixture(scope="module")
def ami(line: Deployment) -> Iterator[Ami]:
    with manager_of(line) as manager:
        yield manager


def ends(line: Deployment, ami: Ami, call: Phone, caller: str) -> View:
    """The caller's leg ends; the order."""
    ami.hang_up(call_of(line, caller))
    assert line.phones.result(call).ended_by == "line"
    return line.order_of(caller)


def test_blind_to_a_colleague_the_order_goes_along_and_nothing_is_said_again(
    line: Deployment, ami: Ami
) -> None:
    with line.desk("8002") as first, line.desk("8001") as second:
        call = line.phones.start_call(GUANGZHOU, "13570000801", keys=LAW)
        first.wait_for("answered")
        line.until(lambda: line.state("8002") == "on_call")
        asked = asks(line, "+8613570000801", "8002", Kind.BLIND, TargetKind.COUNSELOR, "gz-lin")
        first.wait_for("other_hung_up")
        second.wait_for("answered")
        line.until(lambda: line.state("8001") == "on_call")
        assert request(line, asked).state is State.DONE
        order = ends(line, ami, call, "+8613570000801")
    assert order["first_responder"] == order["handler"] == "counselor:gz-chen"
    kinds = [event["kind"] for event in order["events"]]
    assert kinds == [
        "offered", "queued", "topic_chosen", "offer_made", "answered",
        "passed_on", "queued", "offer_made", "answered", "ended",
    ]  # fmt: skip
    assert line.log_verifies() == []


def test_talked_over_with_music_for_the_caller_then_handed_on(line: Deployment, ami: Ami) -> None:
    caller = "+8613570000802"
    with line.desk("8002") as first, line.desk("8001") as second:
        call = line.phones.start_call(GUANGZHOU, "13570000802", keys=LAW)
        first.wait_for("answered")
        line.until(lambda: line.state("8002") == "on_call")
        asked = asks(line, caller, "8002", Kind.CONSULT, TargetKind.COUNSELOR, "gz-lin")
        second.wait_for("answered")
        line.until(lambda: request(line, asked).state is State.TALKING)
        line.until(lambda: verb(line, caller) == "Hold")
        asks(line, caller, "8002", Kind.COMPLETE)
        first.wait_for("other_hung_up")
        line.until(lambda: verb(line, caller) == "Confer")
        assert line.state("8002") == "wrap_up"
        order = ends(line, ami, call, caller)
        second.wait_for("other_hung_up")
    assert order["first_responder"] == order["handler"] == "counselor:gz-chen"
    assert (order["outcome"], order["hung_up_by"]) == ("answered", "caller")
    kinds = [event["kind"] for event in order["events"]]
    assert kinds[-4:-1] == ["consulted", "handed_on", "answered"]
    assert kinds[-1] == "ended"


def test_a_police_line_comes_in_and_the_counselor_stays(line: Deployment, ami: Ami) -> None:
    caller = "+8613570000803"
    secret = sister_line_secret(line.settings)
    with line.desk("8002") as desk, line.phones.counselor("sip-9110", secret) as police:
        call = line.phones.start_call(GUANGZHOU, "13570000803", keys=LAW)
        desk.wait_for("answered")
        line.until(lambda: line.state("8002") == "on_call")
        blind = asks(line, caller, "8002", Kind.BLIND, TargetKind.LINE, "police")
        unknown = asks(line, caller, "8002", Kind.THREE_WAY, TargetKind.LINE, "fire")
        line.until(lambda: request(line, blind).state is State.FAILED)
        line.until(lambda: request(line, unknown).state is State.FAILED)
        assert request(line, blind).result == "never_blind"
        assert request(line, unknown).result == "not_in_directory"
        asked = asks(line, caller, "8002", Kind.THREE_WAY, TargetKind.LINE, "police")
        police.wait_for("answered")
        line.until(lambda: verb(line, caller) == "Confer")
        assert request(line, asked).state is State.JOINED
        asks(line, caller, "8002", Kind.BACK)
        police.wait_for("other_hung_up")
        line.until(lambda: request(line, asked).state is State.DONE)
        # Nothing is open about the call any more, and still nobody stays in a room alone.
        order = ends(line, ami, call, caller)
        desk.wait_for("other_hung_up")
    kinds = [event["kind"] for event in order["events"]]
    assert kinds[-3:] == ["joined", "left_again", "ended"]


def test_help_rings_the_supervisor_who_listens_then_joins(line: Deployment, ami: Ami) -> None:
    caller = "+8613570000804"
    with line.desk("8002") as desk, line.desk("8102") as supervisor:
        call = line.phones.start_call(GUANGZHOU, "13570000804", keys=LAW)
        desk.wait_for("answered")
        with listening(supervisor.address, supervisor.media_port) as ear:
            line.until(lambda: line.state("8002") == "on_call")
            asked = asks(line, caller, "8002", Kind.HELP)
            supervisor.wait_for("answered")
            line.until(lambda: request(line, asked).state is State.TALKING)
            assert request(line, asked).target == "gd-liang"
            joined = asks(line, caller, "8002", Kind.JOIN, TargetKind.COUNSELOR, "gd-liang")
            line.until(lambda: request(line, joined).state is State.TALKING)
            line.until(lambda: ear.hears(CALLER_HERTZ))
            order = ends(line, ami, call, caller)
        supervisor.wait_for("other_hung_up")
    kinds = [event["kind"] for event in order["events"]]
    assert kinds[-3:] == ["help_called", "barged_in", "ended"]
    assert line.said("call_lost") == []
    assert line.log_verifies() == []
