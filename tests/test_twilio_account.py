"""Numbers pointed at us, what is told of wrong ones, and the document for when we are gone."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from click.testing import CliRunner, Result
from requests import ConnectionError as NoConnection
from requests import Response
from twilio.http import HttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from config.settings import Settings, SettingsError
from ivr.rooms import Rooms
from ivr.twilio.account import looking, point, wrong
from ivr.twilio.command_line import twilio
from ivr.twilio.fallback import AGAIN, FIRST, NobodyToRing, accepting, connecting, fallback
from tests.twilio_line import CALLER, NUMBER, PUBLIC, TwilioLine
from tests.twilio_stand_in.fetching import Reply
from tests.twilio_stand_in.leg import Leg
from tests.twilio_stand_in.rest import InProcessHttpClient

OTHER = "+8613900003333"
DUTY = "+8613900002222"
SWITCHED_ON = {
    "IVR_TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
    "IVR_TWILIO_AUTH_TOKEN": "secret",
    "IVR_TWILIO_ASSESSMENT": "2026-17",
    "IVR_TWILIO_PUBLIC_ADDRESS": "https://ivr.example.cn",
    "IVR_TWILIO_CALLER_ID": "+862012355000",
}


@pytest.fixture
def line(tmp_path: Path) -> Iterator[TwilioLine]:
    line = TwilioLine(tmp_path)
    yield line
    line.close()


def told(
    line: TwilioLine,
    token: str = "",
    status: int = 405,
    fallback_status: int = 200,
    **numbers: str,
) -> list[str]:
    ours = line.carrier.addresses.call
    asking = Client(
        line.twilio.account_sid,
        token or line.twilio.auth_token,
        http_client=InProcessHttpClient(line.api),
    )
    wanted = numbers or {NUMBER: "020-12355"}
    return list(
        wrong(asking, line.twilio.account_sid, line.carrier.addresses, NUMBER, wanted,
              lambda address: status if address == ours else fallback_status)
    )  # fmt: skip


def test_a_number_is_pointed_at_us(line: TwilioLine) -> None:
    line.twilio.number(NUMBER, "https://demo.twilio.com/welcome/voice/")
    assert [text.partition(":")[0] for text in told(line)] == [
        f"{NUMBER} asks https",
        f"{NUMBER} doesn't tell us of a call's end",
        f"{NUMBER} has no fallback",
    ]
    assert point(client(line), line.carrier.addresses, NUMBER, "https://handler.example/bin")
    assert told(line) == []
    assert not point(client(line), line.carrier.addresses, "+862000000000", None)
    call = line.twilio.incoming(CALLER, NUMBER)
    line.clock.run_for(3)
    assert call.has_heard("12355青少年服务台")
    call.hang_up()
    line.clock.run_for(2)


def client(line: TwilioLine) -> Client:
    return Client(
        line.twilio.account_sid, line.twilio.auth_token, http_client=InProcessHttpClient(line.api)
    )


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("voice_application_sid", "AP" + "1" * 32),
        ("trunk_sid", "TK" + "1" * 32),
        ("voice_method", "GET"),
        ("status_callback_method", "GET"),
    ],
)
def test_a_number_that_does_not_bring_us_its_calls_is_told_and_set_right(
    line: TwilioLine, setting: str, value: str
) -> None:
    assert point(client(line), line.carrier.addresses, NUMBER, "https://handler.example/bin")
    setattr(line.twilio.numbers[NUMBER], setting, value)
    [only] = told(line)
    assert only.startswith(f"{NUMBER} has {setting} {value}")
    assert only.endswith(f"run: run_ivr.py twilio setup {NUMBER}")
    assert point(client(line), line.carrier.addresses, NUMBER, None)
    assert told(line) == []


def test_a_fallback_that_is_not_there_is_told(line: TwilioLine) -> None:
    assert point(client(line), line.carrier.addresses, NUMBER, "https://handler.example/bin")
    [only] = told(line, fallback_status=404)
    assert only.startswith(f"{NUMBER}'s fallback https://handler.example/bin answers 404")


def test_a_bin_is_looked_at_as_twilio_asks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def get(address: str, headers: Mapping[str, str], timeout: float) -> Response:
        asked.append((address, headers["X-Twilio-Signature"]))
        answer = Response()
        answer.status_code = 200
        return answer

    monkeypatch.setattr(requests, "get", get)
    assert looking("AC1", "token")("https://handler.example/EH1") == 200
    [(address, signature)] = asked
    assert address == "https://handler.example/EH1?AccountSid=AC1"
    assert RequestValidator("token").validate(address, {}, signature)


class CutOff(HttpClient):
    """The network fails from the so-many-th request on."""

    def __init__(self, line: TwilioLine, after: int) -> None:
        super().__init__(logging.getLogger(), False)
        self._there = InProcessHttpClient(line.api)
        self._left = after

    def request(self, *request: Any, **more: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise NoConnection
        return self._there.request(*request, **more)


@pytest.mark.parametrize("after", [0, 1])
def test_twilio_out_of_reach_is_one_line(line: TwilioLine, after: int) -> None:
    cut_off = Client(
        line.twilio.account_sid, line.twilio.auth_token, http_client=CutOff(line, after)
    )
    [only] = wrong(
        cut_off, line.twilio.account_sid, line.carrier.addresses, NUMBER,
        {NUMBER: "020-12355"}, lambda address: 405,
    )  # fmt: skip
    assert "ConnectionError" in only


def test_setup_without_a_network_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def nobody(*_request: Any, **_more: Any) -> Any:
        raise NoConnection

    monkeypatch.setattr(TwilioHttpClient, "request", nobody)
    for name, value in SWITCHED_ON.items():
        monkeypatch.setenv(name, value)
    rooms = Rooms(Settings(data_directory=tmp_path))
    try:
        told = CliRunner().invoke(twilio, ["setup", NUMBER], obj=rooms)
    finally:
        rooms.close()
    assert told.exit_code == 1
    assert told.stderr == "Error: Twilio refuses it or can't be reached: ConnectionError\n"


def test_what_is_wrong_is_told(line: TwilioLine) -> None:
    assert "IVR_TWILIO_AUTH_TOKEN" in told(line, token="another")[0]
    assert "answers 200" in told(line, status=200)[0]
    assert told(line, **{"+862000000000": "020-12355"})[0] == (
        "+862000000000 is no number of this account"
    )


def test_an_address_that_nobody_reaches_is_told(line: TwilioLine) -> None:
    def nobody(_address: str) -> int:
        raise NoConnection

    lines = list(
        wrong(client(line), line.twilio.account_sid, line.carrier.addresses, NUMBER,
              {NUMBER: "020-12355"}, nobody)
    )  # fmt: skip
    assert "IVR_TWILIO_PUBLIC_ADDRESS" in lines[0]


class Bins:
    """The fallback's documents where Twilio has them, and we are gone."""

    def __init__(self, line: TwilioLine, *numbers: str) -> None:
        accept = f"{PUBLIC}/bin/accept"
        self.documents = {
            "/bin/fallback": fallback(numbers, NUMBER, accept),
            "/bin/accept": accepting(f"{PUBLIC}/bin/connect"),
            "/bin/connect": connecting(),
        }
        line._inside = self._fetch
        line.twilio.number(
            NUMBER,
            line.carrier.addresses.call,
            voice_fallback_url=f"{PUBLIC}/bin/fallback",
            voice_fallback_method="GET",
        )

    def _fetch(
        self, _method: str, url: str, _form: Mapping[str, str], _headers: Mapping[str, str]
    ) -> Reply:
        document = self.documents.get(urlsplit(url).path)
        if document is None:
            return Reply(502, {}, b"")
        return Reply(200, {"Content-Type": "text/xml"}, document.encode())


