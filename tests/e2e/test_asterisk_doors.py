"""Who is let in, as whom, and who may do what."""

from __future__ import annotations

import socket
import ssl
from contextlib import ExitStack

import pytest

from tests.e2e.asterisk import RunningAsterisk
from tests.e2e.conftest import secret
from tests.e2e.scenarios import Behaviour
from tests.e2e.sipp import Telephones, free_port
from tests.e2e.stub_engine import Agi, Flow, StubEngine

pytestmark = pytest.mark.e2e

GUANGZHOU = "127.0.0.11"
WUHAN = "127.0.0.12"
STRANGER = "127.0.0.66"


@pytest.mark.parametrize("name", ["13570003000", "guangzhou", "sip-1001", "browser-1001"])
def test_a_stranger_is_refused_whatever_name_it_takes(telephones: Telephones, name: str) -> None:
    assert telephones.call(STRANGER, name).status == 401


@pytest.mark.usefixtures("engines")
def test_the_number_dialled_and_the_trunk_are_told(flow: Flow, telephones: Telephones) -> None:
    calls = {
        "13570003001": (GUANGZHOU, "02012355", "02012355"),
        "13570003002": (GUANGZHOU, "12355", "02012355"),
        "13570003003": (GUANGZHOU, "01012355", "01012355"),
        "13570003004": (WUHAN, "12355", "02712355"),
    }
    running = []
    for caller, (source, dialled, _) in calls.items():
        flow.scripts[caller] = Agi.finish
        transport = "t1" if source == WUHAN else "u1"
        running.append(telephones.start_call(source, caller, dialled, transport=transport))
    for phone in running:
        telephones.result(phone)
    for caller, (source, _, access_number) in calls.items():
        env = flow.wait_for("call", caller).env
        assert env["agi_arg_1"] == access_number
        assert env["agi_arg_2"] == ("wuhan" if source == WUHAN else "guangzhou")


def test_a_withheld_number_is_told_as_withheld_and_never_written(
    asterisk: RunningAsterisk, engines: list[StubEngine], flow: Flow, telephones: Telephones
) -> None:
    def script(agi: Agi) -> None:
        for engine in engines:
            engine.stop()
        agi.do("ANSWER")
        agi.do("WAIT FOR DIGIT 5000")

    flow.scripts["13570003005"] = script
    private = "P-Asserted-Identity: <sip:13570003005@[local_ip]>\nPrivacy: id\n"
    before = set(asterisk.settings.calls_spool.iterdir())
    telephones.call(GUANGZHOU, None, talks=0.3, extra_headers=private)
    env = flow.wait_for("call", "13570003005").env
    assert int(env["agi_callingpres"]) & 0x60 == 0x20
    assert asterisk.wait_for_spool(before)["caller"] == ""


@pytest.mark.usefixtures("engines")
def test_what_a_caller_calls_itself_is_no_part_of_the_dialplan(
    asterisk: RunningAsterisk, flow: Flow, telephones: Telephones
) -> None:
    name = "张三 ${SHELL(id)}&x|y,z"
    flow.scripts["13570003006"] = Agi.finish
    telephones.call(GUANGZHOU, "13570003006", name=name)
    assert flow.wait_for("call", "13570003006").env["agi_calleridname"] == "张三 SHELLidxyz"


@pytest.mark.usefixtures("engines")
def test_a_counselors_telephone_can_dial_codes_and_nothing_else(
    asterisk: RunningAsterisk, flow: Flow, telephones: Telephones
) -> None:
    def dial(number: str) -> int:
        phone = telephones.start_call(
            "127.0.0.1", "sip-1001", number, login=("sip-1001", secret("sip-1001"))
        )
        return telephones.result(phone).status

    assert dial("13800138000") == 404
    assert dial("02012355") == 404
    assert dial("sip-1002") == 404
    dial("*51")
    request = flow.wait_for("code", "sip-1001")
    assert (request.env["agi_arg_1"], request.env["agi_arg_2"]) == ("*51", "sip-1001")


