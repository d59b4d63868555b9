"""What counselors meet: codes, missed and failed offers, lost phones, how a phone connects, and
what none of them can dial."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection

from agents import presence, roster
from config.settings import CONFIG
from ivr.asterisk.browser_phones import browser_password
from ivr.asterisk.install import find
from ivr.asterisk.rotation import rotate
from tests.e2e.hearing import listening
from tests.e2e.line import GUANGZHOU, Deployment
from tests.e2e.media import CALLER_HERTZ
from tests.e2e.short_flow import write_short_flows
from tests.e2e.sip_client import Telephone, Transport

pytestmark = pytest.mark.e2e

LAW = (1.0, "1")
PSYCHOLOGY = (1.0, "2")
COUNSELOR_HERTZ = 1000


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Rings for a few seconds only, and says little."""
    stations = tmp_path_factory.mktemp("stations")
    for name in ("regions.yaml", "topics.yaml"):
        (stations / name).symlink_to(CONFIG / name)
    text = (CONFIG / "stations.yaml").read_text("utf-8")
    text = text.replace("ring_seconds: 15", "ring_seconds: 5")
    (stations / "stations.yaml").write_text(text, "utf-8")
    deployment = Deployment(
        tmp_path_factory.mktemp("l"),
        stations_directory=stations,
        flows_directory=write_short_flows(stations / "flows"),
    )
    deployment.start()
    assert deployment.said("flow_refused") == []
    yield deployment
    deployment.stop()


def reason(line: Deployment, number: str) -> str | None:
    """Why a counselor is paused."""

    def work(connection: Connection) -> str | None:
        column = roster.counselors.c
        query = roster.counselors.select().where(column.number == number)
        return connection.execute(query).one().reason  # type: ignore[no-any-return]

    return line.store(work)


def server(line: Deployment, transport: Transport = "udp") -> tuple[str, int]:
    settings = line.settings
    ports = {
        "udp": settings.sip_port,
        "tcp": settings.sip_port,
        "tls": settings.sip_tls_port,
        "ws": settings.sip_ws_port,
    }
    return settings.bind_address, ports[transport]


@contextmanager
def telephone(line: Deployment, number: str) -> Iterator[Telephone]:
    with Telephone(f"sip-{number}", line.secret(number), server(line)) as phone:
        yield phone


def failures(line: Deployment, caller: str) -> list[tuple[str, str]]:
    """Whom a call was offered to in vain, and what became of it."""
    events = line.order_of(caller, ended=False)["events"]
    data = [event["data"] for event in events if event["kind"] == "offer_failed"]
    return [(each["counselor"], each["result"]) for each in data]


def test_codes_log_in_pause_resume_and_log_out(line: Deployment) -> None:
    with telephone(line, "8001") as phone:
        for code, state, why in (
            ("*50", "available", None),
            ("*51", "paused", "break"),
            ("*50", "available", None),
            ("*99", "available", None),
            ("*60", "logged_out", None),
        ):
            assert phone.dial(code) == 200
            assert (line.state("8001"), reason(line, "8001")) == (state, why)


def test_logging_out_in_a_call_counts_after_it(line: Deployment) -> None:
    with line.desk("8002") as desk:
        call = line.phones.start_call(GUANGZHOU, "13570000101", keys=[LAW], talks=7.0)
        desk.wait_for("answered")
        with telephone(line, "8002") as phone:
            assert phone.dial("*60") == 200
        assert line.state("8002") in ("ringing", "on_call")
        line.phones.result(call)
        assert line.order_of("+8613570000101")["outcome"] == "answered"
        # Wrap-up comes first.
        line.until(lambda: line.state("8002") == "wrap_up")


def test_who_does_not_answer_is_paused_and_the_caller_goes_on(line: Deployment) -> None:
    with (
        line.desk("8002", answers_after=None) as first,
        line.desk("8003", answers_after=None) as last,
        line.desk("8101", refuses=486) as busy,
        line.desk("8202", talks=1.0) as answers,
    ):
        call = line.phones.start_call(GUANGZHOU, "13570000102", keys=[LAW])
        assert line.phones.result(call).ended_by == "line"
        order = line.order_of("+8613570000102")
        assert failures(line, "+8613570000102") == [
            ("gz-chen", "no_answer"),
            ("gz-huang", "no_answer"),
            ("gd-he", "busy"),
        ]
        assert order["first_responder"] == "counselor:wh-tang"
        assert [phone.count("rings") for phone in (first, last, busy, answers)] == [1] * 4
        assert (line.state("8002"), reason(line, "8002")) == ("paused", "rona")
        assert (line.state("8003"), reason(line, "8003")) == ("paused", "rona")
        assert (line.state("8101"), reason(line, "8101")) == ("paused", "busy")
        # The station's last counselor: its lead hears of it.
        (alert,) = line.said("last_counselor_did_not_answer")
        assert (alert["station"], alert["counselor"]) == ("440100", "gz-huang")
        kinds = [event["kind"] for event in order["events"]]
        assert kinds.count("queued") == 1


