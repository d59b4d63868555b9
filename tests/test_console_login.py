"""Log-in, sessions, and what protects them, as a person at a browser meets it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from agents.counselor import State
from agents.roster import counselors
from console import accounts, sessions, throttle
from console.accounts import Account
from console.audit import Action
from console.roles import Role
from console.sessions import IDLE, LONGEST
from tests.console_world import GUANGZHOU, KEPT, PASSWORD, Browser, World, account_of

LIN = account_of(Role.COUNSELOR, GUANGZHOU)
AT_DESK = "gz-lin"
"""An account that the roster knows."""
NEW = "another quiet place"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    one = Account(AT_DESK, AT_DESK, Role.COUNSELOR, GUANGZHOU)
    world.assembly.store.write(lambda c: accounts.add(c, one, KEPT, world.at))
    yield world
    world.close()


def _shown(page: str, name: str) -> str:
    """Without what differs for everybody."""
    return re.sub('name="csrf_token" value="[^"]+"', "", page).replace(name, "")


def is_in(world: World, state: State) -> None:
    """The counselor at the desk is, since now."""
    changed = update(counselors).where(counselors.c.id == AT_DESK)
    world.assembly.store.write(lambda c: c.execute(changed.values(state=state, since=world.at)))


def lin(world: World) -> Browser:
    return world.browser(LIN)


def test_the_page_asked_for_comes_after_the_log_in(world: World) -> None:
    browser = world.browser()
    answer = browser.get("/orders/?progress=open")
    assert answer.location == "/login?next=/orders/?progress%3Dopen"
    assert browser.log_in(LIN, back="/orders/?progress=open").location == "/orders/?progress=open"


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_nobody_is_led_elsewhere(world: World, elsewhere: str) -> None:
    assert world.browser().log_in(LIN, back=elsewhere).location == "/"


def test_a_wrong_password_and_an_unknown_account_look_the_same(world: World) -> None:
    browser = world.browser()
    wrong, unknown = browser.log_in(LIN, "wrong"), browser.log_in("nobody", "wrong")
    assert wrong.status_code == unknown.status_code == 401
    assert "账号或密码不对" in wrong.text
    assert _shown(wrong.text, LIN) == _shown(unknown.text, "nobody")
    tried = [account for account, *_ in world.audited(Action.LOG_IN_FAILED)]
    assert tried[0] == LIN
    assert tried[1].startswith("?")
    assert "nobody" not in tried[1]


@pytest.mark.parametrize("name", [LIN, "nobody"])
def test_guessing_is_stopped_for_a_while_even_after_a_restart(
    world: World, tmp_path: Path, name: str
) -> None:
    browser = world.browser()
    for _ in range(throttle.BY_ACCOUNT_AND_ADDRESS):
        assert browser.log_in(name, "guess").status_code == 401
    stopped = browser.log_in(name, PASSWORD)
    assert stopped.status_code == 429
    assert "15分钟后再试" in stopped.text
    elsewhere = Browser(world.app, "203.0.113.9")
    assert elsewhere.log_in(LIN).status_code == 302
    world.at += throttle.WITHIN + timedelta(seconds=1)
    assert browser.log_in(LIN).status_code == 302


def test_an_address_that_tries_many_accounts_is_stopped(world: World) -> None:
    browser = world.browser()
    tries = [
        browser.log_in(f"name{n}", "guess").status_code for n in range(throttle.BY_ADDRESS + 1)
    ]
    assert tries[-2:] == [401, 429]


def test_a_session_ends_by_rest_by_length_and_by_log_out(world: World) -> None:
    browser = lin(world)
    for _ in range(3):
        world.at += IDLE - timedelta(minutes=2)
        assert browser.get("/orders/").status_code == 200
    world.at += IDLE
    answer = browser.get("/orders/")
    assert answer.location == "/login?next=/orders/&expired=1"
    assert "登录已过期" in browser.get(answer.location).text

    working = lin(world)
    began = world.at
    while world.at - began < LONGEST - timedelta(hours=1):
        world.at += timedelta(hours=1)
        assert working.get("/orders/").status_code == 200
    world.at += timedelta(hours=1)
    assert working.get("/orders/").status_code == 302

    leaving = lin(world)
    assert leaving.post("/logout").location == "/login"
    assert leaving.get("/orders/").status_code == 302


def test_a_desk_left_alone_is_logged_out_whatever_it_asks_for_by_itself(world: World) -> None:
    used, left = world.browser(AT_DESK), world.browser(AT_DESK)
    used.get("/desk/")
    began = world.at
    while world.at - began < IDLE:
        world.at += timedelta(minutes=30)
        for path in ("/desk/telephone", "/alarms/count"):
            assert used.get(path).status_code == 200
            assert left.get(path).status_code == (200 if world.at - began < IDLE else 302)
        assert used.post("/desk/here").status_code == 204


def test_no_session_ends_in_the_middle_of_a_talk(world: World) -> None:
    over, idle = world.browser(AT_DESK), world.browser(AT_DESK)
    world.at += IDLE - timedelta(minutes=1)
    assert idle.get("/orders/").status_code == 200
    world.at += IDLE - timedelta(minutes=1)
    is_in(world, State.ON_CALL)
    world.at += LONGEST
    world.browser(LIN)  # whose log-in forgets what is long over
    assert idle.get("/orders/").status_code == 200
    # What was over before the talk stays so.
    assert over.get("/orders/").status_code == 302
    is_in(world, State.WRAP_UP)
    assert idle.get("/orders/").status_code == 302


def test_a_cookie_kept_after_the_log_out_opens_nothing(world: World) -> None:
    browser = lin(world)
    cookie = browser._client.get_cookie("__Host-console", domain="desk.example.cn")
    assert cookie is not None
    assert (cookie.secure, cookie.http_only, cookie.same_site) == (True, True, "Lax")
    browser.post("/logout")
    browser._client.set_cookie("__Host-console", cookie.value, domain="desk.example.cn")
    assert browser.get("/orders/").status_code == 302


def test_who_is_disabled_is_out_at_once(world: World) -> None:
    browser = lin(world)
    store = world.assembly.store
    store.write(lambda c: accounts.change(c, LIN, disabled_at=world.at))
    assert browser.get("/orders/").status_code == 302
    assert world.browser().log_in(LIN).status_code == 401


def test_a_session_over_in_the_middle_of_a_form_is_said_and_the_form_can_still_be_sent(
    world: World,
) -> None:
    browser, order_no = lin(world), world.orders["guangzhou"]
    browser.get(f"/orders/{order_no}")
    guard, path = browser.guard, f"/orders/{order_no}/number"
    world.at += IDLE
    page = browser.post(path, {"reason": "来电人要求回电"})
    assert page.status_code == 401
    assert "登录已过期，刚才的内容没有提交" in page.text
    part = browser.post(path, {"reason": "来电人要求回电"}, htmx=True)
    assert part.status_code == 401
    assert "您填写的内容还在本页" in part.text
    assert "<html" not in part.text
    assert browser.log_in(LIN).status_code == 302
    browser.guard = guard
    assert browser.post(path, {"reason": "来电人要求回电"}).status_code == 200


def test_a_form_of_somebody_elses_cannot_be_sent(world: World) -> None:
    browser = lin(world)
    guard = browser.guard
    browser.log_in(account_of(Role.MANAGER, GUANGZHOU))
    browser.guard = guard
    answer = browser.post("/account/language", {"language": "en"})
    assert answer.status_code == 400
    assert "没有提交" in answer.text
    browser.guard = ""
    assert browser.post("/account/language", {"language": "en"}).status_code == 400


def test_a_new_password_ends_all_other_sessions(world: World) -> None:
    mine, other = lin(world), lin(world)
    form = {"old": PASSWORD, "new": NEW, "again": NEW}
    assert mine.post("/account/password", form).location == "/account/?done=password"
    assert mine.get("/orders/").status_code == 200
    assert other.get("/orders/").status_code == 302
    assert world.browser().log_in(LIN).status_code == 401
    assert world.browser().log_in(LIN, NEW).status_code == 302
    assert world.audited(Action.PASSWORD_CHANGED) == [(LIN, "password_changed", None, None)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"old": "wrong"}, "现在的密码不对"),
        ({"new": "short", "again": "short"}, "至少12个字符"),
        ({"new": LIN, "again": LIN}, "不能含有账号名"),
        ({"again": "something else"}, "两次输入的新密码不一样"),
        ({"new": "x" * 201, "again": "x" * 201}, "新密码太长"),
    ],
)
def test_a_password_that_is_refused_says_why(
    world: World, change: dict[str, str], said: str
) -> None:
    answer = lin(world).post(
        "/account/password", {"old": PASSWORD, "new": NEW, "again": NEW, **change}
    )
    assert answer.status_code == 400
    assert said in answer.text
    assert world.browser().log_in(LIN).status_code == 302


def test_the_language_of_the_account_wins_over_the_browsers(world: World) -> None:
    browser = lin(world)
    assert '<html lang="zh-CN">' in browser.get("/orders/", **{"Accept-Language": "en"}).text
    browser.post("/account/language", {"language": "en"})
    english = browser.get("/orders/").text
    assert '<html lang="en">' in english
    assert "Orders" in english
    stranger = world.browser().get("/login", **{"Accept-Language": "en-US,en;q=0.9"}).text
    assert '<html lang="en">' in stranger


def test_no_page_may_run_a_script_from_elsewhere_or_be_kept(world: World) -> None:
    for path in ("/login", "/orders/", "/static/htmx.min.js"):
        headers = lin(world).get(path).headers
        assert "script-src 'self';" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert (headers.get("Cache-Control") == "no-store") is not path.startswith("/static")


def test_sessions_that_are_over_are_forgotten(world: World) -> None:
    lin(world)
    world.at += sessions.FORGOTTEN_AFTER
    lin(world)
    rows = world.assembly.store.read(lambda c: c.execute(sessions.sessions.select()).all())
    assert len(rows) == 1