@pytest.mark.usefixtures("engines")
def test_an_outside_number_counts_only_once_somebody_presses_1(
    asterisk: RunningAsterisk, flow: Flow, telephones: Telephones
) -> None:
    results: dict[str, tuple[str, ...]] = {}

    def script(agi: Agi) -> None:
        agi.do("ANSWER")
        caller = agi.env["agi_callerid"]
        agi.do(f'EXEC Dial "Local/138001{caller[-5:]}@outside-guangzhou,15,gmU(answered)"')
        results[caller] = agi.variables("DIALSTATUS", "DIALEDPEERNUMBER", "ANSWERED_AT")
        agi.finish()

    address, _, port = asterisk.settings.trunks[0].peer.partition(":")
    with ExitStack() as phones:
        mobile = telephones.telephone(address, int(port), Behaviour(keys=((1.5, "1"),), talks=3.0))
        phones.callback(mobile.end)
        flow.scripts["13570003007"] = script
        assert telephones.call(GUANGZHOU, "13570003007").ended_by == "line"
    with ExitStack() as phones:
        voicemail = telephones.telephone(address, int(port), Behaviour())
        phones.callback(voicemail.end)
        flow.scripts["13570003008"] = script
        assert telephones.call(GUANGZHOU, "13570003008").ended_by == "line"
    accepted, refused = results["13570003007"], results["13570003008"]
    assert accepted[:2] == ("ANSWER", "13800103007@outside-guangzhou")
    assert accepted[2].isdecimal()
    assert (refused[0], refused[2]) == ("NOANSWER", "")


@pytest.mark.usefixtures("engines")
def test_a_counselors_telephone_that_is_lost_frees_the_caller(
    flow: Flow, telephones: Telephones
) -> None:
    results: list[tuple[str, ...]] = []

    def script(agi: Agi) -> None:
        agi.do("ANSWER")
        agi.do('EXEC Dial "PJSIP/sip-1007,5,gm"')
        results.append(agi.variables("DIALSTATUS"))
        agi.finish()

    flow.scripts["13570003009"] = script
    lost = Behaviour(sends_sound=False)
    with telephones.counselor("sip-1007", secret("sip-1007"), lost):
        result = telephones.call(GUANGZHOU, "13570003009")
    assert result.ended_by == "line"
    assert 7 < result.lasted < 11
    assert results == [("ANSWER",)]


def test_tls_and_websocket_are_served(asterisk: RunningAsterisk) -> None:
    settings = asterisk.settings
    context = ssl.create_default_context(cafile=str(settings.directory / "keys/certificate.pem"))
    port = free_port("127.0.0.1")
    options = (
        "OPTIONS sip:12355@127.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/TLS 127.0.0.1:{port};branch=z9hG4bK1;rport\r\n"
        "From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:12355@127.0.0.1>\r\nCall-ID: tls-1\r\n"
        "CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
    with (
        socket.create_connection(("127.0.0.1", settings.tls_port), 5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        secure.sendall(options.encode())
        assert secure.recv(4096).startswith(b"SIP/2.0 401")
    upgrade = (
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", settings.ws_port), 5) as connection:
        connection.sendall(upgrade.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 101")


def test_the_manager_account_can_do_no_more_than_it_needs(asterisk: RunningAsterisk) -> None:
    settings = asterisk.settings
    with socket.create_connection(("127.0.0.1", settings.ami_port), 5) as connection:
        lines = connection.makefile("r", newline="\r\n")

        def ask(**action: str) -> str:
            text = "".join(f"{name}: {value}\r\n" for name, value in action.items())
            connection.sendall(f"{text}\r\n".encode())
            while not (line := lines.readline()).startswith("Response: "):
                pass
            reply = line
            while (line := lines.readline()).strip():
                reply += line
            return reply

        login = ask(Action="Login", Username=settings.ami_user, Secret=settings.ami_secret)
        assert "Success" in login
        for refused in (
            {"Action": "Command", "Command": "core show channels"},
            {"Action": "GetConfig", "Filename": "manager.conf"},
            {"Action": "Reload"},
        ):
            assert "Permission denied" in ask(**refused), refused
        # It places calls, and runs no program by one.
        runs = ask(Action="Originate", Channel="PJSIP/x", Application="System", Data="id")
        assert "Originate Access Forbidden" in runs
        assert "Success" in ask(Action="CoreShowChannels")
        assert "No such channel" in ask(Action="Hangup", Channel="none")
        assert "not found" in ask(Action="PlayDTMF", Channel="none", Digit="D", Receive="true")


def test_nothing_listens_beyond_the_address_given(asterisk: RunningAsterisk) -> None:
    """Asterisk's resolver has sockets to ask name servers; no port of ours is elsewhere."""
    settings = asterisk.settings
    ours = (
        settings.sip_port,
        settings.tls_port,
        settings.ws_port,
        settings.ami_port,
    )
    for port in ours:
        with socket.socket() as elsewhere:
            assert elsewhere.connect_ex((STRANGER, port)) != 0
