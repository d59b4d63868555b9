"""Browsers that call and are called, with microphones of their own, and the sound between them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from config.settings import LOOPBACK
from tests.e2e.line import Deployment
from tests.e2e.test_console import CHROMIUM, LONGEST, log_in

MICROPHONE = "--use-fake-device-for-media-stream"
ALLOWED = "--use-fake-ui-for-media-stream"
"""Pages may use it unasked."""
PACKETS = 25
"""Half a second of sound."""

KEEP_CONNECTIONS = """
window.connections = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...given) { super(...given); window.connections.push(this); }
};
"""
SOUND = """async () => {
  const found = { received: 0, sent: 0, heard: 0, codec: "", microphone: "" };
  for (const connection of window.connections) {
    if (connection.connectionState === "closed") continue;
    found.microphone = connection.getSenders()[0]?.track?.label;
    const stats = await connection.getStats();
    for (const one of stats.values()) {
      if (one.type === "inbound-rtp") {
        found.received += one.packetsReceived;
        found.heard += one.totalAudioEnergy;
      }
      if (one.type !== "outbound-rtp") continue;
      found.sent += one.packetsSent;
      found.codec = stats.get(one.codecId)?.mimeType ?? "";
    }
  }
  return found;
}"""
"""Of the calls that go on: packets, the loudness of what is heard, and what with."""
LOOKED_EVERY = 50
"""Milliseconds."""


def launch(playwright: Playwright, *more: str, program: str = CHROMIUM) -> Browser:
    # Its sandbox refuses to be root's.
    as_root = ["--no-sandbox"] if os.getuid() == 0 else []
    expect.set_options(timeout=LONGEST)
    return playwright.chromium.launch(executable_path=program, args=[*as_root, MICROPHONE, *more])


def window(line: Deployment, browser: Browser, **how: Any) -> BrowserContext:
    """A window of somebody who isn't logged in."""
    settings = line.settings
    host = "localhost" if settings.console_address == LOOPBACK else settings.console_address
    context = browser.new_context(
        base_url=f"https://{host}:{settings.console_port}",
        ignore_https_errors=True,
        locale="zh-CN",
        **how,
    )
    context.set_default_timeout(LONGEST)
    context.add_init_script(KEEP_CONNECTIONS)
    return context


def desk(line: Deployment, browser: Browser, who: str) -> Page:
    """A window of the counselor `who`, logged in and so on duty."""
    page = window(line, browser).new_page()
    log_in(page, who)
    expect(page.locator("#now .state")).to_contain_text("示闲")
    expect(page.locator("#line")).to_have_text("话机已连接")
    return page


def until(page: Page, condition: Callable[[], bool]) -> None:
    """Playwright's own `wait_for_function` takes an async function's promise for the truth."""
    for _ in range(LONGEST // LOOKED_EVERY):
        if condition():
            return
        page.wait_for_timeout(LOOKED_EVERY)
    raise AssertionError(f"not within {LONGEST} ms: {sound(page)}")


def sound(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(SOUND)
    return found


def sound_both_ways(*pages: Page) -> None:
    """Wait until each page has sent and received more."""
    for page in pages:
        before = sound(page)

        def more(page: Page = page, before: dict[str, Any] = before) -> bool:
            now = sound(page)
            return all(now[way] >= before[way] + PACKETS for way in ("sent", "received"))

        until(page, more)
