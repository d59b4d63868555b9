"""A counselor's desk in a real browser, on a real Asterisk: rung, answered by key, heard, lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from console import accounts, sessions
from console.accounts import Account
from console.roles import Role
from tests.console_world import KEPT
from tests.e2e.browsers import ALLOWED, desk, launch, sound, sound_both_ways, until
from tests.e2e.hearing import listening
from tests.e2e.line import GUANGZHOU, Deployment
from tests.e2e.short_flow import write_short_flows
from tests.e2e.test_console import log_in_here

pytestmark = pytest.mark.e2e

PSYCHOLOGY = (1.0, "2")
LIN, HUANG = "gz-lin", "gz-huang"
NUMBERS = {LIN: "8001", HUANG: "8003"}
LOUD = 1000
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
def chromium(playwright: Playwright) -> Iterator[Browser]:
    browser = launch(playwright, ALLOWED)
    yield browser
    browser.close()


@pytest.fixture
def browser(line: Deployment, chromium: Browser) -> Iterator[Browser]:
    """Everybody is gone afterwards, whatever came of it."""
    yield chromium
    for context in chromium.contexts:
        context.close()
    line.nobody_logged_in()


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


def test_a_desk_is_tried_rung_answered_by_keyboard_and_heard(
    line: Deployment, browser: Browser
) -> None:
    page = desk(line, browser, LIN)
    said = page.locator("#line")
    page.get_by_text("耳机和麦克风").click()
    until(page, lambda: float(page.get_by_label("麦克风音量").evaluate("it => it.value")) > 0)
    microphone = page.get_by_label("麦克风", exact=True)
    microphone.select_option(index=1)
    chosen = microphone.locator("option:checked").inner_text()
    page.get_by_role("button", name="测试通话").click()
    expect(said).to_contain_text("您会听到自己的声音")
    until(page, lambda: sound(page)["heard"] > 0)
    page.keyboard.press("F9")
    expect(said).to_have_text("话机已连接")

    call = line.phones.start_call(GUANGZHOU, "13570000401", keys=[PSYCHOLOGY])
    rings(page)
    for told in ("广州", "心理", "可能的既往来电"):
        expect(page.locator("#now")).to_contain_text(told)
    with listening(call.address, call.media_port) as ear:

        def heard() -> None:
            since = len(ear.samples)
            until(page, lambda: max(map(abs, ear.samples[since:]), default=0) > LOUD)

        def silence() -> None:
            since = len(ear.samples)
            until(page, lambda: ear.silent(since))

        page.keyboard.press("F2")
        shows(page, "通话中")
        sound_both_ways(page)
        assert sound(page)["microphone"] == chosen
        assert sound(page)["codec"].lower() == "audio/opus"
        heard()
        page.keyboard.press("F4")
        expect(said).to_have_text("已静音")
        expect(page.locator("#mute")).to_have_attribute("aria-pressed", "true")
        silence()
        page.keyboard.press("F8")
        expect(said).to_have_text("已保持，来电人听到音乐")
        heard()
        page.keyboard.press("F8")
        expect(said).to_have_text("已静音")
        silence()
        page.keyboard.press("F4")
        expect(said).to_have_text("通话中")
        heard()
        page.get_by_text("按键", exact=True).click()
        page.locator("#keypad").get_by_text("5").click()
        until(page, lambda: ear.keys == ["5"])
    page.keyboard.press("F9")
    shows(page, "话后整理")
    assert line.phones.result(call).ended_by == "line"
    order = line.order_of("+8613570000401")
    assert (order["outcome"], order["hung_up_by"]) == ("answered", "counselor")
    page.get_by_role("button", name="示闲").click()
    shows(page, "示闲")

    # Who hangs up while it rings has declined, and is asked again soon.
    call = line.phones.start_call(GUANGZHOU, "13570000404", keys=[PSYCHOLOGY], talks=5.0)
    rings(page)
    page.keyboard.press("F9")
    shows(page, "示忙")
    assert line.phones.result(call).ended_by == "caller"
    order = line.order_of("+8613570000404")
    assert [offer["result"] for offer in order["offers"] if "result" in offer] == ["declined"]
    page.get_by_role("button", name="签出").click()
    shows(page, "未签入")


def test_two_tabs_a_double_answer_the_way_back_and_a_log_in_that_is_over(
    line: Deployment, browser: Browser
) -> None:
    page = desk(line, browser, LIN)
    tab = page.context.new_page()
    tab.goto("/desk/")
    expect(tab.get_by_text("工作台已在别处打开")).to_be_visible()
    call = line.phones.start_call(GUANGZHOU, "13570000405", keys=[PSYCHOLOGY])
    rings(page)
    expect(tab.get_by_text("那里正在通话")).to_be_visible()
    expect(tab.get_by_role("button", name="在这里使用")).to_be_disabled()
    page.route("**/form", lambda route: route.abort(), times=1)
    tab.keyboard.press("F2")
    page.keyboard.press("F2")
    page.keyboard.press("F2")
    shows(page, "通话中")
    expect(page.locator("#order")).to_contain_text("正在自动重连")
    sound_both_ways(page)

    page.once("dialog", lambda dialog: dialog.dismiss())
    with page.expect_event("dialog") as asked:
        page.evaluate("history.back()")
    assert asked.value.type == "beforeunload"
    sound_both_ways(page)

    summary = page.get_by_label("来电人说了什么")
    summary.fill("爸爸妈妈吵架")
    expect(page.get_by_text("草稿已保存")).to_be_visible()
    line.rooms.store.write(lambda c: sessions.end_all(c, LIN))
    summary.fill("爸爸妈妈吵架，不想回家")
    expect(page.locator("#draft-answer")).to_contain_text("请在新窗口登录")
    expect(page.locator("#expired")).to_contain_text("请在新窗口登录")
    sound_both_ways(page)
    with page.context.expect_page() as opened:
        page.locator("#expired").get_by_role("link", name="在新窗口登录").click()
    log_in_here(opened.value, LIN)
    opened.value.close()
    expect(page.locator("#expired")).to_be_hidden()
    expect(tab.locator("#expired")).to_be_hidden()
    expect(tab.get_by_text("工作台已在别处打开")).to_be_visible()
    sound_both_ways(page)
    expect(summary).to_have_value("爸爸妈妈吵架，不想回家")
    summary.press("End")
    page.keyboard.type("。")
    expect(page.get_by_text("草稿已保存")).to_be_visible()
    page.keyboard.press("F9")
    shows(page, "话后整理")
    assert line.phones.result(call).ended_by == "line"
    kinds = line.kinds("+8613570000405")
    assert kinds.count("answered") == 1
    assert "counselor_lost" not in kinds

    # The other tab may be the desk now, with all that was typed.
    tab.reload()
    expect(tab.get_by_label("来电人说了什么")).to_have_value("爸爸妈妈吵架，不想回家。")
    tab.get_by_role("button", name="在这里使用").click()
    expect(tab.locator("#line")).to_have_text("话机已连接")
    expect(page.get_by_text("工作台已在别处打开")).to_be_visible()


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
