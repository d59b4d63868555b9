"""The tests of test_desk_elsewhere.py, which runs them in namespaces."""

from __future__ import annotations

import base64
import hmac
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from console import accounts
from console.accounts import Account
from console.ice_servers import LIFE
from console.roles import Role
from ivr.asterisk.install import find
from ivr.asterisk.rotation import rotate
from tests.console_world import KEPT
from tests.e2e.browsers import ALLOWED, desk, launch, sound_both_ways
from tests.e2e.elsewhere import HERE, Elsewhere, plugged_in
from tests.e2e.line import GUANGZHOU, Deployment
from tests.e2e.short_flow import write_short_flows
from tests.e2e.sipp import Phone
from tests.e2e.test_console import CHROMIUM

LIN = "gz-lin"
TURN, SECRET = f"turn:{HERE}:3478", "shared with the TURN server"
CUT_SECONDS = float(os.environ.get("CUT_SECONDS", "0"))
PSYCHOLOGY = (1.0, "2")


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    with plugged_in() as there:
        yield there


@pytest.fixture
def line(
    elsewhere: Elsewhere, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("d")
    # Secrets are no argument of the line's processes.
    monkeypatch.setenv("IVR_TURN_SECRET", SECRET)
    deployment = Deployment(
        folder,
        flows_directory=write_short_flows(folder / "flows"),
        bind_address=HERE,
        console_address=HERE,
        ice_server_urls=TURN,
    )
    deployment.start()
    one = Account(LIN, LIN, Role.COUNSELOR, "440100")
    deployment.rooms.store.write(lambda c: accounts.add(c, one, KEPT, datetime.now(UTC)))
    yield deployment
    deployment.stop()


@pytest.fixture
def browser(elsewhere: Elsewhere, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = elsewhere.program(CHROMIUM, tmp_path_factory.mktemp("b"))
    with sync_playwright() as playwright:
        browser = launch(playwright, ALLOWED, program=program)
        yield browser
        browser.close()


@contextmanager
def lasting(seconds: float, page: Page) -> Iterator[None]:
    """What is done takes so long at least."""
    began = time.monotonic()
    yield
    page.wait_for_timeout(max(0.0, seconds - (time.monotonic() - began)) * 1000)


def hear_each_other(page: Page, call: Phone) -> None:
    heard = call.heard
    sound_both_ways(page)
    assert call.heard > heard


def test_a_desk_on_another_machine_whose_network_is_cut_in_a_call(
    line: Deployment, browser: Browser, elsewhere: Elsewhere
) -> None:
    """For five seconds: the two talk on. For longer than Asterisk waits for sound (`rtp_timeout`,
    8 s): from then on nothing else happens to caller or order, however long it lasts, so a minute
    isn't waited for, unless CUT_SECONDS says so."""
    page = desk(line, browser, LIN)
    now, said, network = (page.locator(f"#{name}") for name in ("now", "line", "network"))
    call = line.phones.start_call(GUANGZHOU, "13570000401", keys=[PSYCHOLOGY])
    expect(said).to_have_text("来电振铃")
    page.keyboard.press("F2")
    expect(said).to_have_text("通话中")
    expect(page.locator("#order-form")).to_be_visible()
    hear_each_other(page, call)
    [turn] = page.evaluate("connections.at(-1).getConfiguration().iceServers")
    ends, _, who = turn["username"].partition(":")
    assert (turn["urls"], who) == ([TURN], LIN)
    assert 0 < int(ends) - time.time() <= LIFE.total_seconds()
    made = hmac.digest(SECRET.encode(), turn["username"].encode(), "sha1")
    assert turn["credential"] == base64.b64encode(made).decode()

    # Its telephone's password is replaced meanwhile.
    installation = find(line.settings.asterisk_directory)
    assert installation is not None
    rotate(line.rooms.assembly, installation, line.settings.asterisk_conf, callers=False)

    elsewhere.go_silent()
    with lasting(5.0, page):
        expect(said).to_contain_text("网络中断")
    elsewhere.speak_again()
    hear_each_other(page, call)
    expect(said).to_have_text("通话中")
    expect(network).to_contain_text("已恢复")

    elsewhere.unplug()
    with lasting(CUT_SECONDS, page), line.desk("8003", talks=1.0) as other:
        page.locator("#f-summary").fill("断网时写的")
        expect(said).to_contain_text("网络中断")
        expect(page.locator("#draft-answer")).to_contain_text("还没有存到服务器")
        other.wait_for("answered")
    elsewhere.plug()
    expect(now).to_contain_text("由其他咨询员接听")
    expect(said).to_have_text("话机已连接")
    expect(page.locator("#draft-state")).to_contain_text("草稿已保存")
    order = line.order_of("+8613570000401")
    assert (order["outcome"], order["first_responder"]) == ("answered", f"counselor:{LIN}")
    assert [event["kind"] for event in order["events"]] == [
        "offered", "queued", "topic_chosen", "offer_made", "answered",
        "counselor_lost", "queued", "offer_made", "answered", "ended",
    ]  # fmt: skip

    page.get_by_role("button", name="示闲").click()
    expect(now.locator(".state")).to_contain_text("示闲")
    again = line.phones.start_call(GUANGZHOU, "13570000402", keys=[PSYCHOLOGY])
    expect(said).to_have_text("来电振铃")
    page.keyboard.press("F2")
    hear_each_other(page, again)
    page.keyboard.press("F9")
    expect(now.locator(".state")).to_contain_text("话后整理")
    assert line.log_verifies() == []
