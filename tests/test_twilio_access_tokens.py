"""Access tokens of counselors' browsers: whose, for what, how long, and nothing more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from click.testing import CliRunner, Result
from pydantic import SecretStr

from agents import roster
from agents.roster import Contact
from config.settings import Settings, SettingsError
from ivr.rooms import Rooms
from ivr.twilio.access_tokens import LIFE, AccessTokens, wrong
from ivr.twilio.command_line import twilio
from tests.twilio_line import TwilioLine

KEY_SID = "SK" + "2" * 32
SECRET = "a secret of an API key that nobody may read"
KEY: dict[str, Any] = {"twilio_api_key_sid": KEY_SID, "twilio_api_key_secret": SecretStr(SECRET)}
NOON = datetime(2026, 6, 7, 4, 0, tzinfo=UTC)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[TwilioLine]:
    line = TwilioLine(tmp_path, **KEY)
    yield line
    line.close()


def command(settings: Settings, *words: str) -> Result:
    rooms = Rooms(settings)
    try:
        return CliRunner().invoke(twilio, words, obj=rooms)
    finally:
        rooms.close()


def claims(token: str) -> dict[str, Any]:
    """What stands in it, whenever it is read; its signature is checked."""
    found: dict[str, Any] = jwt.decode(
        token, SECRET, algorithms=["HS256"], options={"verify_exp": False, "verify_nbf": False}
    )
    return found


# Access Tokens: header, and claims of a token with one grant.
def test_a_token_is_one_counselors_for_incoming_calls_and_expires(line: TwilioLine) -> None:
    token = AccessTokens.of(line.settings).token("chen", NOON)
    found = claims(token)
    assert found.pop("grants") == {"identity": "chen", "voice": {"incoming": {"allow": True}}}
    since = int(NOON.timestamp())
    assert (found.pop("nbf"), found.pop("exp")) == (since, since + LIFE.total_seconds())
    assert (found.pop("iss"), found.pop("sub")) == (KEY_SID, line.settings.twilio_account_sid)
    assert found.keys() == {"jti"}
    assert timedelta(minutes=1) < LIFE <= timedelta(minutes=15)
    header = jwt.get_unverified_header(token)
    assert header == {"alg": "HS256", "cty": "twilio-fpa;v=1", "typ": "JWT"}


def test_the_command_prints_the_token_and_nothing_else(line: TwilioLine) -> None:
    told = command(line.settings, "token", "gz-chen")
    assert told.exit_code == 0
    [token] = told.output.splitlines()
    found = claims(token)
    assert found["grants"]["identity"] == "chen"
    assert found["exp"] - found["nbf"] == LIFE.total_seconds()
    assert SECRET not in told.output


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ("gz-nobody", "no counselor gz-nobody"),
        ("gz-fang", "gz-fang has no twilio_client among its contacts"),
    ],
)
def test_who_has_no_browser_gets_no_token(line: TwilioLine, who: str, why: str) -> None:
    told = command(line.settings, "token", who)
    assert told.exit_code == 1
    assert told.output.startswith(f"Error: {why}")
    assert len(told.output.splitlines()) == 1


def test_nobody_gets_a_token_by_which_somebody_elses_calls_could_be_taken(
    line: TwilioLine,
) -> None:
    lin = roster.Counselor(
        "gz-lin", "林", "8001", "440100", contacts=(Contact("twilio_client", "chen"),)
    )
    line.assembly.store.write(lambda connection: roster.add(connection, lin, NOON))
    for who in ("gz-chen", "gz-lin"):
        told = command(line.settings, "token", who)
        assert told.exit_code == 1
        assert "give each their own" in told.output


def test_without_a_key_the_check_says_whose_browsers_cannot_be_rung(tmp_path: Path) -> None:
    line = TwilioLine(tmp_path)
    people = line.assembly.store.read(roster.everybody)
    [told] = wrong(line.settings, people)
    assert told.startswith("the browsers of gz-lin, gz-chen cannot be rung")
    others = [person for person in people if person.id in ("gz-fang", "gz-sip")]
    assert list(wrong(line.settings, others)) == []
    refused = command(line.settings, "token", "gz-chen")
    assert (refused.exit_code, "IVR_TWILIO_API_KEY_SECRET" in refused.output) == (1, True)
    line.close()


def test_with_a_key_the_check_has_nothing_to_say(line: TwilioLine) -> None:
    assert list(wrong(line.settings, line.assembly.store.read(roster.everybody))) == []


@pytest.mark.parametrize(
    ("there", "value", "missing"),
    [
        ("IVR_TWILIO_API_KEY_SID", KEY_SID, "set IVR_TWILIO_API_KEY_SECRET too"),
        ("IVR_TWILIO_API_KEY_SECRET", SECRET, "set IVR_TWILIO_API_KEY_SID too"),
    ],
)
def test_half_a_key_is_found_at_the_start(
    monkeypatch: pytest.MonkeyPatch, there: str, value: str, missing: str
) -> None:
    monkeypatch.setenv(there, value)
    with pytest.raises(SettingsError, match=missing) as error:
        Settings.read()
    assert len(str(error.value).splitlines()) == 1
    assert SECRET not in str(error.value)


def test_the_secret_shows_nowhere(line: TwilioLine) -> None:
    tokens = AccessTokens.of(line.settings)
    shown = [repr(line.settings), repr(tokens), json.dumps(claims(tokens.token("chen", NOON)))]
    assert not [text for text in shown if SECRET in text]
