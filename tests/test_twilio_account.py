"""Numbers pointed at us, what is told of wrong ones, and the document for when we are gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from requests import ConnectionError as NoConnection
from twilio.rest import Client

from config.settings import Settings, SettingsError
from ivr.twilio.account import point, wrong
from ivr.twilio.fallback import FIRST, STAY, NobodyToRing, fallback
from tests.twilio_line import CALLER, NUMBER, PUBLIC, TwilioLine
from tests.twilio_stand_in.rest import InProcessHttpClient

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


def told(line: TwilioLine, token: str = "", status: int = 405, **numbers: str) -> list[str]:
    client = Client(
        line.twilio.account_sid,
        token or line.twilio.auth_token,
        http_client=InProcessHttpClient(line.api),
    )
    wanted = numbers or {NUMBER: "020-12355"}
    return list(
        wrong(client, line.twilio.account_sid, line.carrier.addresses, NUMBER, wanted,
              lambda address: status)
    )  # fmt: skip


def test_a_number_is_pointed_at_us(line: TwilioLine) -> None:
    line.twilio.number(NUMBER, "https://demo.twilio.com/welcome/voice/")
    assert [text.partition(":")[0] for text in told(line)] == [
        f"{NUMBER} asks https",
        f"{NUMBER} doesn't tell us of a call's end",
        f"{NUMBER} has no fallback",
    ]
    client = Client(
        line.twilio.account_sid, line.twilio.auth_token, http_client=InProcessHttpClient(line.api)
    )
    assert point(client, line.carrier.addresses, NUMBER, "https://handler.example/bin")
    assert told(line) == []
    assert not point(client, line.carrier.addresses, "+862000000000", None)
    call = line.twilio.incoming(CALLER, NUMBER)
    line.clock.run_for(3)
    assert call.has_heard("12355青少年服务台")
    call.hang_up()
    line.clock.run_for(2)


def test_what_is_wrong_is_told(line: TwilioLine) -> None:
    assert "IVR_TWILIO_AUTH_TOKEN" in told(line, token="another")[0]
    assert "answers 200" in told(line, status=200)[0]
    assert told(line, **{"+862000000000": "020-12355"})[0] == (
        "+862000000000 is no number of this account"
    )


def test_an_address_that_nobody_reaches_is_told(line: TwilioLine) -> None:
    def nobody(_address: str) -> int:
        raise NoConnection

    client = Client(
        line.twilio.account_sid, line.twilio.auth_token, http_client=InProcessHttpClient(line.api)
    )
    lines = list(
        wrong(client, line.twilio.account_sid, line.carrier.addresses, NUMBER,
              {NUMBER: "020-12355"}, nobody)
    )  # fmt: skip
    assert "IVR_TWILIO_PUBLIC_ADDRESS" in lines[0]


# Incoming phone number: a number's fallback is asked when its voice address fails.
def test_without_us_a_caller_reaches_people(line: TwilioLine) -> None:
    bin_ = f"{PUBLIC}/bin"
    document = fallback([DUTY, "8109"], NUMBER)
    inside = line._inside
    line._inside = lambda method, url, form, headers: (
        inside(method, url, form, headers)._replace(status=200, body=document.encode())
        if url.endswith("/bin")
        else inside(method, url, form, headers)._replace(status=502)
    )
    line.twilio.number(NUMBER, line.carrier.addresses.call, voice_fallback_url=bin_)
    duty = line.twilio.party(DUTY, "no-answer")
    call = line.twilio.incoming(CALLER, NUMBER)
    line.clock.run_until(lambda: call.has_heard(FIRST) and call.has_heard(STAY), within=90)
    assert len(duty.legs) >= 1
    line.twilio.party(DUTY, answers_after=2, talks=20)
    line.clock.run_until(lambda: any(h.kind == "talk" for h in call.heard), within=60)
    call.hang_up()
    line.clock.run_for(5)
    line.twilio.alerts.clear()


def test_nobody_to_ring_is_told() -> None:
    with pytest.raises(NobodyToRing, match="IVR_CRISIS_LAST_RESORT_NUMBER"):
        fallback(["", "8109"], NUMBER)


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
