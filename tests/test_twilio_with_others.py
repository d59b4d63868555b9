"""A counselor on Twilio passes the caller on: same order, nothing said again, nobody lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr import desk_requests
from ivr.desk_requests import Kind, Request, State, TargetKind
from ivr.twilio import browser_talks
from tests.conformance.world import FOLDER as SISTER_LINES
from tests.twilio_line import TwilioLine, kinds
from tests.twilio_stand_in import Leg

PSYCHOLOGY = "+861012356000"
GREETING = "你好，这里是12355青少年服务台"


@pytest.fixture
def line(tmp_path: Path) -> Iterator[TwilioLine]:
    line = TwilioLine(tmp_path, sister_lines_directory=SISTER_LINES)
    line.twilio.party("client:chen", answers_after=1, talks=600)
    line.logs_in("gz-chen")
    yield line
    line.close()


def talking(line: TwilioLine) -> Leg:
    """The caller talks with gz-chen about the law, by the desk's page."""
    call = line.busy("gz-chen")
    line.assembly.store.write(lambda c: browser_talks.answers(c, "gz-chen"))
    line.clock.run_for(20)
    return call


def asks(
    line: TwilioLine, kind: Kind, target_kind: TargetKind = TargetKind.NONE, target: str = ""
) -> str:
    """gz-chen, of the last order's call; the request's id."""
    [*_, call] = line.controller.open_calls()
    return line.assembly.store.write(
        lambda c: desk_requests.ask(
            c, call_id=call.call_id, order_no=call.order_no, kind=kind, counselor_id="gz-chen",
            asked_by="counselor:gz-chen", at=line.clock.now(), target_kind=target_kind,
            target=target,
        )
    )  # fmt: skip


def request(line: TwilioLine, request_id: str) -> Request:
    found = line.assembly.store.read(lambda c: desk_requests.get(c, request_id))
    assert found is not None
    return found


def passed_on(line: TwilioLine, call: Leg, kind: TargetKind, target: str) -> Request:
    heard = len(call.said)
    asked = asks(line, Kind.BLIND, kind, target)
    line.clock.run_for(30)
    assert GREETING not in " ".join(call.said[heard:])
    return request(line, asked)


def test_to_a_colleague_the_order_goes_along_and_nothing_is_said_again(line: TwilioLine) -> None:
    lin = line.twilio.party("client:lin", answers_after=1, talks=600)
    call = talking(line)
    line.logs_in("gz-lin")
    asked = passed_on(line, call, TargetKind.COUNSELOR, "gz-lin")
    assert asked.state is State.DONE
    assert (line.state("gz-lin"), line.state("gz-chen")) == ("on_call", "wrap_up")
    assert lin.legs[-1].has_heard("法律")
    call.hang_up()
    line.clock.run_for(5)
    [order] = line.orders()
    assert order["first_responder"] == order["handler"] == "counselor:gz-chen"
    assert (order["outcome"], order["hung_up_by"]) == ("answered", "caller")
    assert kinds(order) == [
        "offered", "queued", "topic_chosen", "notice_given", "offer_made", "answered",
        "passed_on", "queued", "offer_made", "answered", "ended",
    ]  # fmt: skip


def test_to_a_colleague_who_does_not_answer_the_caller_comes_back(line: TwilioLine) -> None:
    line.twilio.party("client:lin", "no-answer")
    call = talking(line)
    line.logs_in("gz-lin")
    passed_on(line, call, TargetKind.COUNSELOR, "gz-lin")
    line.presence("gz-chen", available=True)
    line.clock.run_until(lambda: line.state("gz-chen") == "on_call", within=60)
    call.hang_up()
    line.clock.run_for(5)
    assert len(line.orders()) == 1


def test_to_another_topic_whoever_is_free_for_it_is_rung(line: TwilioLine) -> None:
    line.twilio.party("client:lin", answers_after=1, talks=600)
    call = talking(line)
    line.logs_in("gz-lin")
    assert passed_on(line, call, TargetKind.TOPIC, "psychology").state is State.DONE
    assert line.state("gz-lin") == "on_call"
    call.hang_up()
    line.clock.run_for(5)
    assert line.orders()[0]["topic"] == "psychology"


def test_to_a_sister_line_that_twilio_rings_and_never_blind_to_the_police(
    line: TwilioLine,
) -> None:
    call = talking(line)
    police = asks(line, Kind.BLIND, TargetKind.LINE, "police")
    line.clock.run_for(3)
    assert request(line, police).result == "never_blind"
    assert line.state("gz-chen") == "on_call"
    sister = line.twilio.party(PSYCHOLOGY, answers_after=1, talks=600)
    assert passed_on(line, call, TargetKind.LINE, "psychology").state is not State.FAILED
    assert len(sister.legs) == 1
    call.hang_up()
    line.clock.run_for(5)
    [order] = line.orders()
    assert (order["outcome"], order["first_responder"]) == ("transferred", "counselor:gz-chen")


@pytest.mark.parametrize(
    ("target_kind", "target", "why"),
    [
        (TargetKind.COUNSELOR, "gz-fang", "not_free"),
        (TargetKind.STATION, "999999", "unknown_target"),
        (TargetKind.LINE, "no_such_line", "not_in_directory"),
    ],
)
def test_what_cannot_be_done_leaves_the_two_talking(
    line: TwilioLine, target_kind: TargetKind, target: str, why: str
) -> None:
    call = talking(line)
    asked = passed_on(line, call, target_kind, target)
    assert (asked.state, asked.result) == (State.FAILED, why)
    assert line.state("gz-chen") == "on_call"
    asked = request(line, asks(line, Kind.LISTEN))
    line.clock.run_for(3)
    assert request(line, asked.id).result == "not_on_this_line"
    call.hang_up()
    line.clock.run_for(5)


def test_where_rest_is_away_it_is_told_again_and_then_given_up(line: TwilioLine) -> None:
    call = talking(line)
    line.api.goes_down("refused", 60)
    asked = asks(line, Kind.BLIND, TargetKind.TOPIC, "psychology")
    line.clock.run_for(30)
    assert (request(line, asked).state, request(line, asked).result) == (
        State.FAILED, "not_performed",
    )  # fmt: skip
    assert line.state("gz-chen") == "on_call"
    call.hang_up()
    line.clock.run_for(5)
