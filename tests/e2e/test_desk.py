"""A counselor's desk in a real browser, on a real Asterisk: rung, answered by key, heard, lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from console import accounts
from console.accounts import Account
from console.roles import Role
from tests.console_world import KEPT
from tests.e2e.browsers import ALLOWED, desk, launch, sound_both_ways
from tests.e2e.line import GUANGZHOU, Deployment
from tests.e2e.short_flow import write_short_flows

pytestmark = pytest.mark.e2e

PSYCHOLOGY = (1.0, "2")
LIN, HUANG = "gz-lin", "gz-huang"
NUMBERS = {LIN: "8001", HUANG: "8003"}
LOST_WITHIN = timedelta(seconds=10)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("desk")
    deployment = Deployment(folder, flows_directory=write_short_flows(folder / "flows"))
    deployment.start()
    for who in NUMBERS:
        one = Account(who, who, Role.COUNSELOR, "440100")
        now = datetime.now(UTC)
        deployment.rooms.store.write(lambda c, one=one, now=now: accounts.add(c, one, KEPT, now))
    yield deployment
    deployment.stop()


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = launch(playwright, ALLOWED)
    yield browser
    browser.close()


def rings(page: Page) -> None:
    expect(page.locator("#line")).to_have_text("来电振铃")


def shows(page: Page, state: str) -> None:
    expect(page.locator("#now .state")).to_contain_text(state)


def kill(browser: Browser) -> None:
    """Without a word to anybody: neither its pages nor its telephone say goodbye."""
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    for process in processes:
        if process["type"] == "browser":
            os.kill(process["id"], signal.SIGKILL)


def test_a_desk_is_rung_answered_by_keyboard_and_heard(line: Deployment, browser: Browser) -> None:
    page = desk(line, browser, LIN)
    call = line.phones.start_call(GUANGZHOU, "13570000401", keys=[PSYCHOLOGY], talks=60.0)
    rings(page)
    now = page.locator("#now")
    expect(now).to_contain_text("广州")
    expect(now).to_contain_text("心理")
    expect(now).to_contain_text("可能的既往来电")
    page.keyboard.press("F2")
    shows(page, "通话中")
    assert [codec.lower() for codec in sound_both_ways(page)] == ["audio/opus"]
    page.keyboard.press("F9")
    shows(page, "话后整理")
    assert line.phones.result(call).ended_by == "line"
    order = line.order_of("+8613570000401")
    assert (order["outcome"], order["hung_up_by"]) == ("answered", "counselor")
    page.get_by_role("button", name="示闲").click()
    shows(page, "示闲")
    page.get_by_role("button", name="签出").click()
    shows(page, "未签入")
    page.close()


def test_a_browser_killed_in_a_call_costs_the_caller_nothing(
    line: Deployment, playwright: Playwright, browser: Browser
) -> None:
    doomed = launch(playwright, ALLOWED)
    page = desk(line, doomed, LIN)
    call = line.phones.start_call(GUANGZHOU, "13570000402", keys=[PSYCHOLOGY], talks=90.0)
    rings(page)
    page.keyboard.press("F2")
    shows(page, "通话中")
    sound_both_ways(page)
    other = desk(line, browser, HUANG)
    killed = datetime.now(UTC)
    kill(doomed)
    rings(other)
    other.keyboard.press("F2")
    shows(other, "通话中")
    sound_both_ways(other)
    other.keyboard.press("F9")
    assert line.phones.result(call).ended_by == "line"
    order = line.order_of("+8613570000402")
    assert (order["outcome"], order["hung_up_by"]) == ("answered", "counselor")
    assert order["first_responder"] == f"counselor:{LIN}"
    events = order["events"]
    kinds = [event["kind"] for event in events]
    lost = kinds.index("counselor_lost")
    assert datetime.fromisoformat(str(events[lost]["at"])) - killed < LOST_WITHIN
    # Before all others, and nothing is told or asked twice.
    assert kinds.count("offered") == 1
    assert kinds[lost + 1 :][:3] == ["queued", "offer_made", "answered"]
