"""The desk of a counselor whom Twilio rings: what its page is given, and who is given it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from pydantic import SecretStr

from agents import roster
from agents.roster import Contact, Counselor
from console.application import application
from console.roles import ROLES, Role
from ivr.assembly import Assembly
from tests.console_world import GUANGZHOU, NOON, PEOPLE, World, account_of

SECRET = "a secret of an API key that nobody may read"
KEY = {
    "twilio_account_sid": "AC" + "1" * 32,
    "twilio_api_key_sid": "SK" + "2" * 32,
    "twilio_api_key_secret": SecretStr(SECRET),
}
LIN = account_of(Role.COUNSELOR, GUANGZHOU)
BOSS = account_of(Role.SUPERVISOR, GUANGZHOU)
SDK = "twilio-voice.min.js"


def configured(world: World, **changes: object) -> World:
    one = world.assembly
    settings = one.settings.model_copy(update=changes)
    changed = Assembly(settings, one.store, one.log, one.stations, one.directory)
    world.app = application(changed, world.watch, lambda: world.at)
    return world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = configured(World(tmp_path), **KEY)
    for number, role in enumerate(PEOPLE, start=9001):
        reached(world, account_of(role, GUANGZHOU), number, f"client-{number}")
    yield world
    world.close()


def reached(world: World, who: str, number: int, client: str) -> None:
    contacts = (Contact("twilio_client", client), Contact("browser", str(number)))
    person = Counselor(who, who, str(number), GUANGZHOU, contacts=contacts)
    world.assembly.store.write(lambda connection: roster.add(connection, person, NOON))


def test_a_token_is_given_to_whom_the_table_says_for_their_own_browser(world: World) -> None:
    for number, role in enumerate(PEOPLE, start=9001):
        answer = world.browser(account_of(role, GUANGZHOU)).get("/desk/twilio")
        assert answer.status_code == (200 if ROLES[role].desk else 403), role
        if answer.status_code == 200:
            given = answer.get_json()
            told = jwt.decode(
                given["token"], SECRET, algorithms=["HS256"],
                options={"verify_exp": False, "verify_nbf": False},
            )  # fmt: skip
            assert told["grants"]["identity"] == f"client-{number}"
            assert told["exp"] - told["nbf"] == given["seconds"]
    assert world.browser().get("/desk/twilio").status_code == 302


def test_the_page_of_who_takes_calls_says_when_it_answers_and_hangs_up(world: World) -> None:
    for role in PEOPLE:
        browser = world.browser(account_of(role, GUANGZHOU))
        browser.get("/account/")
        status = browser.post("/desk/twilio", {"does": "hangs_up"}).status_code
        assert status == (204 if ROLES[role].desk else 403), role
        assert browser.post("/desk/twilio", {"does": "waits"}).status_code in (400, 403)


def test_nobody_is_given_one_by_which_somebody_elses_calls_could_be_taken(world: World) -> None:
    reached(world, BOSS, 9002, "client-9001")
    assert world.browser(LIN).get("/desk/twilio").status_code == 403


def test_the_page_may_reach_twilio_only_where_it_rings_this_counselor(world: World) -> None:
    page = world.browser(LIN).get("/desk/")
    assert SDK in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "connect-src 'self' wss://*.twilio.com;" in policy
    assert "script-src 'self';" in policy
    assert "jssip" in page.text
    elsewhere = world.browser(LIN).get("/orders/").headers["Content-Security-Policy"]
    assert "twilio" not in elsewhere
    alone = configured(world, asterisk=False, **KEY).browser(LIN)
    page = alone.get("/desk/")
    assert SDK in page.text
    assert "jssip" not in page.text
    assert alone.get("/desk/telephone").status_code == 403


def test_without_a_key_nothing_of_twilio_is_on_the_page(world: World) -> None:
    browser = configured(world, **{**KEY, "twilio_api_key_secret": None}).browser(LIN)
    page = browser.get("/desk/")
    assert SDK not in page.text
    assert "twilio.com" not in page.headers["Content-Security-Policy"]
    assert browser.get("/desk/twilio").status_code == 403