@pytest.fixture
def without_us(tmp_path: Path) -> Iterator[TwilioLine]:
    line = TwilioLine(tmp_path)
    yield line
    # Of our own address alone: what the Bins say is held against the schema, and fits.
    assert {alert.code for alert in line.twilio.alerts} == {11200}
    line.twilio.alerts.clear()
    line.close()


def talks(call: Leg) -> list[str]:
    """Whom a caller has talked with, in turn."""
    return [heard.content for heard in call.heard if heard.kind == "talk"]


# Incoming phone number: a number's fallback is asked when its voice address fails.
def test_without_us_a_caller_reaches_people(without_us: TwilioLine) -> None:
    line = without_us
    Bins(line, DUTY)
    duty = line.twilio.party(DUTY, "no-answer")
    call = line.twilio.incoming(CALLER, NUMBER)
    line.clock.run_until(lambda: call.has_heard(FIRST) and call.has_heard(AGAIN), within=90)
    assert len(duty.legs) >= 1
    line.twilio.party(DUTY, answers_after=2, keys=[(4, "1")], talks=20)
    line.clock.run_until(lambda: talks(call) == [DUTY], within=60)
    call.hang_up()
    line.clock.run_for(5)


def test_a_voicemail_takes_nobodys_place(without_us: TwilioLine) -> None:
    line = without_us
    Bins(line, DUTY, OTHER)
    voicemail = line.twilio.party(DUTY, answers_after=1, talks=30)
    line.twilio.party(OTHER, answers_after=12, keys=[(5, "1")], hangs_up=False)
    call = line.twilio.incoming(CALLER, NUMBER)
    line.clock.run_until(lambda: talks(call) != [], within=60)
    assert talks(call) == [OTHER]
    assert not any(heard.kind == "talk" for leg in voicemail.legs for heard in leg.heard)
    call.hang_up()
    line.clock.run_for(5)


