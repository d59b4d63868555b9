"""The form of an order: filled in, kept while it is typed, saved; never overwritten unseen."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from console.audit import Action
from console.order_form import typed
from console.roles import Role
from console.sessions import IDLE
from tests.console_world import GUANGZHOU, WUHAN, Browser, World, account_of
from workorders import risk
from workorders.drafts import drafts_of
from workorders.safe_contact import SafeContact
from workorders.views import order_view, personal_fields

LIN = account_of(Role.COUNSELOR, GUANGZHOU)
BOSS = account_of(Role.SUPERVISOR, GUANGZHOU)
FORM = {
    "caller_role": "本人", "age": "12–13", "sex": "女", "cause_main": "L2.1",
    "risk": "R1", "summary": "同学起外号",
}  # fmt: skip


def hidden(text: str) -> dict[str, str]:
    """What a form brings back that nobody types."""
    return {
        name: unescape(found[1])
        for name in ("shown", "form_name", "tab", "version")
        if (found := re.search(f'name="{name}" value="([^"]*)"', text))
    }


class Page:
    """One tab with the form of one order."""

    def __init__(self, browser: Browser, order_no: str) -> None:
        self.browser = browser
        self.path = f"/orders/{order_no}"
        self.text = browser.get(f"{self.path}/form").text
        self.hidden = hidden(self.text)

    def types(self, **fields: str) -> TestResponse:
        answer = self.browser.post(f"{self.path}/draft", self.hidden | fields, htmx=True)
        found = re.search('name="version" value="([^"]*)"', answer.text)
        if found:
            self.hidden["version"] = found[1]
        return answer

    def saves(self, **fields: str) -> TestResponse:
        return self.browser.post(f"{self.path}/form", self.hidden | fields)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def page_of(world: World, name: str = "guangzhou", who: str = LIN) -> Page:
    return Page(world.browser(who), world.orders[name])


def order(world: World, name: str = "guangzhou") -> dict[str, Any]:
    keys = world.assembly.log.keys
    return world.assembly.store.read(
        lambda c: (
            order_view(c, keys, world.orders[name]) | personal_fields(c, keys, world.orders[name])
        )
    )


def kinds(world: World) -> list[str]:
    return [event["kind"] for event in order(world)["events"]]


def test_a_form_is_saved_with_its_risk_and_its_decision(world: World) -> None:
    page = page_of(world)
    answer = page.saves(
        **FORM, contact_number="微信", contact_never_contact="父亲", contact_may_identify="1",
        outcome="直接答复", reply="已说明",
    )  # fmt: skip
    assert answer.status_code == 303, answer.text
    saved = order(world)
    assert {name: saved[name] for name in FORM} == FORM
    assert saved["tree_version"] == world.assembly.log.fields.version
    assert saved["outcomes"] == ["直接答复"]
    contact = SafeContact.read(saved["safe_contact"])
    assert contact == SafeContact("微信", "", True, "父亲")
    assert saved["risk_by"] == f"account:{LIN}"
    again = page_of(world)
    assert "同学起外号" in again.text
    assert (LIN, "order_read", world.orders["guangzhou"], None) in world.audited(Action.ORDER_READ)


def test_sent_twice_it_is_saved_once(world: World) -> None:
    page = page_of(world)
    assert page.saves(**FORM).status_code == page.saves(**FORM).status_code == 303
    assert kinds(world).count("form_filled") == kinds(world).count("risk_assessed") == 1


def test_a_decision_sent_twice_is_recorded_once_and_another_form_decides_again(
    world: World,
) -> None:
    page, old = page_of(world), page_of(world)
    referred = {"outcome": "转介", "refer_target": "公安", "refer_summary": "核实"}
    page.saves(**FORM, **referred)
    twice = page.saves(**FORM, **referred)
    assert "没有再记一次" in page.browser.get(twice.location).text
    assert kinds(world).count("referred") == 1
    assert page.saves(**FORM, **referred | {"refer_target": "妇联"}).status_code == 422
    assert old.saves(**FORM, **referred | {"refer_target": "法援"}).status_code == 303
    assert [each["target"] for each in order(world)["referrals"]] == ["公安", "法援"]


def test_no_consultation_needs_one_field(world: World) -> None:
    assert page_of(world).saves(cause_main="N3").status_code == 303
    assert order(world)["outcomes"] == ["非咨询"]
    assert "form_filled" not in kinds(world)


def test_every_list_of_the_form_is_configured(world: World) -> None:
    fields, text = world.assembly.log.fields, page_of(world).text
    for codes in (*fields.choices.values(), fields.several["groups"], fields.referral_targets):
        assert [
            code for code in codes if code.replace("<", "&lt;").replace(">", "&gt;") not in text
        ] == []
    assert [code for code in fields.cause_names if f'value="{code}"' not in text] == []
    assert fields.version in text
    asked = set(re.findall(r'for="f-(\w+)"[^\n]*class="asked"', text))
    assert asked == {"caller_role", "age", "sex", "summary"}
    assert text.count('class="asked"') == 6 <= 8


def test_a_risk_shows_what_it_demands(world: World) -> None:
    text = page_of(world).text
    panels = dict(re.findall(r'<div class="level (R\w)">(.*?)</div>', text, re.S))
    assert "同事同时报110或120" in panels["R4"]
    assert "强制报告 5分钟" in panels["R4"]
    assert "两人" in panels["R4"]
    assert "跟踪反馈 72小时" in panels["R2"]


def test_the_highest_risk_is_lowered_by_a_second_person(world: World) -> None:
    world.assembly.store.write(lambda c: risk.assess(world.case(c, "guangzhou"), "R4", "站在楼顶"))
    answer = page_of(world).saves(risk="R2", risk_evidence="已下来")
    assert "second" in answer.location
    told = world.browser(LIN).get(answer.location).text
    assert "须第二人评估确认" in told
    assert order(world)["risk"] == "R4"
    page_of(world).saves(risk="R2", risk_evidence="已下来")
    assert order(world)["risk"] == "R4", "the same person twice"
    assert "second" not in page_of(world, who=BOSS).saves(risk="R2", risk_evidence="安全").location
    assert order(world)["risk"] == "R2"


def test_what_is_refused_changes_nothing_and_keeps_what_was_typed(world: World) -> None:
    before = kinds(world)
    answer = page_of(world).saves(**FORM, outcome="转介", refer_target="公安")
    assert answer.status_code == 422
    assert "同学起外号" in answer.text
    assert 'role="alert"' in answer.text
    assert kinds(world) == before


def test_a_draft_survives_and_is_told(world: World) -> None:
    page = page_of(world)
    assert "草稿已保存 12:00" in page.types(summary="她说").text
    world.at += timedelta(minutes=3)
    page.types(summary="她说，父亲")
    again = page_of(world)  # another browser
    assert "她说，父亲" in again.text
    assert "这是 12:03 的草稿" in again.text
    assert "form_filled" not in kinds(world)
    assert again.saves(summary="她说，父亲").status_code == 303
    assert "草稿" not in page_of(world).text
    assert order(world)["summary"] == "她说，父亲"


def test_a_second_tab_overwrites_nothing_unseen(world: World) -> None:
    first, second = page_of(world), page_of(world)
    first.types(summary="第一页")
    refused = second.types(summary="第二页")
    assert refused.status_code == 409
    assert "没有覆盖" in refused.text
    assert "第一页" in page_of(world).text
    # Told again until somebody chooses, and then it is as they chose.
    assert second.types(summary="第二页").status_code == 409
    second.hidden["version"] = json.loads(re.findall(r"hx-vals='(.*?)'", refused.text)[0])[
        "version"
    ]
    second.hidden["version"] = str(second.hidden["version"])
    assert second.types(summary="第二页").status_code == 200
    assert "第二页" in page_of(world).text


def test_an_answer_that_was_lost_is_no_second_tab(world: World) -> None:
    page = page_of(world)
    page.types(summary="她")
    page.hidden["version"] = "0"
    assert page.types(summary="她说").status_code == 200


def test_a_colleagues_draft_is_told_and_stays_theirs(world: World) -> None:
    page_of(world, who=BOSS).types(summary="班长写的")
    page = page_of(world)
    assert "梁文也在填写" in page.text
    assert "班长写的" in page.text
    page.types(summary="我写的")
    order_no = world.orders["guangzhou"]
    every = world.assembly.store.read(lambda c: drafts_of(c, world.assembly.log, order_no))
    assert sorted(each.form["summary"] for each in every) == ["我写的", "班长写的"]


def test_what_a_colleague_saved_meanwhile_is_kept_beside_mine(world: World) -> None:
    mine = page_of(world)
    page_of(world, who=BOSS).saves(age="12–13", sex="女", groups="留守", summary="班长写的")
    saved = mine.saves(schooling="初中", groups="单亲")
    assert saved.status_code == 303
    assert "别处改过的几项也保留着" in mine.browser.get(saved.location).text
    now = order(world)
    assert (now["age"], now["sex"], now["schooling"]) == ("12–13", "女", "初中")
    assert now["groups"] == ["留守", "单亲"]
    assert now["summary"] == "班长写的"


def test_my_own_second_window_undoes_nothing(world: World) -> None:
    first, second = page_of(world), page_of(world)
    first.saves(**FORM)
    assert second.saves(schooling="初中").status_code == 303
    now = order(world)
    assert {name: now[name] for name in FORM} == FORM
    assert now["schooling"] == "初中"


def test_what_both_changed_is_shown_with_both_and_asks(world: World) -> None:
    mine = page_of(world)
    page_of(world, who=BOSS).saves(summary="班长写的", age="8–11", sex="女")
    asked = mine.saves(summary="我写的", age="12–13")
    assert asked.status_code == 422
    assert "梁文在12:00也改了下面几项" in asked.text
    assert "摘要，已存的是：班长写的" in asked.text
    assert "我写的</textarea>" in asked.text
    assert "您没有动的，已经并入：性别" in asked.text
    assert order(world)["summary"] == "班长写的"
    again = mine.browser.post(
        f"{mine.path}/form",
        hidden(asked.text) | {"summary": "我写的", "age": "12–13", "sex": "女", "take": "age"},
    )
    assert again.status_code == 303
    now = order(world)
    assert (now["summary"], now["age"], now["sex"]) == ("我写的", "8–11", "女")


def test_a_risk_that_was_raised_meanwhile_is_not_lowered_by_an_old_page(world: World) -> None:
    page_of(world).saves(risk="R1")
    old = page_of(world)
    page_of(world, who=BOSS).saves(risk="R3", risk_evidence="有计划")
    assert old.saves(risk="R1", summary="谈了学业").status_code == 303
    assert order(world)["risk"] == "R3"
    asked = old.saves(risk="R2")
    assert asked.status_code == 422
    assert "风险，已存的是：R3" in asked.text


def test_a_draft_is_compared_with_what_was_shown_when_it_was_typed(world: World) -> None:
    page_of(world).types(schooling="初中", summary="我写的")
    page_of(world, who=BOSS).saves(age="12–13", summary="班长写的")
    back = page_of(world)  # after a crash
    assert "摘要，已存的是：班长写的" in back.text
    assert "已经并入：年龄" in back.text
    assert "<option selected>12–13</option>" in back.text
    assert "<option selected>初中</option>" in back.text
    assert "我写的</textarea>" in back.text


def test_what_was_shown_and_cannot_be_read_overwrites_nothing(world: World) -> None:
    page_of(world).saves(**FORM)
    page = page_of(world)
    page.hidden["shown"] = "[1"
    assert page.saves(summary="另写的").status_code == 422
    assert {name: order(world)[name] for name in FORM} == FORM


def test_a_guardian_who_is_suspected_in_the_form_starts_the_reports_clock(world: World) -> None:
    page_of(world).saves(guardian_suspected="是", summary="父亲打的")
    assert kinds(world)[-2:] == ["harm_suspected", "form_filled"]
    now = order(world)
    assert now["guardian_suspected"] == "是"
    assert [each["clock"] for each in now["deadlines"] if each["over"] is None] == ["report"]
    page_of(world).saves(summary="父亲打的，左臂")
    assert kinds(world).count("harm_suspected") == 1


def test_regions_are_chosen_by_name_and_kept_by_code(world: World) -> None:
    page = page_of(world)
    assert "广东省广州市" in page.text
    wrong = page.saves(region_stated="天涯市", summary="她说")
    assert wrong.status_code == 422
    assert "没有这个地区" in wrong.text
    assert 'value="天涯市"' in wrong.text
    places = {
        "region_stated": "广州",
        "region_incident": "武汉市",
        "region_domicile": "湖北省武汉市",
    }
    assert page.saves(**places, consent_ref="03:20").status_code == 303
    now = order(world)
    assert [now[name] for name in places] == [GUANGZHOU, WUHAN, WUHAN]
    assert (now["region_source"], now["region_confidence"]) == ("stated", "certain")
    assert now["consent_ref"] == "03:20"
    assert 'value="湖北省武汉市"' in page_of(world).text
    refused = page_of(world).saves(**places, consent_ref="母亲王某")
    assert "不写姓名" in refused.text


def test_a_log_in_that_is_over_is_said_and_keeps_the_draft(world: World) -> None:
    page = page_of(world)
    page.types(summary="她说")
    world.at += IDLE
    answer = page.types(summary="她说，父亲")
    assert answer.status_code == 401
    assert "您填写的内容还在本页" in answer.text
    page.browser.log_in(LIN)
    assert page.types(summary="她说，父亲").status_code == 200


def test_what_isnt_changed_makes_no_draft(world: World) -> None:
    page = page_of(world)
    page.types()
    order_no = world.orders["guangzhou"]
    assert world.assembly.store.read(lambda c: drafts_of(c, world.assembly.log, order_no)) == []


def test_a_form_has_every_name() -> None:
    from werkzeug.datastructures import MultiDict

    from console import words

    assert set(typed(MultiDict())) == set(words.FORM)
