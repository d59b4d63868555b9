"""A caller who agreed is called back: the counselor's telephone rings first, then the caller's."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from sqlalchemy import Connection

from agents import presence
from config.trunks import load_trunks
from recordings.prompts import PromptCache
from routing import callbacks
from tests.e2e.hearing import listening
from tests.e2e.line import GUANGZHOU, Deployment
from tests.e2e.media import CALLER_HERTZ
from tests.e2e.scenarios import Behaviour
from tests.e2e.short_flow import write_short_flows
from tests.e2e.sipp import Phone
from tests.e2e.test_outside_counselors import trunks
from workorders.views import order_view, orders_of

pytestmark = pytest.mark.e2e

AGREES = [(1.0, "1"), (3.0, "8"), (5.0, "1")]
"""Law; called back, please; yes."""
DESK = "8002"
ACCEPTS = ((4.0, "1"),)
SAFE = "你好，现在方便说话吗？通话会录音。方便请按1，不方便请挂断。"


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("configuration")
    (folder / "trunks.yaml").write_text(trunks(), "utf-8")
    deployment = Deployment(
        tmp_path_factory.mktemp("l"),
        trunks_file=folder / "trunks.yaml",
        outbound_trunk="guangzhou",
        flows_directory=write_short_flows(folder / "flows"),
    )
    deployment.start()
    assert deployment.said("flow_refused") == []
    yield deployment
    deployment.stop()


@contextmanager
def telephone(line: Deployment, behaviour: Behaviour) -> Iterator[Phone]:
    """The caller's own, on the far side of the trunk."""
    (trunk,) = load_trunks(line.settings.trunks_file)
    address, _, port = trunk.peer.partition(":")
    phone = line.phones.telephone(address, int(port), behaviour)
    try:
        yield phone
    finally:
        phone.end()


def pause(connection: Connection, who: str, at: object) -> None:
    presence.pause(connection, who, "break", at)  # type: ignore[arg-type]


def agreed(line: Deployment, number: str) -> None:
    """Somebody has agreed, and hung up; nobody was free."""
    line.presence(DESK, pause)
    call = line.phones.start_call(GUANGZHOU, number, keys=AGREES)
    assert line.phones.result(call).ended_by == "line"
    line.until(lambda: "callback_waits" in line.kinds(f"+86{number}"))


def test_counselor_first_then_the_caller_and_one_order_tells_it_all(line: Deployment) -> None:
    called = Behaviour(answers_after=1.0, keys=((5.0, "1"),), talks=12.0)
    with (
        line.desk(DESK, keys=ACCEPTS) as desk,
        telephone(line, called) as mobile,
        listening(desk.address, desk.media_port) as at_desk,
        listening(mobile.address, mobile.media_port) as at_mobile,
    ):
        agreed(line, "13570000701")
        line.presence(DESK, presence.log_in)
        desk.wait_for("answered")
        assert mobile.count("rings") == 0
        mobile.wait_for("rings")
        line.until(lambda: line.state(DESK) == "on_call")
        mobile.wait_for("hung_up")
        order = line.order_of("+8613570000701")
        spoken = PromptCache(line.settings.prompts_directory, None).file(SAFE, "zh-CN")
        assert at_mobile.hears_recording(spoken.with_suffix(".wav"))
        assert at_mobile.hears(CALLER_HERTZ)
        assert at_desk.hears(CALLER_HERTZ)
    assert (order["outcome"], order["hung_up_by"]) == ("answered", "caller")
    assert order["first_responder"] == "counselor:gz-chen"
    kinds = [event["kind"] for event in order["events"]]
    assert kinds[-7:] == [
        "callback_agreed", "callback_waits", "offer_made", "callback_tried", "callback_connected",
        "answered", "ended",
    ]  # fmt: skip
    assert line.store(lambda c: len(orders_of(c, line.rooms.log.keys, limit=10))) == 1
    assert (mobile.count("rings"), desk.count("rings")) == (1, 1)
    assert line.store(callbacks.unsettled) == []
    assert line.log_verifies() == []


def test_a_voicemail_is_connected_to_nobody_and_is_no_fault_of_the_counselors(
    line: Deployment,
) -> None:
    with (
        line.desk(DESK, keys=ACCEPTS) as desk,
        telephone(line, Behaviour()) as voicemail,
        listening(voicemail.address, voicemail.media_port) as at_voicemail,
    ):
        agreed(line, "13570000702")
        line.presence(DESK, presence.log_in)
        voicemail.wait_for("other_hung_up")
        desk.wait_for("other_hung_up")
        line.until(lambda: line.state(DESK) == "available")
        assert not at_voicemail.hears(CALLER_HERTZ)
        assert line.kinds("+8613570000702")[-2:] == ["callback_tried", "callback_not_answered"]
        order = line.order_of("+8613570000702", ended=False)
        assert order["events"][-1]["data"] == {"number": 1, "result": "not_accepted"}
        # Whoever calls again waits on the line, and is called back no more.
        line.presence(DESK, pause)
        call = line.phones.start_call(GUANGZHOU, "13570000702", keys=[(1.0, "1")], talks=3.0)
        line.phones.result(call)
    assert order_outcome(line, order["order_no"]) == "called_again"


def test_an_engine_that_dies_while_the_caller_is_rung_rings_nobody_again(line: Deployment) -> None:
    called = Behaviour(answers_after=6.0, keys=((5.0, "*"),), talks=12.0)
    with line.desk(DESK, keys=ACCEPTS) as desk, telephone(line, called) as mobile:
        agreed(line, "13570000703")
        line.presence(DESK, presence.log_in)
        mobile.wait_for("rings")
        line.kill("engine")
        mobile.wait_for("hung_up")
        order = line.order_of("+8613570000703")
        assert order["outcome"] == "answered"
        assert (mobile.count("rings"), desk.count("rings")) == (1, 1)
        assert line.log_verifies() == []


def test_whoever_has_a_number_that_was_typed_on_a_page_refuses_it_by_a_key(
    line: Deployment,
) -> None:
    typed = {"number": "135 7000 0704", "agreed": "yes", "region": "440100"}
    called = Behaviour(answers_after=1.0, keys=((4.0, "9"),), talks=12.0)
    with line.desk(DESK, keys=ACCEPTS) as desk, telephone(line, called) as mobile:
        line.presence(DESK, pause)
        assert ask_on_the_page(line, typed) == 200
        line.presence(DESK, presence.log_in)
        mobile.wait_for("rings", seconds=30.0)
        assert desk.count("answered") == 1
        line.until(lambda: "callback_refused" in line.kinds("+8613570000704"))
        order = line.order_of("+8613570000704")
        assert (order["outcome"], order["t_answer"]) == ("callback_failed", None)
    assert mobile.count("rings") == 1
    assert ask_on_the_page(line, typed) == 429


def ask_on_the_page(line: Deployment, typed: dict[str, str]) -> int:
    """The status of the console's answer."""
    console = f"https://localhost:{line.settings.console_port}"
    form = urlencode(typed).encode()
    request = Request(f"{console}/call/callback", form, {"Origin": console})
    try:
        with urlopen(request, context=ssl._create_unverified_context()) as answer:
            return int(answer.status)
    except HTTPError as refused:
        return refused.code


def order_outcome(line: Deployment, order_no: str) -> object:
    keys = line.rooms.log.keys
    return line.store(lambda c: order_view(c, keys, order_no))["outcome"]