def test_who_declines_or_cannot_be_reached_is_passed_over(line: Deployment) -> None:
    with line.desk("8001", refuses=603), line.desk("8201", talks=1.0):
        line.presence("8003", presence.log_in)  # and has no phone
        call = line.phones.start_call(GUANGZHOU, "13570000103", keys=[PSYCHOLOGY])
        assert line.phones.result(call).ended_by == "line"
        assert failures(line, "+8613570000103") == [
            ("gz-lin", "declined"),
            ("gz-huang", "unreachable"),
        ]
        order = line.order_of("+8613570000103")
        assert order["first_responder"] == "counselor:wh-zhou"
        assert (line.state("8001"), reason(line, "8001")) == ("paused", "declined")
        assert (line.state("8003"), reason(line, "8003")) == ("paused", "unreachable")
        line.presence("8003", presence.log_out)


def test_a_phone_that_is_lost_in_a_call_frees_the_counselor_and_costs_no_call(
    line: Deployment,
) -> None:
    with line.desk("8002") as lost, line.desk("8003", talks=1.0) as other:
        line.presence("8003", presence.log_out)
        call = line.phones.start_call(GUANGZHOU, "13570000104", keys=[LAW])
        lost.wait_for("answered")
        line.until(lambda: line.state("8002") == "on_call")
        lost.end()
        line.presence("8003", presence.log_in)
        other.wait_for("answered")
        assert line.state("8002") == "wrap_up"
        assert line.phones.result(call).ended_by == "line"
        order = line.order_of("+8613570000104")
        assert (order["outcome"], order["hung_up_by"]) == ("answered", "counselor")
        assert order["first_responder"] == "counselor:gz-chen"
        assert "counselor_lost" in [event["kind"] for event in order["events"]]


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_phone_logs_in_over(line: Deployment, transport: Transport) -> None:
    place = server(line, transport)
    with Telephone("sip-8001", line.secret("8001"), place, transport) as phone:
        assert phone.register() == 200
        assert phone.register(0) == 200
    with Telephone("sip-8001", "not-the-password", place, transport) as phone:
        assert phone.register() == 401


def test_a_browser_logs_in_with_a_password_of_its_own(line: Deployment) -> None:
    place = server(line, "ws")
    with Telephone("browser-8001", browser_password(line.settings, "8001"), place, "ws") as phone:
        assert phone.register() == 200
        assert phone.register(0) == 200
    for password in (line.secret("8001"), "not-the-password"):
        with Telephone("browser-8001", password, place, "ws") as phone:
            assert phone.register() == 401


def test_a_browsers_password_is_replaced_and_the_old_one_dies(line: Deployment) -> None:
    place, old = server(line, "ws"), browser_password(line.settings, "8001")
    installation = find(line.settings.asterisk_directory)
    assert installation is not None
    rotate(line.rooms.assembly, installation, line.settings.asterisk_conf, callers=False)
    new = browser_password(line.settings, "8001")
    for password, answer in ((old, 401), (new, 200)):
        with Telephone("browser-8001", password, place, "ws") as phone:
            line.until(lambda phone=phone, answer=answer: phone.register() == answer)


@pytest.mark.parametrize("transport", ["tls", "ws"])
def test_caller_and_counselor_hear_each_other_over(line: Deployment, transport: Transport) -> None:
    """As a SIP telephone, with plain RTP."""
    place = server(line, transport)
    with Telephone("sip-8002", line.secret("8002"), place, transport) as phone:
        assert phone.register() == 200
        phone.give_sign_of_life()
        with line.on_duty("8002"):
            call = line.phones.start_call(GUANGZHOU, "13570000106", keys=[LAW])
            with (
                listening(phone.address, phone.media_port) as counselor,
                listening(call.address, call.media_port) as caller,
                phone.talking(COUNSELOR_HERTZ),
            ):
                line.until(lambda: counselor.hears(CALLER_HERTZ) and caller.hears(COUNSELOR_HERTZ))
            assert line.phones.result(call).ended_by == "line"
            order = line.order_of("+8613570000106")
            assert (order["outcome"], order["hung_up_by"]) == ("answered", "counselor")
            assert order["first_responder"] == "counselor:gz-chen"
        assert phone.register(0) == 200


@pytest.mark.parametrize("number", ["13800138000", "+8613800138000", "110", "12355", "8002"])
def test_a_counselors_phone_dials_nothing_but_codes(line: Deployment, number: str) -> None:
    orders = line.orders()
    with telephone(line, "8001") as phone:
        assert phone.dial(number) == 404
    assert line.orders() == orders


def test_a_stranger_dials_nothing_at_all(line: Deployment) -> None:
    orders = line.orders()
    for number in ("13800138000", "12355", "*50"):
        for name in ("stranger", "sip-8001", "guangzhou"):
            with Telephone(name, "", server(line)) as phone:
                assert phone.dial(number) == 401
    assert line.orders() == orders
    assert line.state("8001") == "logged_out"


def test_a_call_may_come_in_over_tcp(line: Deployment) -> None:
    with line.desk("8002", talks=1.0):
        call = line.phones.start_call(GUANGZHOU, "13570000105", keys=[LAW], transport="t1")
        assert line.phones.result(call).ended_by == "line"
        assert line.order_of("+8613570000105")["outcome"] == "answered"
