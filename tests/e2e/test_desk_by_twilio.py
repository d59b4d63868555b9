"""The desk of a counselor whom Twilio rings: in a real browser, by the real Voice SDK, which meets
a stand-in of Twilio's signalling."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright
from pydantic import SecretStr
from sqlalchemy import Connection, select

from agents import presence, roster
from agents.roster import Contact, Counselor
from console.serving import Console
from ivr.assembly import Assembly
from ivr.twilio.access_tokens import LIFE
from ivr.twilio.browser_talks import browser_talks
from routing import offers
from routing.offers import Offer
from tests.console_world import GUANGZHOU, NOON, World, account_of
from tests.e2e.browsers import ALLOWED, launch, until
from tests.e2e.sipp import free_port
from tests.e2e.test_console import LONGEST, NARROW, Role, _found_by_axe, _picture, log_in
from tests.e2e.twilio_signalling import HEARD, Signalling

pytestmark = pytest.mark.e2e

LIN = account_of(Role.COUNSELOR, GUANGZHOU)
BARELY = timedelta(seconds=121)
"""A token's life: the desk renews it 120 s before its end."""
TOKEN_OVER = 31205
NO_MICROPHONE = """() => {
  const refused = async () => { throw new DOMException("", "NotAllowedError"); };
  navigator.mediaDevices.getUserMedia = refused;
}"""
AXE = (Path(__file__).parents[1] / "axe" / "axe.min.js").read_text("utf-8")


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = launch(playwright, ALLOWED)
    yield browser
    browser.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    contacts = (Contact("twilio_client", "lin"),)
    lin = Counselor(LIN, "林静", "9001", GUANGZHOU, contacts=contacts)
    world.assembly.store.write(lambda connection: roster.add(connection, lin, NOON))
    yield world
    world.close()


@pytest.fixture
def address(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of a console without Asterisk, whose calls come by Twilio."""
    monkeypatch.setattr("console.serving._now", lambda: world.at)
    one = world.assembly
    settings = one.settings.model_copy(
        update={
            "console_port": free_port("127.0.0.1"),
            "asterisk": False,
            "twilio_account_sid": "AC" + "1" * 32,
            "twilio_api_key_sid": "SK" + "2" * 32,
            "twilio_api_key_secret": SecretStr("a secret of an API key that nobody may read"),
        }
    )
    console = Console(Assembly(settings, one.store, one.log, one.stations, one.directory))
    console.start()
    yield f"https://localhost:{settings.console_port}"
    console.stop()


def at_desk(browser: Browser, address: str) -> tuple[Page, Signalling, list[str]]:
    """And what its browser complains of."""
    context = browser.new_context(base_url=address, ignore_https_errors=True, locale="zh-CN")
    context.set_default_timeout(LONGEST)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    twilio = Signalling(page)
    log_in(page, LIN)
    expect(page.locator("#line")).to_have_text("话机已连接")
    return page, twilio, complaints


def offered(connection: Connection) -> None:
    """A call on Twilio rings the counselor."""
    presence.reserve(connection, LIN, "twilio-CA1", NOON)
    lease = NOON + timedelta(minutes=5)
    one = Offer("o1", LIN, "twilio-CA1", GUANGZHOU, "twilio", 0, "home", 15, False, NOON, None)
    offers.add(connection, [one], lease)


def talks(world: World) -> list[tuple[str, str]]:
    """Who talks by what offer, as the page has said."""
    rows = world.assembly.store.read(lambda c: c.execute(select(browser_talks)).all())
    return [tuple(row) for row in rows]


def test_a_desk_is_rung_answered_and_heard_by_twilio(
    world: World, address: str, browser: Browser
) -> None:
    page, twilio, complaints = at_desk(browser, address)
    elsewhere: list[str] = []
    page.on("request", lambda sent: elsewhere.append(sent.url))
    line = page.locator("#line")
    expect(page.locator("#now .state")).to_contain_text("示闲")
    # What Twilio's browsers can't do isn't offered.
    expect(page.get_by_role("button", name="保持")).to_have_count(0)
    expect(page.get_by_role("button", name="测试通话")).to_have_count(0)

    world.assembly.store.write(offered)
    twilio.rings()
    expect(line).to_have_text("来电振铃")
    page.keyboard.press("F2")
    expect(line).to_have_text("通话中")
    until(page, lambda: bool(page.evaluate(HEARD)))
    page.keyboard.press("F4")
    expect(line).to_have_text("已静音")
    page.keyboard.press("F4")
    page.get_by_text("按键", exact=True).click()
    page.locator("[data-key='5']").click()
    page.keyboard.press("F8")
    expect(line).to_have_text("通话中")
    page.evaluate(AXE)
    page.set_viewport_size({"width": NARROW, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
    assert _found_by_axe(page) == []
    _picture(page, f"desk-by-twilio-zh-CN-{NARROW}")
    assert talks(world) == [(LIN, "o1")]
    page.keyboard.press("F9")
    expect(line).to_have_text("话机已连接")
    assert twilio.told[-1] == "hangup"
    # Said before: otherwise the caller would be one whose counselor was lost.
    assert talks(world) == []

    # A caller who gives up, and a call that the counselor refuses.
    twilio.rings()
    expect(line).to_have_text("来电振铃")
    twilio.gives_up()
    expect(line).to_have_text("话机已连接")
    twilio.rings()
    expect(line).to_have_text("来电振铃")
    page.keyboard.press("F9")
    expect(line).to_have_text("话机已连接")
    assert twilio.told[-1] == "reject"
    assert complaints == []
    # No sound is fetched from abroad, and nothing of a talk's quality is told there.
    assert all(url.startswith((address, "wss://voice-js.")) for url in elsewhere)


def test_a_token_is_renewed_and_what_fails_is_said(
    world: World, address: str, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.pages.desk.LIFE", BARELY)
    page, twilio, _ = at_desk(browser, address)
    line = page.locator("#line")
    # In a talk, too, which goes on.
    world.assembly.store.write(lambda c: presence.reserve(c, LIN, "twilio-CA1", NOON))
    twilio.rings()
    expect(line).to_have_text("来电振铃")
    page.keyboard.press("F2")
    until(page, lambda: bool(page.evaluate(HEARD)))
    with page.expect_response("**/desk/twilio"):
        pass
    monkeypatch.setattr("console.pages.desk.LIFE", LIFE)
    expect(line).to_have_text("通话中")
    page.keyboard.press("F9")
    expect(line).to_have_text("话机已连接")
    assert len(set(twilio.tokens)) > 1

    # The SDK reconnects by itself.
    twilio.breaks_off()
    expect(line).to_contain_text("话机连接中断，正在自动重连")
    expect(line).to_have_text("话机已连接")
    page.evaluate(NO_MICROPHONE)
    twilio.rings()
    expect(line).to_have_text("来电振铃")
    page.keyboard.press("F2")
    expect(line).to_contain_text("麦克风不可用")
    # A token that Twilio doesn't take any more: the telephone begins anew with the next.
    twilio.refuses(TOKEN_OVER)
    expect(line).to_have_text("话机登录被拒，正在重试。")
    expect(line).to_have_text("话机已连接")
