"""A counselor who has a number outside and nothing else, rung over the trunk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from config.trunks import load_trunks
from ivr.asterisk.deployment import ACCEPT, LANGUAGE, sister_line_secret
from ivr.desk_requests import Kind, State, TargetKind
from recordings.prompts import PromptCache
from tests.e2e.desk_asks import asks, manager_of, request, verb
from tests.e2e.hearing import Ear, listening
from tests.e2e.line import GUANGZHOU, Deployment
from tests.e2e.media import CALLER_HERTZ
from tests.e2e.scenarios import Behaviour
from tests.e2e.short_flow import write_short_flows
from tests.e2e.sipp import Phone, free_port

pytestmark = pytest.mark.e2e

LAW = (1.0, "1")
OUTSIDE, DESK = "8801", "8802"

PEOPLE = f"""
counselors:
  - id: at-home
    name: 外线
    number: "{OUTSIDE}"
    station: "440100"
    topics: [law]
    credentials: {{law: 2030-12-31}}
    contacts: [{{kind: outside, address: "+8613800138000"}}]
  - id: at-desk
    name: 坐席
    number: "{DESK}"
    station: "440100"
    topics: [law]
    credentials: {{law: 2030-12-31}}
    contacts: [{{kind: sip}}]
"""


def trunks() -> str:
    """One, whose neighbour takes the calls that go out on a port of its own."""
    return f"""
trunks:
  - name: guangzhou
    access_number: 020-12355
    sources: [{GUANGZHOU}]
    peer: "{GUANGZHOU}:{free_port(GUANGZHOU)}"
"""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("configuration")
    (folder / "trunks.yaml").write_text(trunks(), "utf-8")
    (folder / "roster.yaml").write_text(PEOPLE, "utf-8")
    deployment = Deployment(
        tmp_path_factory.mktemp("l"),
        trunks_file=folder / "trunks.yaml",
        roster_file=folder / "roster.yaml",
        outbound_trunk="guangzhou",
        flows_directory=write_short_flows(folder / "flows"),
    )
    deployment.start()
    assert deployment.said("flow_refused") == []
    yield deployment
    deployment.stop()


@contextmanager
def mobile(line: Deployment, behaviour: Behaviour) -> Iterator[tuple[Phone, Ear]]:
    """The counselor's own telephone, and what is heard on it; its owner is on duty."""
    (trunk,) = load_trunks(line.settings.trunks_file)
    address, _, port = trunk.peer.partition(":")
    phone = line.phones.telephone(address, int(port), behaviour)
    try:
        with listening(phone.address, phone.media_port) as ear, line.on_duty(OUTSIDE):
            yield phone, ear
    finally:
        phone.end()


def hears_accept_prompt(line: Deployment, ear: Ear) -> bool:
    spoken = PromptCache(line.settings.prompts_directory, None).file(ACCEPT, LANGUAGE)
    return ear.hears_recording(spoken.with_suffix(".wav"))


def test_who_presses_1_outside_has_answered(line: Deployment) -> None:
    caller, secret = "+8613570000301", sister_line_secret(line.settings)
    with (
        mobile(line, Behaviour(keys=((4.5, "1"),))) as (phone, at_mobile),
        line.phones.counselor("sip-9110", secret) as police,
        manager_of(line) as ami,
    ):
        call = line.phones.start_call(GUANGZHOU, "13570000301", keys=[LAW])
        with listening(call.address, call.media_port) as at_caller:
            # The neighbour is told the line's number, never the caller's.
            assert phone.wait_for("rings").detail == "sip:02012355"
            line.until(lambda: line.state(OUTSIDE) == "on_call")
            line.until(lambda: at_mobile.hears(CALLER_HERTZ))
            # They ask somebody in as at any desk, and go on with the caller afterwards.
            asked = asks(line, caller, OUTSIDE, Kind.THREE_WAY, TargetKind.LINE, "police")
            police.wait_for("answered")
            line.until(lambda: verb(line, caller) == "Confer")
            asks(line, caller, OUTSIDE, Kind.BACK)
            police.wait_for("other_hung_up")
            line.until(lambda: request(line, asked).state is State.DONE)
            assert line.state(OUTSIDE) == "on_call"
            [leg] = [one for one in ami.channels().values() if one.name.endswith(";1")]
            assert "@outside-guangzhou" in leg.name
            ami.hang_up(leg.name)
            phone.wait_for("other_hung_up")
            assert line.phones.result(call).ended_by == "line"
        assert hears_accept_prompt(line, at_mobile)
        assert at_caller.hears(CALLER_HERTZ)
        order = line.order_of(caller)
    assert (order["outcome"], order["hung_up_by"]) == ("answered", "counselor")
    assert order["first_responder"] == order["handler"] == "counselor:at-home"
    kinds = [event["kind"] for event in order["events"]]
    assert kinds[-4:] == ["answered", "joined", "left_again", "ended"]
    assert line.log_verifies() == []


def test_a_mobiles_voicemail_has_not_answered(line: Deployment) -> None:
    with (
        mobile(line, Behaviour()) as (voicemail, at_mobile),
        line.desk(DESK, talks=2.0) as desk,
    ):
        call = line.phones.start_call(GUANGZHOU, "13570000302", keys=[LAW])
        voicemail.wait_for("answered")
        desk.wait_for("answered")
        voicemail.wait_for("other_hung_up")
        assert line.phones.result(call).ended_by == "line"
        assert line.state(OUTSIDE) == "paused"
        assert hears_accept_prompt(line, at_mobile)
        assert not at_mobile.hears(CALLER_HERTZ)
        order = line.order_of("+8613570000302")
    failed = [event["data"] for event in order["events"] if event["kind"] == "offer_failed"]
    assert [(each["counselor"], each["result"]) for each in failed] == [("at-home", "no_answer")]
    assert line.kinds("+8613570000302").count("queued") == 1
    assert order["outcome"] == "answered"
    assert order["first_responder"] == order["handler"] == "counselor:at-desk"
    assert line.log_verifies() == []
