"""Browsers that call and are called, with microphones of their own, and the sound between them."""

from __future__ import annotations

import os
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

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
MORE_SOUND = """async ([more, patience]) => {
  const counted = async () => {
    const found = { received: 0, sent: 0, codec: "" };
    for (const connection of window.connections) {
      if (connection.connectionState === "closed") continue;
      const stats = await connection.getStats();
      for (const one of stats.values()) {
        if (one.type === "inbound-rtp") found.received += one.packetsReceived;
        if (one.type !== "outbound-rtp") continue;
        found.sent += one.packetsSent;
        found.codec = stats.get(one.codecId)?.mimeType ?? "";
      }
    }
    return found;
  };
  const before = await counted();
  const latest = performance.now() + patience;
  for (;;) {
    const now = await counted();
    if (now.received >= before.received + more && now.sent >= before.sent + more) return now.codec;
    if (performance.now() > latest) throw new Error(`no sound: ${JSON.stringify([before, now])}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}"""


def launch(playwright: Playwright, *more: str) -> Browser:
    # Its sandbox refuses to be root's.
    as_root = ["--no-sandbox"] if os.getuid() == 0 else []
    expect.set_options(timeout=LONGEST)
    return playwright.chromium.launch(executable_path=CHROMIUM, args=[*as_root, MICROPHONE, *more])


def window(line: Deployment, browser: Browser, **how: Any) -> BrowserContext:
    """A window of somebody who isn't logged in."""
    context = browser.new_context(
        base_url=f"https://localhost:{line.settings.console_port}",
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


def sound_both_ways(*pages: Page) -> list[str]:
    """Wait until each page has sent and received more; how the sound of each is coded.

    A loop in the page: Playwright's `wait_for_function` takes an async function's promise itself
    for the truth.
    """
    return [str(page.evaluate(MORE_SOUND, [PACKETS, LONGEST])) for page in pages]
