"""A counselor's desk in a real browser, on a real Asterisk: rung, answered by key, heard, lost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from console import accounts
from console.accounts import Account
from console.roles import Role
from tests.console_world import KEPT
from tests.e2e.line import GUANGZHOU, Deployment
from tests.e2e.short_flow import write_short_flows
from tests.e2e.test_console import CHROMIUM, LONGEST, log_in

pytestmark = pytest.mark.e2e

LAW, PSYCHOLOGY = (1.0, "1"), (1.0, "2")
LIN, HUANG = ("gz-lin", "8001"), ("gz-huang", "8003")
SOUND = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
CONNECTIONS = """
const Kept = window.RTCPeerConnection;
window.connections = [];
window.RTCPeerConnection = class extends Kept {
  constructor(...given) { super(...given); window.connections.push(this); }
};
"""
PACKETS = """async () => {
  const seen = { sent: 0, received: 0, codec: "" };
  for (const connection of window.connections) {
    const stats = await connection.getStats();
    for (const one of stats.values()) {
      if (one.type === "inbound-rtp") seen.received += one.packetsReceived;
      if (one.type !== "outbound-rtp") continue;
      seen.sent += one.packetsSent;
      seen.codec = stats.get(one.codecId)?.mimeType ?? "";
    }
  }
  return seen;
}"""

FLOWS = "return all.sent > 50 && all.received > 50;"


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("desk")
    deployment = Deployment(folder, flows_directory=write_short_flows(folder / "flows"))
    deployment.start()
    for who, _ in (LIN, HUANG):
        one = Account(who, who, Role.COUNSELOR, "440100")
        now = datetime.now(UTC)
        deployment.rooms.store.write(lambda c, one=one, now=now: accounts.add(c, one, KEPT, now))
    yield deployment
    deployment.stop()


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        expect.set_options(timeout=LONGEST)
        yield running


def chromium(playwright: Playwright) -> Browser:
    as_root = ["--no-sandbox"] if os.getuid() == 0 else []
    return playwright.chromium.launch(executable_path=CHROMIUM, args=[*as_root, *SOUND])


@pytest.fixture
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = chromium(playwright)
    yield browser
    browser.close()


def desk(line: Deployment, browser: Browser, who: tuple[str, str]) -> Page:
    """Logged in, and so on duty."""
    context = browser.new_context(
        base_url=f"https://localhost:{line.settings.console_port}",
        ignore_https_errors=True,
        locale="zh-CN",
    )
    context.set_default_timeout(LONGEST)
    context.add_init_script(CONNECTIONS)
    page = context.new_page()
    page.on("console", lambda message: print(message.text))
    log_in(page, who[0])
    expect(page.get_by_role("heading", level=1)).to_have_text("工作台")
    expect(page.locator("#now .state")).to_contain_text("示闲")
    expect(page.locator("#line")).to_have_text("话机已连接")
    return page


def flow_of(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(PACKETS)
    return found


def test_a_desk_is_rung_answered_by_keyboard_and_heard(line: Deployment, browser: Browser) -> None:
    page = desk(line, browser, LIN)
    call = line.phones.start_call(GUANGZHOU, "13570000401", keys=[PSYCHOLOGY], talks=60.0)
    expect(page.locator("#line")).to_have_text("来电振铃")
    now = page.locator("#now")
    expect(now).to_contain_text("广州")
    expect(now).to_contain_text("心理")
    expect(now).to_contain_text("可能的既往来电")
    page.keyboard.press("F2")
    expect(now.locator(".state")).to_contain_text("通话中")
    page.wait_for_function(f"async () => {{ const all = await ({PACKETS})(); {FLOWS} }}")
    assert flow_of(page)["codec"].lower() == "audio/opus"
    page.keyboard.press("F9")
    expect(now.locator(".state")).to_contain_text("话后整理")
    assert line.phones.result(call).ended_by == "line"
    order = line.order_of("+8613570000401")
    assert (order["outcome"], order["hung_up_by"]) == ("answered", "counselor")
    page.get_by_role("button", name="示闲").click()
    expect(now.locator(".state")).to_contain_text("示闲")
    page.get_by_role("button", name="签出").click()
    expect(now.locator(".state")).to_contain_text("未签入")
