"""The pages in a real browser: used by keyboard alone, looked at by axe, and pictured."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest
from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Response,
    Route,
    expect,
    sync_playwright,
)
from sqlalchemy import Connection

from agents import presence, roster
from agents.roster import Contact, Counselor
from callflows.session import Session
from callflows.verbs import Dial
from console import accounts
from console.accounts import Account
from console.roles import Role
from console.serving import Console
from console.sessions import IDLE
from ivr import sessions
from ivr.assembly import Assembly
from ivr.sessions import CallRow
from routing import offers
from routing.offers import Offer
from tests.console_world import CALLER, GUANGZHOU, KEPT, NOON, PASSWORD, UNIT, World, account_of
from tests.e2e.sipp import free_port
from tests.orders import open_order
from workorders import drafts, risk, sent_out
from workorders.life import Case
from workorders.log import Entry

pytestmark = pytest.mark.e2e

CHROMIUM = "/usr/bin/chromium"
PROJECT = Path(__file__).parents[2]
PICTURES = PROJECT / "docs" / "screenshots"
AXE = (PROJECT / "tests" / "axe" / "axe.min.js").read_text("utf-8")
COLOURS = 64
NARROW, WIDE = 360, 1440
LONGEST = 30_000
"""Milliseconds, on a busy machine."""

BOSS = account_of(Role.MANAGER, GUANGZHOU)
LEADER = account_of(Role.SUPERVISOR, GUANGZHOU)
LIN = account_of(Role.COUNSELOR, GUANGZHOU)
AT_DESK = "gz-lin"
"""An account that the roster knows."""
TALKS = "gz-huang"
"""Who has a caller on the line."""
ORDER = "{order}"
PAGES = {
    "login": (None, "/login?expired=1"),
    "orders": (BOSS, "/orders/"),
    "order": (BOSS, f"/orders/{ORDER}"),
    "form": (BOSS, f"/orders/{ORDER}/form"),
    "safety": (BOSS, f"/orders/{ORDER}/safety"),
    "tasks": (BOSS, "/tasks/"),
    "alarms": (BOSS, "/alarms/"),
    "cases": ("nation", "/cases/"),
    "desk": (AT_DESK, "/desk/"),
    "knowledge": (BOSS, "/knowledge/"),
    "presence": (BOSS, "/presence/"),
    "figures": ("nation", "/figures/?days=7"),
    "talk": (TALKS, "/desk/"),
    "monitor": (LEADER, "/monitor/8003"),
    "account": (BOSS, "/account/"),
    "refused": ("nation", f"/orders/{ORDER}"),
}


class Desk:
    """A console and a browser before it."""

    def __init__(self, world: World, address: str, browser: Browser) -> None:
        self.world = world
        self.address = address
        self.browser = browser
        self.crisis = ""

    def context(self, width: int = WIDE, language: str = "zh-CN") -> BrowserContext:
        context = self.browser.new_context(
            base_url=self.address,
            ignore_https_errors=True,
            locale=language,
            viewport={"width": width, "height": 800},
        )
        context.set_default_timeout(LONGEST)
        return context

    def change(self, work: Any) -> None:
        self.world.assembly.store.write(work)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Its sandbox refuses to be root's.
        as_root = ["--no-sandbox"] if os.getuid() == 0 else []
        expect.set_options(timeout=LONGEST)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=as_root)
        yield browser
        browser.close()


@pytest.fixture
def desk(tmp_path: Path, chromium: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    world = World(tmp_path)
    assembly = world.assembly
    settings = assembly.settings.model_copy(update={"console_port": free_port("127.0.0.1")})
    monkeypatch.setattr("console.serving._now", lambda: world.at)
    console = Console(
        Assembly(settings, assembly.store, assembly.log, assembly.stations, assembly.directory)
    )
    console.start()
    desk = Desk(world, f"https://localhost:{settings.console_port}", chromium)
    desk.change(lambda connection: _crisis(desk, connection))
    desk.change(_people)
    desk.change(lambda connection: _talk(desk, connection))
    yield desk
    console.stop()
    world.close()


def _crisis(desk: Desk, connection: Connection) -> None:
    """An order with much to tell."""
    log, began = desk.world.assembly.log, NOON - timedelta(minutes=30)
    order_no = desk.crisis = open_order(
        log, connection, call_id="crisis", at=began, channel="asterisk",
        access_number="020-12355", caller_id=CALLER, id_trust="original",
        fields={"station_home": GUANGZHOU, "topic": "psychology", "language": "zh-CN"},
    )  # fmt: skip
    offer = {"offer": "o", "counselors": ["gz-huang", "gz-lin"], "tier": 0}
    missed = {"offer": "o", "counselor": "gz-huang", "result": "no_answer"}
    answered = {"offer": "o", "station": GUANGZHOU}
    told = {
        "cause_main": "P1.1", "causes": ["P4"], "groups": ["留守", "在校"],
        "caller_role": "本人", "age": "14–15", "sex": "女", "schooling": "初中",
    }  # fmt: skip

    def after(seconds: int, kind: str, actor: str, data: dict[str, Any], **columns: Any) -> Entry:
        return Entry(kind, began + timedelta(seconds=seconds), actor, data, columns)

    course = [
        after(0, "notice_given", "system", {}),
        after(6, "priority_raised", "caller", {"from": 1, "to": 4, "cause": "star"}, priority=4),
        after(6, "queued", "engine", {"topic": "psychology", "priority": 4}),
        after(7, "offer_made", "engine", offer),
        after(12, "offer_failed", "asterisk", missed),
        after(12, "answered", "counselor:gz-lin", answered, station_answering=GUANGZHOU),
        *(_recorded(began, minutes) for minutes in (9, 17)),
        Entry.closing(began + timedelta(minutes=17), "answered", "caller"),
    ]
    log.append_all(connection, order_no, course)
    log.fill_in(connection, order_no, began + timedelta(minutes=19), "counselor:gz-lin", told)
    case = Case(connection, log, order_no, began + timedelta(minutes=20), "counselor:gz-lin")
    risk.assess(case, "R3", "有计划，手边没有工具")
    sent_out.refer(case, UNIT, "核实安全")


def _recorded(began: datetime, minutes: int) -> Entry:
    """A part of a talk, of which the first was passed on."""
    ended = began + timedelta(minutes=minutes)
    told = {"began_at": (ended - timedelta(minutes=8)).isoformat(), "seconds": 480}
    return Entry("talk_recorded", ended, "asterisk", {**told, "recording": f"r-{minutes}"})


def _people(connection: Connection) -> None:
    at_desk = Account(AT_DESK, "林静", Role.COUNSELOR, GUANGZHOU)
    accounts.add(connection, at_desk, KEPT, NOON)
    for who in ("gz-lin", "gz-chen", "gd-he", "wh-zhou"):
        presence.log_in(connection, who, NOON)
    presence.pause(connection, "gz-chen", "meal", NOON)
    by_telephone = (Contact("sip", "9002"),)
    leader = Counselor(LEADER, "梁文", "9002", GUANGZHOU, contacts=by_telephone)
    roster.add(connection, leader, NOON)


def _talk(desk: Desk, connection: Connection) -> None:
    """A counselor talks with a caller, and a colleague is free."""
    log, began = desk.world.assembly.log, NOON - timedelta(minutes=2)
    call_id, talk = "asterisk-7.1", {"offer": "o-7", "station": GUANGZHOU}
    order_no = open_order(
        log, connection, call_id=call_id, at=began, channel="asterisk",
        access_number="020-12355", caller_id="+8613900139000", id_trust="original",
        fields={"station_home": GUANGZHOU, "topic": "law", "region_access": GUANGZHOU},
    )  # fmt: skip
    course = [
        Entry("queued", began, "engine", {"topic": "law", "priority": 1}),
        Entry("answered", NOON, f"counselor:{TALKS}", talk, {"station_answering": GUANGZHOU}),
    ]
    log.append_all(connection, order_no, course)
    presence.log_in(connection, TALKS, began)
    presence.reserve(connection, TALKS, call_id, NOON)
    presence.answer(connection, TALKS, call_id, NOON)
    part = Offer("o-7", TALKS, call_id, GUANGZHOU, "asterisk", 0, "home", 15, False, NOON, None)
    offers.add(connection, [part], NOON)
    offers.answered(connection, part, NOON)
    known = {"access_number": "020-12355", "region": GUANGZHOU}
    session = Session(call_id, "12355", "v", values=known).to_json()
    verbs = sessions.verbs_to_json((Dial("offer", "o-7", 15),))
    row = CallRow(call_id, order_no, "asterisk", "x", "engine", 1, 1, session, verbs, began, None)
    sessions.insert(connection, row)
    accounts.add(connection, Account(TALKS, "黄岚", Role.COUNSELOR, GUANGZHOU), KEPT, NOON)


def log_in(page: Page, account_id: str) -> None:
    page.goto("/login")
    log_in_here(page, account_id)


def log_in_here(page: Page, account_id: str) -> None:
    """By keyboard: the first field has the focus already."""
    expect(page.locator("[name=account]")).to_be_focused()
    page.keyboard.type(account_id)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login" not in url)


def test_an_order_is_found_read_and_its_number_opened_by_keyboard_alone(desk: Desk) -> None:
    page = desk.context().new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    log_in(page, LIN)
    page.get_by_role("link", name="工单", exact=True).click()
    page.get_by_role("link", name=desk.crisis).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"工单 {desk.crisis}")
    expect(page.get_by_text("138****8000")).to_be_visible()
    page.get_by_label("查看理由").focus()
    page.keyboard.type("来电人要求回电")
    page.keyboard.press("Enter")
    expect(page.get_by_text("+8613800138000")).to_be_visible()
    expect(page).to_have_url(f"{desk.address}/orders/{desk.crisis}")
    page.goto("/presence/")
    expect(page.get_by_text("何川")).to_have_count(0)
    expect(page.get_by_text("用餐")).to_be_visible()
    desk.change(lambda connection: presence.log_in(connection, "gz-chen", NOON))
    expect(page.get_by_text("用餐")).to_have_count(0)
    assert complaints == []


def test_a_log_in_that_is_over_loses_nothing_that_was_written(desk: Desk) -> None:
    context = desk.context()
    page = context.new_page()
    log_in(page, LIN)
    page.goto(f"/orders/{desk.crisis}")
    page.get_by_label("查看理由").fill("来电人要求回电")
    desk.world.at += IDLE
    page.get_by_role("button", name="查看号码").click()
    expect(page.get_by_text("您填写的内容还在本页")).to_be_visible()
    expect(page.get_by_label("查看理由")).to_have_value("来电人要求回电")
    with context.expect_page() as opened:
        page.get_by_role("link", name="在新窗口登录").click()
    log_in_here(opened.value, LIN)
    page.get_by_role("button", name="查看号码").click()
    expect(page.get_by_text("+8613800138000")).to_be_visible()


def test_a_form_is_filled_in_by_keyboard_alone_and_outlives_its_browser(desk: Desk) -> None:
    order_no = desk.world.orders["guangzhou"]
    first, complaints = desk.context(), []
    page = first.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    log_in(page, LIN)
    page.goto(f"/orders/{order_no}/form")
    expect(page.get_by_role("heading", name="开场与结束")).to_be_visible()
    keys = page.keyboard
    press_access_key(page, "c")
    keys.press("ArrowDown")
    expect(page.get_by_label("来电人身份")).to_have_value("本人")
    press_access_key(page, "a")
    expect(page.get_by_label("输入几个字筛选")).to_be_focused()
    keys.type("欺凌")
    keys.press("Enter")
    expect(page.get_by_label("主案由")).to_have_value("L2.1")
    expect(page.get_by_role("heading", name="校园欺凌")).to_be_visible()
    press_access_key(page, "r")
    keys.type("R2")
    expect(page.get_by_text("72小时内跟踪反馈")).to_be_visible()
    keys.press("Tab")
    keys.type("反复被围堵")
    press_access_key(page, "q")
    keys.type("广州")
    press_access_key(page, "z")
    with page.expect_response(lambda answer: _kept(answer, "不敢上学")):
        keys.type("同学长期起外号，不敢上学")
    expect(page.get_by_text("草稿已保存")).to_be_visible()
    press_access_key(page, "x")
    expect(page.get_by_label("这次怎样处置")).to_be_focused()
    first.close()  # killed: no page says goodbye

    page = desk.context().new_page()
    log_in(page, LIN)
    page.goto(f"/orders/{order_no}")
    expect(page.get_by_text("还没有保存成工单")).to_be_visible()
    expect(page.get_by_label("来电人说了什么")).to_have_value("同学长期起外号，不敢上学")
    press_access_key(page, "x")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#course")).to_contain_text("评估风险：R2")
    expect(page.locator("#state")).to_contain_text("督导")
    expect(page.get_by_text("已保存 12:00")).to_be_visible()
    expect(page.get_by_label("来电人说在哪里")).to_have_value("广东省广州市")

    # On its page it goes on; what is refused is said, and nothing typed is lost.
    page.get_by_text("退回转介", exact=True).or_(page.get_by_text("约面询、商谈").first).focus()
    page.keyboard.press("Enter")
    page.get_by_label("方式").first.select_option("面询")
    page.get_by_label("时间").first.fill("2026-11-20T10:00")
    page.get_by_label("和谁").first.select_option("本人")
    page.get_by_role("button", name="约面询、商谈").press("Enter")
    expect(page.get_by_text("时间已过")).to_be_visible()
    page.get_by_label("时间").first.fill("2026-11-25T10:00")
    can_be_pressed = []

    def answer_is_lost(route: Route) -> None:
        can_be_pressed.append(page.locator("#acts button:enabled").count())
        route.fetch(max_redirects=0)
        route.abort()

    page.route("**/acts/*", answer_is_lost, times=1)
    page.get_by_role("button", name="约面询、商谈").press("Enter")
    expect(page.get_by_text("不知道有没有办理成功")).to_be_visible()
    complaints.clear()  # the browser's own, about the network
    page.get_by_role("button", name="约面询、商谈").press("Enter")
    expect(page.get_by_text("刚才已经办理过，没有再办一次：约面询、商谈")).to_be_visible()
    assert can_be_pressed == [0], "while an act is on its way, no other is dropped unseen"
    assert complaints == []


def test_a_second_window_is_told_and_a_log_in_that_is_over_keeps_the_draft(desk: Desk) -> None:
    context, path = desk.context(), f"/orders/{desk.world.orders['guangzhou']}/form"
    first = context.new_page()
    log_in(first, LIN)
    first.goto(path)
    second = context.new_page()
    second.goto(path)
    first.get_by_label("来电人说了什么").fill("第一个窗口")
    expect(first.get_by_text("草稿已保存")).to_be_visible()
    second.get_by_label("来电人说了什么").fill("第二个窗口")
    expect(second.get_by_text("没有覆盖它")).to_be_visible()
    second.get_by_role("button", name="用另一个窗口的").click()
    expect(second.get_by_label("来电人说了什么")).to_have_value("第一个窗口")
    desk.world.at += IDLE
    second.get_by_label("来电人说了什么").fill("还没有存")
    expect(second.get_by_text("您填写的内容还在本页")).to_be_visible()
    with context.expect_page() as opened:
        second.get_by_role("link", name="在新窗口登录").click()
    log_in(opened.value, LIN)
    second.get_by_label("来电人说了什么").fill("还没有存，现在存")
    expect(second.get_by_text("草稿已保存")).to_be_visible()
    expect(second.get_by_text("您填写的内容还在本页")).to_have_count(0)
    second.get_by_role("button", name="保存").click()
    expect(second).to_have_url(f"{desk.address}{path}")
    expect(second.get_by_text("已保存 14:00 林静")).to_be_visible()

    # A colleague changes the same meanwhile: both are shown, and somebody chooses.
    order_no, log = desk.world.orders["guangzhou"], desk.world.assembly.log
    theirs = {"summary": "班长写的", "age": "12–13"}
    desk.change(
        lambda c: drafts.save_form(c, log, order_no, f"account:{BOSS}", desk.world.at, theirs)
    )
    second.get_by_label("来电人说了什么").fill("我写的")
    second.get_by_role("button", name="保存").click()
    both = second.get_by_label("摘要，已存的是：班长写的")
    expect(second.get_by_label("年龄")).to_have_value("12–13")
    expect(second.get_by_label("来电人说了什么")).to_have_value("我写的")
    second.evaluate(AXE)
    assert _found_by_axe(second) == []
    both.check()
    second.get_by_role("button", name="保存").click()
    expect(both).to_have_count(0)
    expect(second.get_by_label("来电人说了什么")).to_have_value("班长写的")


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_every_page_shuts_nobody_out_and_fits_narrow_and_wide(desk: Desk, language: str) -> None:
    for who in (BOSS, LEADER, AT_DESK, TALKS, "nation"):
        desk.change(lambda connection, who=who: accounts.change(connection, who, language=language))
    contexts = {who: desk.context(language=language) for who, _ in PAGES.values()}
    for name, (who, path) in PAGES.items():
        page = contexts[who].pages[0] if contexts[who].pages else contexts[who].new_page()
        if who is not None and page.url == "about:blank":
            log_in(page, who)
        page.goto(path.replace(ORDER, desk.crisis))
        if name == "talk":
            # With all that a talk brings below it.
            expect(page.locator("#with-others select")).to_be_visible()
            expect(page.locator("#order-form")).to_be_visible()
        # The page's own policy keeps scripts out that aren't its own; the debugger is above it.
        page.evaluate(AXE)
        for width in (WIDE, NARROW):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
            assert _found_by_axe(page) == [], (name, width)
            _picture(page, f"{name}-{language}-{width}")


def _kept(answer: Response, text: str) -> bool:
    """Is a draft with this text kept?"""
    return answer.url.endswith("/draft") and text in unquote_plus(answer.request.post_data or "")


def press_access_key(page: Page, key: str) -> None:
    """Alt and a key of the page, which Playwright's own keys leave out."""
    devtools = page.context.new_cdp_session(page)
    pressed = {"modifiers": 1, "key": key, "code": f"Key{key.upper()}", "text": key,
               "unmodifiedText": key, "windowsVirtualKeyCode": ord(key.upper())}  # fmt: skip
    for kind in ("keyDown", "keyUp"):
        devtools.send("Input.dispatchKeyEvent", {"type": kind, **pressed})
    devtools.detach()


def _found_by_axe(page: Page) -> list[str]:
    """What is serious or critical."""
    result = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{found['id']}: {[node['html'] for node in found['nodes']]}"
        for found in result["violations"]
        if found["impact"] in ("serious", "critical")
    ]


def _picture(page: Page, name: str) -> None:
    """Into docs/, small."""
    PICTURES.mkdir(exist_ok=True)
    shot = Image.open(io.BytesIO(page.screenshot(full_page=True, animations="disabled")))
    few = shot.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(PICTURES / f"{name}.png", optimize=True)
