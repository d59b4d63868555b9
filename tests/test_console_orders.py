"""Orders on the pages: found, read, and noted who read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from config.database import StoreUnavailable
from console.audit import Action
from console.pages.orders import PAGE
from console.roles import Role
from tests.console_world import GUANGZHOU, NOON, UNIT, WUHAN, World, account_of
from tests.orders import open_order
from workorders import handover, reports, risk, sent_out
from workorders.escalation import tell_due
from workorders.life import Case

LIN = account_of(Role.COUNSELOR, GUANGZHOU)
BOSS = account_of(Role.SUPERVISOR, GUANGZHOU)
REASON = "来电人要求回电"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def test_reading_an_order_is_noted_before_it_is_shown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, order_no = world.browser(LIN), world.orders["guangzhou"]
    assert browser.get(f"/orders/{order_no}").status_code == 200
    assert world.audited(Action.ORDER_READ) == [(LIN, "order_read", order_no, None)]

    def down(*_: object) -> None:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(world.assembly.store, "write", down)
    for answer in (
        browser.get(f"/orders/{order_no}"),
        browser.post(f"/orders/{order_no}/number", {"reason": REASON}),
    ):
        assert answer.status_code == 503
        assert "138" not in answer.text


def test_what_nobody_may_read_is_not_noted_and_looks_as_if_it_were_not_there(world: World) -> None:
    browser = world.browser(LIN)
    foreign = browser.get(f"/orders/{world.orders['wuhan']}")
    missing = browser.get("/orders/20261124-999999")
    assert foreign.status_code == missing.status_code == 404
    assert foreign.text == missing.text
    assert world.audited(Action.ORDER_READ) == []


def test_a_number_is_opened_for_a_reason_which_is_kept(world: World) -> None:
    browser, order_no = world.browser(LIN), world.orders["guangzhou"]
    path = f"/orders/{order_no}/number"
    for empty in ("", "   ", "看看"):
        refused = browser.post(path, {"reason": empty}, htmx=True)
        assert "请写明理由" in refused.text
        assert "138****8000" in refused.text
        assert "+8613800138000" not in refused.text
    opened = browser.post(path, {"reason": f" {REASON} "}, htmx=True)
    assert "+8613800138000" in opened.text
    assert "<html" not in opened.text
    assert world.audited(Action.NUMBER_OPENED) == [(LIN, "number_opened", order_no, REASON)]
    assert "+8613800138000" not in browser.get(f"/orders/{order_no}").text
    seen = world.browser(BOSS).get(f"/orders/{order_no}").text
    assert f"林静 查看了号码：{REASON}" in seen


def test_a_number_that_was_forgotten_cannot_be_opened(world: World) -> None:
    order_no, log = world.orders["guangzhou"], world.assembly.log
    world.assembly.store.write(lambda c: log.forget(c, order_no, NOON, "engine", "asked for"))
    browser = world.browser(LIN)
    assert "来电未显示号码" in browser.get(f"/orders/{order_no}").text
    answer = browser.post(f"/orders/{order_no}/number", {"reason": REASON})
    assert "号码已不可读" in answer.text


def test_the_audit_table_is_only_added_to(world: World) -> None:
    world.browser(LIN)
    for change in ("UPDATE console_audit SET account = 'x'", "DELETE FROM console_audit"):
        with pytest.raises(DBAPIError, match="console_audit refuses this change"):
            world.assembly.store.write(lambda c, change=change: c.execute(text(change)))


def test_the_list_is_narrowed_by_day_station_and_progress(world: World) -> None:
    def more(connection: Connection) -> None:
        open_order(
            world.assembly.log, connection, call_id="yesterday", at=NOON - timedelta(days=1),
            channel="asterisk", access_number="020-12355", caller_id=None, id_trust="withheld",
            fields={"station_home": GUANGZHOU, "topic": "law"},
        )  # fmt: skip

    world.assembly.store.write(more)
    browser = world.browser(LIN)

    def found(query: str) -> int:
        return browser.get(f"/orders/?{query}").text.count('<th scope="row">')

    assert found("") == 6
    assert found("day=2026-11-24") == 5
    assert found("day=2026-11-23") == 1
    assert found("day=2026-11-22") == 0
    assert found("day=nonsense&station=&progress=nonsense") == 6
    assert found("station=440300") == 2
    assert found(f"station={WUHAN}") == 0
    assert found("progress=waiting") == 1
    assert found("progress=open") == 5
    assert found("progress=closed") == 0
    assert world.audited(Action.ORDERS_LISTED)[-1][3] == "closed"


def test_every_order_is_on_one_page_of_the_list(world: World) -> None:
    def many(connection: Connection) -> None:
        for number in range(2 * PAGE):
            open_order(
                world.assembly.log, connection, call_id=f"c{number}",
                at=NOON + timedelta(seconds=number // 2), channel="asterisk",
                access_number="020-12355", caller_id=None, id_trust="withheld",
                fields={"station_home": GUANGZHOU, "topic": "law"},
            )  # fmt: skip

    world.assembly.store.write(many)
    browser, path = world.browser(LIN), "/orders/?progress=&day="
    seen: list[str] = []
    pages = 0
    while path:
        page = browser.get(path).text
        seen += [part.split('"')[0] for part in page.split('<th scope="row"><a href="/orders/')[1:]]
        further = page.split("回到最新")[-1].split('<a href="')
        older = [part for part in further if "更早的工单" in part]
        path = older[0].split('"')[0].replace("&amp;", "&") if older else ""
        pages += 1
    assert pages == 3
    assert len(seen) == len(set(seen)) == 2 * PAGE + 5


def test_an_order_tells_its_course_in_words(world: World) -> None:
    page = world.browser(LIN).get(f"/orders/{world.orders['guangzhou']}").text
    for said in ("来电进入系统", "振铃（本台）：林静", "林静接听", "通话结束：已接通"):
        assert said in page, said


def test_an_order_tells_its_life_in_words(world: World) -> None:
    def life(connection: Connection) -> None:
        def by(actor: str = "counselor:gz-lin", hours: int = 0) -> Case:
            return world.case(connection, "guangzhou", NOON + timedelta(hours=hours), actor)

        risk.assess(by(), "R4", "计划与工具")
        sent_out.refer(by(), UNIT, "核实情况")
        sent_out.sign_referral(by(), 1)
        handover.offer(by(), "counselor:gz-huang", "下班")
        handover.accept(by("counselor:gz-huang"))
        handover.open_cross_region(by("counselor:gz-huang"), WUHAN, "户籍地")
        risk.assess(by("counselor:gz-huang"), "R2", "已安全")
        reports.report(by("counselor:gz-huang"), UNIT, "电话", NOON, "值班民警")

        def province(station: str) -> str | None:
            return world.assembly.stations.parent(station)

        tell_due(
            connection, world.assembly.log, NOON + timedelta(hours=3), province, lambda _: None
        )

    world.assembly.store.write(life)
    world.at = NOON + timedelta(hours=3)
    page = world.browser(LIN).get(f"/orders/{world.orders['guangzhou']}").text
    for said in (
        "林静评估风险：R4 紧急",
        "林静转介至公安（转介1）",
        "林静签收：转介1",
        "林静提出交接，待黄",
        "接收为承办人",
        "提出交接，待湖北省武汉市12355值班负责人接收",
        "提出降低风险等级，待第二人确认",
        "强制报告（报告1）",
        "系统督办，通知广东省广州市12355值班负责人：复核已逾期",
        "系统督办，通知湖北省武汉市12355值班负责人：属地接单已逾期",
    ):
        assert said in page, said


def test_an_order_shows_its_state_and_what_is_waited_for(world: World) -> None:
    browser = world.browser(LIN)
    page = browser.get(f"/orders/{world.orders['assisted']}").text
    assert "联合研判中" in page
    assert "会签 广东省深圳市12355" in page
    assert "会签 广东省广州市12355" in page
    page = browser.get(f"/orders/{world.orders['guangzhou']}").text
    assert "受理" in page
    assert re.search(r"11-25 23:59|11-26 00:00", page), "the decision"
    assert "已逾期" not in page
    world.at += timedelta(days=3)
    later = world.browser(LIN).get(f"/orders/{world.orders['referred']}").text
    assert "转介签收 1" in later
    assert "已逾期" in later


def test_to_whom_something_was_sent_sees_only_that(world: World) -> None:
    def both(connection: Connection) -> None:
        sent_out.refer(world.case(connection, "referred"), "法援", "法律援助")
        sent_out.dispatch(world.case(connection, "referred"), "线下服务台", GUANGZHOU, "家访")

    world.assembly.store.write(both)
    path = f"/orders/{world.orders['referred']}"
    sent = {"转介 1 · 公安", "转介 2 · 法援", "派单 1 · 线下服务台"}
    for role, theirs in (
        (Role.COUNSELOR, sent),
        (Role.PARTNER, {"转介 1 · 公安"}),
        (Role.OFFLINE, {"派单 1 · 线下服务台"}),
    ):
        page = world.browser(account_of(role, GUANGZHOU)).get(path).text
        assert {each for each in sent if each in page} == theirs