def test_whoever_is_lost_in_a_talk_only_has_to_stay(without_us: TwilioLine) -> None:
    line = without_us
    Bins(line, DUTY)
    line.twilio.party(DUTY, answers_after=2, keys=[(4, "1")], talks=20)
    call = line.twilio.incoming(CALLER, NUMBER)
    line.clock.run_until(lambda: len(talks(call)) == 2, within=120)
    words = [heard.content for heard in call.heard if heard.kind in ("say", "talk")]
    assert words[words.index(DUTY) + 1] == AGAIN
    call.hang_up()
    line.clock.run_for(5)


def test_people_are_rung_as_long_as_the_caller_stays(without_us: TwilioLine) -> None:
    line = without_us
    Bins(line, DUTY, OTHER)
    line.twilio.party(DUTY, "busy")
    line.twilio.party(OTHER, "no-answer")
    call = line.twilio.incoming(CALLER, NUMBER)
    line.clock.run_for(3600)
    assert not call.ended
    line.twilio.party(DUTY, answers_after=2, keys=[(4, "1")], hangs_up=False)
    line.clock.run_until(lambda: talks(call) == [DUTY], within=60)
    call.hang_up()
    line.clock.run_for(5)


@pytest.mark.parametrize("count", [1, 2, 5, 13])
def test_the_documents_fit_into_a_bin(count: int) -> None:
    bin_ = "https://handler.twilio.com/twiml/EH" + "0" * 32
    numbers = [f"+86139000011{index:02}" for index in range(count)]
    document = fallback(numbers, NUMBER, bin_)
    assert all(number in document for number in numbers)
    assert len(document) < 4000
    assert len(accepting(bin_)) < 4000


def test_whom_a_bin_cannot_ring_is_told() -> None:
    with pytest.raises(NobodyToRing, match="IVR_TWILIO_FALLBACK_NUMBERS"):
        fallback([], NUMBER, "https://handler.example/accept")
    with pytest.raises(NobodyToRing, match="leave some out"):
        fallback([DUTY] * 40, NUMBER, "https://handler.example/accept")


def run(tmp_path: Path, *words: str) -> Result:
    rooms = Rooms(Settings(data_directory=tmp_path, twilio_fallback_numbers=DUTY))
    try:
        return CliRunner().invoke(twilio, list(words), obj=rooms)
    finally:
        rooms.close()


def test_each_document_names_the_one_before(tmp_path: Path) -> None:
    first = run(tmp_path, "fallback")
    assert "<Response />" in first.stdout
    assert "twilio fallback --connect https://" in first.stderr
    second = run(tmp_path, "fallback", "--connect", "https://handler.example/EH1")
    assert 'action="https://handler.example/EH1"' in second.stdout
    assert "twilio fallback --accept https://" in second.stderr
    third = run(tmp_path, "fallback", "--accept", "https://handler.example/EH2")
    assert f'<Number url="https://handler.example/EH2">{DUTY}</Number>' in third.stdout
    assert "twilio setup +86… --fallback https://" in third.stderr


def test_an_address_that_was_not_filled_in_is_refused(tmp_path: Path) -> None:
    told = run(tmp_path, "fallback", "--accept", "https://handler.twilio.com/twiml/EH…")
    assert told.exit_code != 0
    assert "all of it" in told.stderr


@pytest.mark.parametrize(
    ("without", "word"),
    [
        ("IVR_TWILIO_AUTH_TOKEN", "IVR_TWILIO_AUTH_TOKEN"),
        ("IVR_TWILIO_ASSESSMENT", "recorded assessment"),
        ("IVR_TWILIO_PUBLIC_ADDRESS", "IVR_TWILIO_PUBLIC_ADDRESS"),
        ("IVR_TWILIO_CALLER_ID", "IVR_TWILIO_CALLER_ID"),
    ],
)
def test_half_switched_on_is_found_at_the_start(
    monkeypatch: pytest.MonkeyPatch, without: str, word: str
) -> None:
    for name, value in SWITCHED_ON.items():
        monkeypatch.setenv(name, value)
    assert Settings.read().twilio_account_sid
    monkeypatch.delenv(without)
    with pytest.raises(SettingsError, match=word):
        Settings.read()
