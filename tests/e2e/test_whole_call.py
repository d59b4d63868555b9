"""A call in browsers alone, from its first key to its last: the callers' page, the desk that it
rings, the order written there by keyboard, and the desk it is passed on to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from console import accounts
from console.accounts import Account
from console.roles import Role
from tests.console_world import KEPT
from tests.e2e.browsers import ALLOWED, desk, launch, sound_both_ways, window
from tests.e2e.line import Deployment
from tests.e2e.short_flow import write_short_flows, write_stations
from tests.e2e.test_console import press_access_key
from workorders import closing
from workorders.life import Case
from workorders.views import View, order_view, orders_of

pytestmark = pytest.mark.e2e

GUANGZHOU = "440100"
LIN, HUANG = "gz-lin", "gz-huang"
SUMMARY = "怕考试，睡不着，一起定了复习的办法"
RINGS_WITHIN = timedelta(seconds=1)
KEY_TO_RING = """() => {
  const line = document.getElementById("line");
  new MutationObserver(() => {
    if (line.textContent === "来电振铃") window.rang ??= Date.now();
  }).observe(line, { childList: true });
}"""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    configuration = tmp_path_factory.mktemp("configuration")
    deployment = Deployment(
        tmp_path_factory.mktemp("l"),
        flows_directory=write_short_flows(configuration / "flows", survey=True),
        stations_directory=write_stations(configuration / "stations", survey_after_seconds=1),
    )
    deployment.start()
    now = datetime.now(UTC)
    for who in (LIN, HUANG):
        one = Account(who, who, Role.COUNSELOR, GUANGZHOU)
        deployment.rooms.store.write(lambda c, one=one: accounts.add(c, one, KEPT, now))
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


def write_order(page: Page) -> None:
    """By keyboard alone."""
    keys = page.keyboard
    expect(page.locator("#order-form")).to_be_visible()
    press_access_key(page, "c")
    keys.type("本")
    keys.press("ArrowDown")
    expect(page.get_by_label("来电人身份")).to_have_value("本人")
    for _ in ("年龄", "性别"):
        keys.press("Tab")
        keys.press("ArrowDown")
    press_access_key(page, "a")
    keys.type("学业")
    keys.press("Enter")
    expect(page.get_by_label("主案由")).to_have_value("P3")
    press_access_key(page, "r")
    keys.type("R1")
    expect(page.get_by_label("等级")).to_have_value("R1")
    press_access_key(page, "z")
    keys.type(SUMMARY)
    press_access_key(page, "x")
    keys.press("ArrowDown")
    expect(page.get_by_label("这次怎样处置")).to_have_value("直接答复")
    keys.press("Control+Enter")
    expect(page.locator("#draft-state")).to_contain_text("已保存")


def test_a_call_in_browsers_alone(line: Deployment, chromium: Browser) -> None:
    lin = desk(line, chromium, LIN)
    huang = desk(line, chromium, HUANG)
    caller = window(line, chromium).new_page()
    caller.goto("/call/")
    caller.get_by_label("你在哪里").select_option(GUANGZHOU)
    caller.get_by_role("button", name="开始通话").click()
    expect(caller.locator("#state[data-state=calling]")).to_be_visible()
    lin.evaluate(KEY_TO_RING)
    caller.evaluate("addEventListener('keydown', () => { window.pressed ??= Date.now(); }, true)")
    caller.keyboard.press("2")

    expect(lin.locator("#line")).to_have_text("来电振铃")
    print("from the key to the ring:", lin.evaluate("rang") - caller.evaluate("pressed"), "ms")
    expect(lin.locator("#now")).to_contain_text("心理")
    lin.keyboard.press("F2")
    expect(caller.locator("#state[data-state=talking]")).to_be_visible()
    sound_both_ways(caller, lin)
    write_order(lin)

    # Colleagues of one's own station come first.
    lin.get_by_label("转给谁").focus()
    lin.keyboard.press("ArrowDown")
    expect(lin.get_by_label("转给谁")).to_have_value(f"counselor:{HUANG}")
    lin.keyboard.press("Tab")
    expect(lin.get_by_role("button", name="直接转接")).to_be_focused()
    lin.keyboard.press("Enter")
    expect(huang.locator("#line")).to_have_text("来电振铃")
    expect(lin.locator("#now .state")).to_contain_text("话后整理")
    huang.keyboard.press("F2")
    expect(huang.get_by_label("来电人说了什么")).to_have_value(SUMMARY)
    sound_both_ways(caller, huang)
    huang.keyboard.press("F9")

    line.until(lambda: "survey_asked" in kinds(order_of(line)))
    caller.keyboard.press("1")
    line.until(lambda: order_of(line)["t_end"] is not None)
    expect(caller.locator("#state[data-state=ended]")).to_be_visible()

    order = order_of(line)
    assert (order["channel"], order["topic"], order["station_home"]) == (
        "web", "psychology", GUANGZHOU,
    )  # fmt: skip
    assert (order["outcome"], order["hung_up_by"], order["satisfaction"]) == (
        "answered", "counselor", 1,
    )  # fmt: skip
    assert order["first_responder"] == f"counselor:{LIN}"
    assert (order["caller_role"], order["cause_main"], order["risk"]) == ("本人", "P3", "R1")
    assert order["outcomes"] == ["直接答复"]
    happened = kinds(order)
    assert happened.count("offered") == happened.count("topic_chosen") == 1
    passed_on = happened.index("passed_on")
    assert happened[passed_on:][:4] == ["passed_on", "queued", "offer_made", "answered"]
    queued, rang = (datetime.fromisoformat(order[name]) for name in ("t_queue", "t_ring"))
    assert rang - queued < RINGS_WITHIN
    # Nothing is missing: it can be closed.
    now, log = datetime.now(UTC), line.rooms.log
    assert (
        line.store(
            lambda c: closing.missing(Case(c, log, order["order_no"], now, LIN, to_read=True))
        )
        == []
    )
    assert line.log_verifies() == []


def kinds(order: View) -> list[str]:
    return [event["kind"] for event in order["events"]]
