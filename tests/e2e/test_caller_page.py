"""The callers' page in a real browser with a microphone of its own, on a real Asterisk: a call and
what is written meanwhile, what is said where there can be no call, the page within another's, and
how to be gone at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from console.websockets import CALLERS
from ivr.asterisk.page_callers import PACKETS, SILENT_FOR, PageCallers
from ivr.page_visits import AWAY_AFTER
from tests.e2e.browsers import launch, sound_both_ways, window
from tests.e2e.desk_asks import manager_of
from tests.e2e.line import Deployment
from tests.e2e.short_flow import write_short_flows
from tests.e2e.sip_client import Telephone
from tests.e2e.test_console import (
    AXE,
    NARROW,
    WIDE,
    _found_by_axe,
    _picture,
)
from workorders.views import View, order_view, orders_of

pytestmark = pytest.mark.e2e

SCHOOL = "https://school.example.cn"
ELSEWHERE = "https://weather.example.cn/"
GUANGZHOU = "440100"


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("l")
    deployment = Deployment(
        folder,
        flows_directory=write_short_flows(folder / "flows"),
        caller_page_origins=SCHOOL,
        caller_page_leave_to=ELSEWHERE,
    )
    deployment.start()
    yield deployment
    deployment.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Its pages elsewhere are ours on loopback, which a public page may not reach unasked.
        browser = launch(playwright, "--disable-features=LocalNetworkAccessChecks")
        yield browser
        browser.close()


@pytest.fixture
def context(line: Deployment, chromium: Browser) -> Iterator[BrowserContext]:
    narrow = {"width": NARROW, "height": 800}
    context = window(line, chromium, viewport=narrow, permissions=["microphone"])
    yield context
    context.close()


def address(line: Deployment) -> str:
    return f"https://localhost:{line.settings.console_port}"


def newest(line: Deployment) -> View:
    keys = line.rooms.log.keys
    return line.store(lambda c: order_view(c, keys, orders_of(c, keys, limit=1)[0]["order_no"]))


def state(page: Page, name: str) -> None:
    """Wait until the page says so."""
    expect(page.locator(f"#state[data-state={name}]")).to_be_visible()


def test_a_call_from_the_browser_by_keyboard_and_a_message_meanwhile(
    line: Deployment, context: BrowserContext
) -> None:
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto("/call/")
    page.get_by_label("你在哪里").select_option(GUANGZHOU)
    with line.desk("8001") as desk:
        page.get_by_role("button", name="开始通话").focus()
        page.keyboard.press("Enter")
        state(page, "calling")
        page.keyboard.press("2")
        desk.wait_for("answered", seconds=60.0)
        state(page, "talking")
        sound_both_ways(page)
        line.until(lambda: desk.heard > 0)
        expect(page.locator("#level")).to_have_text("麦克风：有声音")

        page.get_by_label("想说的话").fill("还想写一点 2")
        page.get_by_role("button", name="发送留言").click()
        expect(page.get_by_text("收到你的留言了")).to_be_visible()
        message = newest(line)
        assert (message["channel"], message["station_home"]) == ("web", GUANGZHOU)

        # Another window in front takes nothing from the call.
        context.new_page().bring_to_front()
        sound_both_ways(page)
        page.bring_to_front()
        page.get_by_role("button", name="静音").click()
        expect(page.locator("#level")).to_have_text("麦克风：已静音")
        page.get_by_role("button", name="挂断").click()
        state(page, "ended")
        expect(page.get_by_role("button", name="开始通话")).to_be_focused()

    def over() -> bool:
        return _call(line)["t_end"] is not None

    line.until(over)
    order = _call(line)
    assert (order["outcome"], order["hung_up_by"]) == ("answered", "caller")
    assert (order["topic"], order["station_home"]) == ("psychology", GUANGZHOU)
    assert (order["region_stated"], order["caller"]) == (GUANGZHOU, None)
    assert line.log_verifies() == []
    assert complaints == []


def _call(line: Deployment) -> View:
    """The newest order of a call."""
    keys = line.rooms.log.keys
    every = line.store(lambda c: orders_of(c, keys, limit=20))
    return next(one for one in every if one["flow_version"] is not None)


def test_star_is_danger_here_too_and_who_must_leave_at_once_has_left(
    line: Deployment, context: BrowserContext
) -> None:
    context.route(ELSEWHERE, lambda route: route.fulfill(content_type="text/html", body="晴"))
    page = context.new_page()
    page.goto("/call/")
    page.get_by_label("你在哪里").select_option(GUANGZHOU)
    with line.desk("8001") as desk:
        page.get_by_role("button", name="开始通话").click()
        state(page, "calling")
        page.get_by_role("button", name="紧急").click()
        desk.wait_for("answered", seconds=60.0)
        assert _call(line)["priority"] == 4
        state(page, "talking")
        page.get_by_role("link", name="快速离开").click()
        page.wait_for_url(ELSEWHERE)
        line.until(lambda: _call(line)["t_end"] is not None)
        assert _call(line)["hung_up_by"] == "caller"
        page.go_back()
        expect(page.get_by_text("联系12355")).to_have_count(0)


def test_a_browser_that_died_is_found_gone_and_one_that_is_silent_is_not(
    line: Deployment, context: BrowserContext
) -> None:
    """The engine's own look, at a time when the WebSocket hasn't been seen for long."""
    page = context.new_page()
    page.goto("/call/")
    page.get_by_label("你在哪里").select_option(GUANGZHOU)
    with line.desk("8001") as desk, manager_of(line) as ami:
        page.get_by_role("button", name="开始通话").click()
        state(page, "calling")
        page.get_by_role("button", name="2").click()
        desk.wait_for("answered", seconds=60.0)
        page.get_by_role("button", name="静音").click()
        later = [datetime.now(UTC) + AWAY_AFTER]
        node = line.settings.asterisk_name
        callers = PageCallers(line.rooms.store, ami, node, lambda: later[0])

        def found_gone() -> bool:
            """Between two looks, no matter how soon in truth, not one packet came."""
            later[0] += SILENT_FOR
            callers.look()
            return _call(line)["t_end"] is not None

        def of_page(name: str) -> bool:
            return name.startswith("PJSIP/caller-page")

        [channel] = [one.name for one in ami.channels().values() if of_page(one.name)]
        came = int(ami.variable(channel, PACKETS))
        line.until(lambda: int(ami.variable(channel, PACKETS)) > came + 50)
        with suppress(PlaywrightError):
            page.goto("chrome://crash")
        line.until(found_gone)
        line.until(lambda: not any(of_page(one.name) for one in ami.channels().values()))
    assert _call(line)["outcome"] == "answered"


def test_without_a_visit_there_is_no_call_and_nothing_else_can_be_dialled(line: Deployment) -> None:
    place = (line.settings.bind_address, line.settings.sip_ws_port)
    orders = line.orders()
    for number, answer in (("12355", 403), ("13800138000", 404), ("8001", 404), ("*50", 404)):
        with Telephone("caller-page", "", place, "ws", CALLERS) as phone:
            assert phone.dial(number) == answer, number
            assert phone.register() >= 400
    assert line.orders() == orders


def test_a_refused_microphone_is_said_with_what_else_there_is(
    line: Deployment, context: BrowserContext
) -> None:
    context.clear_permissions()
    page = context.new_page()
    page.goto("/call/")
    page.get_by_role("button", name="开始通话").click()
    state(page, "refused")
    expect(page.get_by_role("link", name="用电话拨打12355")).to_have_attribute("href", "tel:12355")
    page.get_by_role("link", name="请我们回电").click()
    page.get_by_label("电话号码").last.fill("138 0013 8000")
    page.get_by_label("我同意12355拨打这个号码").check()
    page.get_by_role("button", name="请求回电").click()
    expect(page.get_by_text("老师会给你打电话")).to_be_focused()
    assert newest(line)["caller"] == "138****8000"


def test_too_many_calls_are_said_and_so_is_a_network_that_is_gone(context: BrowserContext) -> None:
    page = context.new_page()
    page.goto("/call/")
    page.route("**/call/visits", lambda route: route.fulfill(status=429, json={}))
    page.get_by_role("button", name="开始通话").click()
    state(page, "limited")
    expect(page.get_by_role("link", name="用电话拨打12355")).to_be_visible()
    page.route("**/call/message", lambda route: route.abort())
    page.get_by_label("想说的话").fill("没有网络")
    page.get_by_role("button", name="发送留言").click()
    expect(page.get_by_role("alert")).to_contain_text("没有发送出去")
    expect(page.get_by_label("想说的话")).to_have_value("没有网络")


def test_one_script_tag_puts_it_on_a_page_that_the_settings_name_and_on_no_other(
    line: Deployment, context: BrowserContext
) -> None:
    tag = f'<script src="{address(line)}/static/embed.js" async></script>'
    school = f"<!doctype html><title>学校</title><p>同学们好</p>{tag}"

    def serve(route: Any) -> None:
        route.fulfill(content_type="text/html; charset=utf-8", body=school)

    for origin in (SCHOOL, "https://other.example.cn"):
        context.route(f"{origin}/", serve)
    context.route(ELSEWHERE, lambda route: route.fulfill(content_type="text/html", body="晴"))
    page = context.new_page()
    page.goto(f"{SCHOOL}/")
    page.get_by_role("button", name="联系12355青少年服务台").click()
    inside = page.frame_locator("iframe")
    expect(inside.get_by_role("heading", level=1)).to_have_text("联系12355")
    inside.get_by_label("想说的话").fill("在学校网页上")
    inside.get_by_role("button", name="发送留言").click()
    expect(inside.get_by_text("收到你的留言了")).to_be_visible()
    inside.get_by_role("link", name="快速离开").click()
    page.wait_for_url(ELSEWHERE)
    page.go_back()
    expect(page).not_to_have_url(f"{SCHOOL}/")

    page = context.new_page()
    page.goto("https://other.example.cn/")
    page.get_by_role("button", name="联系12355青少年服务台").click()
    expect(page.frame_locator("iframe").get_by_role("heading", level=1)).to_have_count(0)


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_the_page_shuts_nobody_out_and_fits_narrow_and_wide(
    line: Deployment, chromium: Browser, language: str
) -> None:
    context = chromium.new_context(
        base_url=address(line), ignore_https_errors=True, locale=language
    )
    page = context.new_page()
    page.goto("/call/")
    page.evaluate(AXE)
    page.evaluate("document.getElementById('talk').hidden = false")
    for width in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert _found_by_axe(page) == [], width
        _picture(page, f"call-{language}-{width}")
    context.close()
