"""A counselor passes the caller on, asks somebody in, or is listened to: on a real Asterisk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from agents import roster
from ivr import desk_requests
from ivr.desk_requests import Kind, Request, State, TargetKind
from tests.e2e.line import GUANGZHOU, Deployment
from tests.e2e.short_flow import write_short_flows
from workorders.order import orders

pytestmark = pytest.mark.e2e

LAW = [(1.0, "1")]


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    flows = write_short_flows(tmp_path_factory.mktemp("configuration") / "flows")
    deployment = Deployment(tmp_path_factory.mktemp("l"), flows_directory=flows)
    deployment.start()
    yield deployment
    deployment.stop()


def asks(
    line: Deployment,
    caller: str,
    desk: str,
    kind: Kind,
    target_kind: TargetKind = TargetKind.NONE,
    target: str = "",
) -> str:
    """The desk with this number asks about the talk with this caller; the request's id."""
    order = line.order_of(caller, ended=False)

    def work(connection: object) -> str:
        call_id = (
            connection.execute(  # type: ignore[attr-defined]
                orders.select().where(orders.c.order_no == order["order_no"])
            )
            .one()
            .call_id
        )
        who = roster.by_number(connection, desk)  # type: ignore[arg-type]
        assert who is not None
        return desk_requests.ask(
            connection, call_id=call_id, order_no=order["order_no"], kind=kind,  # type: ignore[arg-type]
            counselor_id=who, asked_by=f"counselor:{who}", at=datetime.now(UTC),
            target_kind=target_kind, target=target,
        )  # fmt: skip

    return line.rooms.store.write(work)


def request(line: Deployment, request_id: str) -> Request:
    found = line.store(lambda connection: desk_requests.get(connection, request_id))
    assert found is not None
    return found


def test_blind_to_a_colleague_the_order_goes_along_and_nothing_is_said_again(
    line: Deployment,
) -> None:
    with line.desk("8002") as first, line.desk("8001", talks=2.0) as second:
        call = line.phones.start_call(GUANGZHOU, "13570000801", keys=LAW)
        first.wait_for("answered")
        line.until(lambda: line.state("8002") == "on_call")
        asked = asks(line, "+8613570000801", "8002", Kind.BLIND, TargetKind.COUNSELOR, "gz-lin")
        first.wait_for("other_hung_up")
        second.wait_for("answered")
        line.until(lambda: line.state("8001") == "on_call")
        assert request(line, asked).state is State.DONE
        line.phones.result(call)
    order = line.order_of("+8613570000801")
    assert order["first_responder"] == order["handler"] == "counselor:gz-chen"
    kinds = [event["kind"] for event in order["events"]]
    assert kinds == [
        "offered", "queued", "topic_chosen", "offer_made", "answered",
        "passed_on", "queued", "offer_made", "answered", "ended",
    ]  # fmt: skip
    assert line.log_verifies() == []
