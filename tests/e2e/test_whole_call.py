"""A call in browsers alone, from its first key to its end: the callers' page, and a counselor's
desk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from console import accounts
from console.accounts import Account
from console.roles import Role
from tests.console_world import KEPT
from tests.e2e.browsers import ALLOWED, desk, launch, sound_both_ways, window
from tests.e2e.line import Deployment
from workorders.views import View, order_view, orders_of

pytestmark = pytest.mark.e2e

GUANGZHOU = "440100"
LIN = "gz-lin"


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("l"))
    deployment.start()
    one = Account(LIN, LIN, Role.COUNSELOR, GUANGZHOU)
    deployment.rooms.store.write(lambda c: accounts.add(c, one, KEPT, datetime.now(UTC)))
    yield deployment
    deployment.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch(playwright, ALLOWED)
        yield browser
        browser.close()


def order_of(line: Deployment) -> View:
    keys = line.rooms.log.keys
    return line.store(lambda c: order_view(c, keys, orders_of(c, keys, limit=1)[0]["order_no"]))


def test_a_call_from_the_page_is_answered_at_a_desk(line: Deployment, chromium: Browser) -> None:
    lin = desk(line, chromium, LIN)
    caller = window(line, chromium).new_page()
    caller.goto("/call/")
    caller.get_by_label("你在哪里").select_option(GUANGZHOU)
    caller.get_by_role("button", name="开始通话").click()
    expect(caller.locator("#state[data-state=calling]")).to_be_visible()
    caller.keyboard.press("2")
    expect(lin.locator("#line")).to_have_text("来电振铃")
    expect(lin.locator("#now")).to_contain_text("心理")
    lin.keyboard.press("F2")
    expect(caller.locator("#state[data-state=talking]")).to_be_visible()
    sound_both_ways(caller, lin)
    expect(lin.locator("#order-form")).to_be_visible()
    lin.keyboard.press("F9")
    caller.keyboard.press("1")
    line.until(lambda: order_of(line)["t_end"] is not None)
    expect(caller.locator("#state[data-state=ended]")).to_be_visible()

    order = order_of(line)
    assert (order["channel"], order["outcome"], order["topic"]) == ("web", "answered", "psychology")
    assert (order["first_responder"], order["station_home"]) == (f"counselor:{LIN}", GUANGZHOU)
    assert line.log_verifies() == []
