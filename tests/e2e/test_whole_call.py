"""A call in browsers alone, from its first key to its end: the callers' page, and a counselor's
desk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from console import accounts
from console.accounts import Account
from console.roles import Role
from tests.console_world import KEPT
from tests.e2e.line import Deployment
from tests.e2e.test_caller_page import KEEP_CONNECTIONS, SOUND
from tests.e2e.test_console import CHROMIUM, LONGEST, log_in
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
        # Its sandbox refuses to be root's.
        as_root = ["--no-sandbox"] if os.getuid() == 0 else []
        expect.set_options(timeout=LONGEST)
        fake = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*as_root, *fake])
        yield browser
        browser.close()


def window(line: Deployment, chromium: Browser) -> BrowserContext:
    context = chromium.new_context(
        base_url=f"https://localhost:{line.settings.console_port}",
        ignore_https_errors=True,
        locale="zh-CN",
    )
    context.set_default_timeout(LONGEST)
    context.add_init_script(KEEP_CONNECTIONS)
    return context


def desk(line: Deployment, chromium: Browser) -> Page:
    """Logged in, and so on duty."""
    page = window(line, chromium).new_page()
    log_in(page, LIN)
    expect(page.locator("#now .state")).to_contain_text("示闲")
    expect(page.locator("#line")).to_have_text("话机已连接")
    return page


def sound_both_ways(*pages: Page) -> None:
    for page in pages:
        before: dict[str, int] = page.evaluate(SOUND)
        page.wait_for_function(
            f"async () => {{ const now = await ({SOUND})();"
            f" return now.in > {before['in'] + 25} && now.out > {before['out'] + 25}; }}"
        )


def order_of(line: Deployment) -> View:
    keys = line.rooms.log.keys
    return line.store(lambda c: order_view(c, keys, orders_of(c, keys, limit=1)[0]["order_no"]))


def test_a_call_from_the_page_is_answered_at_a_desk(line: Deployment, chromium: Browser) -> None:
    lin = desk(line, chromium)
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
