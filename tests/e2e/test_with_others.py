"""A counselor passes the caller on, asks somebody in, or is listened to: on a real Asterisk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from console import accounts
from console.accounts import Account
from console.application import application
from console.audit import Action, audit
from console.roles import Role
from console.watch import Watch
from ivr.asterisk.ami import Ami
from ivr.asterisk.deployment import LANGUAGE, sister_line_secret
from ivr.asterisk.desk_work import MONITORED
from ivr.desk_requests import Kind, State, TargetKind
from recordings.prompts import PromptCache
from tests.console_world import KEPT, Browser
from tests.e2e.desk_asks import asks, call_of, manager_of, request, verb
from tests.e2e.hearing import Ear, listening
from tests.e2e.line import GUANGZHOU, Deployment
from tests.e2e.media import CALLER_HERTZ
from tests.e2e.short_flow import write_short_flows
from tests.e2e.sipp import Phone
from workorders.views import View

pytestmark = pytest.mark.e2e

LAW = [(1.0, "1")]
COUNSELOR_HERTZ, SUPERVISOR_HERTZ = 500, 800


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    flows = write_short_flows(tmp_path_factory.mktemp("configuration") / "flows", notice=True)
    deployment = Deployment(tmp_path_factory.mktemp("l"), flows_directory=flows)
    deployment.start()
    yield deployment
    deployment.stop()


@pytest.fixture(scope="module")
def ami(line: Deployment) -> Iterator[Ami]:
    with manager_of(line) as manager:
        yield manager


def page_of(line: Deployment, who: str, role: Role, station: str) -> Browser:
    """The pages of somebody of the roster, logged in."""
    assembly = line.rooms.assembly
    one = Account(who, who, role, station)
    assembly.store.write(lambda c: accounts.add(c, one, KEPT, datetime.now(UTC)))
    browser = Browser(application(assembly, Watch(assembly.store), lambda: datetime.now(UTC)))
    assert browser.log_in(who).status_code == 302
    return browser


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
        "offered", "queued", "topic_chosen", "notice_given", "offer_made", "answered",
        "talk_recorded", "passed_on", "queued", "offer_made", "answered", "talk_recorded", "ended",
    ]  # fmt: skip
    assert line.log_verifies() == []


def test_talked_over_with_music_for_the_caller_then_handed_on(line: Deployment, ami: Ami) -> None:
    caller = "+8613570000802"
    with line.desk("8002", hertz=COUNSELOR_HERTZ) as first, line.desk("8001", hertz=800) as second:
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
        with listening(call.address, call.media_port) as ear:
            line.until(lambda: ear.hears_among_others(800))
        order = ends(line, ami, call, caller)
        second.wait_for("other_hung_up")
    assert order["first_responder"] == order["handler"] == "counselor:gz-chen"
    assert (order["outcome"], order["hung_up_by"]) == ("answered", "caller")
    kinds = [event["kind"] for event in order["events"]]
    assert kinds[-6:-1] == [
        "consulted", "talk_recorded", "handed_on", "answered", "talk_recorded",
    ]  # fmt: skip
    assert kinds[-1] == "ended"
    # What was said is one chain, heard link by link by whom it is for.
    boss = page_of(line, "gz-liu", Role.MANAGER, "440100")
    page = boss.get(f"/orders/{order['order_no']}").text
    links = re.findall(r'src="(/orders/[0-9-]+/recordings/[0-9])"', page)
    assert [link[-1] for link in links] == ["1", "2"]
    first_talk, second_talk = (Ear.at(boss.get(link).data) for link in links)
    for talk in (first_talk, second_talk):
        assert talk.hears_among_others(CALLER_HERTZ)
    assert first_talk.hears_among_others(COUNSELOR_HERTZ)
    assert not first_talk.hears_among_others(800)
    assert second_talk.hears_among_others(800)


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
    assert kinds[-5:] == ["joined", "talk_recorded", "left_again", "talk_recorded", "ended"]


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
    assert kinds[-4:] == ["help_called", "barged_in", "talk_recorded", "ended"]
    assert line.said("call_lost") == []
    assert line.log_verifies() == []


def test_a_supervisor_listens_whispers_and_joins_from_their_page(
    line: Deployment, ami: Ami
) -> None:
    caller = "+8613570000805"
    boss = page_of(line, "gd-liang", Role.SUPERVISOR, "440000")
    with (
        line.desk("8002", hertz=COUNSELOR_HERTZ) as desk,
        line.desk("8102", hertz=SUPERVISOR_HERTZ) as supervisor,
        ExitStack() as ears,
    ):
        call = line.phones.start_call(GUANGZHOU, "13570000805", keys=LAW)
        desk.wait_for("answered")
        line.until(lambda: line.state("8002") == "on_call")
        at_caller, at_desk, at_supervisor = (
            ears.enter_context(listening(phone.address, phone.media_port))
            for phone in (call, desk, supervisor)
        )
        boss.get("/monitor/8002")
        boss.post("/monitor/8002", {"kind": "listen"})
        supervisor.wait_for("answered")
        line.until(lambda: line.state("8102") == "on_call")
        line.until(lambda: at_supervisor.hears_among_others(CALLER_HERTZ))
        line.until(lambda: at_supervisor.hears_among_others(COUNSELOR_HERTZ))
        words = PromptCache(line.settings.prompts_directory, None).file(MONITORED, LANGUAGE)
        said = words.with_suffix(".wav")
        line.until(lambda: at_desk.hears_recording(said, beside=CALLER_HERTZ))
        assert not at_desk.hears_among_others(SUPERVISOR_HERTZ)
        boss.post("/monitor/8002", {"kind": "whisper"})
        line.until(lambda: at_desk.hears_among_others(SUPERVISOR_HERTZ))
        assert not at_caller.hears_among_others(SUPERVISOR_HERTZ)
        boss.post("/monitor/8002", {"kind": "join"})
        line.until(lambda: at_caller.hears_among_others(SUPERVISOR_HERTZ))
        assert "强插：已加入" in boss.get("/monitor/8002").text
        boss.post("/monitor/8002", {"kind": "leave"})
        supervisor.wait_for("other_hung_up")
        line.until(lambda: line.state("8102") == "available")
        order = ends(line, ami, call, caller)
    kinds = [event["kind"] for event in order["events"]]
    assert kinds[-5:-1] == ["listened", "whispered", "barged_in", "talk_recorded"]
    audited = audit.select().where(audit.c.action == Action.MONITORED).order_by(audit.c.id)
    lines = line.store(lambda connection: connection.execute(audited).all())
    assert [(one.account, one.order_no, one.detail.partition(" ")[0]) for one in lines] == [
        ("gd-liang", order["order_no"], kind) for kind in ("listen", "whisper", "join", "leave")
    ]
    assert line.said("placed_call_given_up") == []


def test_keys_pressed_in_a_talk_are_shown_to_who_talks(line: Deployment, ami: Ami) -> None:
    """How somebody answers who may not speak."""
    caller = "+8613570000806"
    chen = page_of(line, "gz-chen", Role.COUNSELOR, "440100")
    pressed = [*LAW, *((second, "5") for second in (5.0, 8.0, 11.0, 14.0))]
    with line.desk("8002") as desk:
        call = line.phones.start_call(GUANGZHOU, "13570000806", keys=pressed)
        desk.wait_for("answered")
        page = f"/orders/{line.order_of(caller, ended=False)['order_no']}/keys"
        line.until(lambda: "按了一下" in chen.get(page).text)
        order = ends(line, ami, call, caller)
        assert "还没有按键" in chen.get(page).text
    assert not [event for event in order["events"] if "key" in event["data"]]
