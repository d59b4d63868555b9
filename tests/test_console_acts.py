"""What people do to an order on its page, and what is waited for on theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from agents import roster
from agents.roster import Counselor
from console.acts import ACTS
from console.refusals import LACKING, lacks
from console.roles import Role
from tests.console_world import GUANGZHOU, NOON, UNIT, WUHAN, Browser, World, account_of
from tests.order_life import FORM
from workorders import closing, risk, sent_out
from workorders.life_cycle import KINDS
from workorders.views import View, order_view

LIN = account_of(Role.COUNSELOR, GUANGZHOU)
BOSS = account_of(Role.SUPERVISOR, GUANGZHOU)
LATER = "2026-11-25T10:00"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


class Page:
    """An order before somebody."""

    def __init__(self, world: World, who: str = LIN, name: str = "guangzhou") -> None:
        self.world = world
        self.browser: Browser = world.browser(who)
        self.order_no = world.orders[name]

    @property
    def text(self) -> str:
        return self.browser.get(f"/orders/{self.order_no}").text

    @property
    def offered(self) -> set[str]:
        return set(re.findall(r'action="[^"]*/acts/([\w-]+)"', self.text))

    def form_of(self, act: str) -> str:
        """The name of the form of an act, as it is shown now; empty where the act isn't offered."""
        name = r'.*?name="form_name" value="([^"]+)"'
        found = re.search(f'action="[^"]*/acts/{act}"{name}', self.text, re.S)
        return found[1] if found else ""

    def does(self, act: str, form: str = "", **given: str) -> TestResponse:
        path = f"/orders/{self.order_no}/acts/{act}"
        return self.browser.post(path, {"form_name": form or self.form_of(act), **given})

    @property
    def view(self) -> View:
        keys = self.world.assembly.log.keys
        return self.world.assembly.store.read(lambda c: order_view(c, keys, self.order_no))

    def happened(self, kind: str) -> int:
        return sum(event["kind"] == kind for event in self.view["events"])


def test_an_order_is_decided_followed_up_and_closed(world: World) -> None:
    page = Page(world)
    page.browser.post(f"/orders/{page.order_no}/form", FORM | {"seen": "99"})
    assert "close" not in page.offered
    assert "还没有处置" in page.text
    assert page.does("answer", reply="已说明").status_code == 303
    assert "没有填写：风险" in page.text
    for act, given in (
        ("appoint", {"manner": "面询", "when": LATER, "whom": "本人", "contact": "微信"}),
        ("kept", {"number": "1", "report": "好转"}),
        ("assess", {"risk": "R1"}),
        ("plan", {"when": LATER, "whom": "本人"}),
    ):
        assert page.does(act, **given).status_code == 303, act
    assert "还在等待：跟踪反馈 1" in page.text
    assert page.does("close").status_code == 422
    assert page.does("followed", number="1", whom="本人", result="已联系").status_code == 303
    assert page.does("close").status_code == 303
    assert page.offered == {"reopen"}
    assert "好转" in page.text
    assert page.does("reopen", reason="又来电").status_code == 303
    assert page.view["state"] == "handling"


def test_a_referral_goes_out_is_signed_for_and_comes_back(world: World) -> None:
    staff = Page(world)
    assert staff.does("refer", target=UNIT, summary="核实安全", contact="").status_code == 303
    unit = Page(world, account_of(Role.PARTNER, GUANGZHOU))
    assert "核实安全" in unit.text
    assert unit.offered == {"referral-sign", "referral-refuse"}
    assert unit.does("referral-sign", number="1").status_code == 303
    assert unit.does("referral-reply", number="1", receipt="已上门").status_code == 303
    assert unit.offered == set()
    assert "已上门" in staff.text


def test_a_dispatch_is_refused_with_a_reason_and_sent_elsewhere(world: World) -> None:
    offline = Page(world, account_of(Role.OFFLINE, WUHAN), "wuhan_sent_out")
    assert "家访" in offline.text
    refused = offline.does("dispatch-refuse", number="1", reason=" ")
    assert refused.status_code == 422
    assert "请写明原因" in refused.text
    assert offline.does("dispatch-refuse", number="1", reason="人已搬走").status_code == 303
    assert offline.view["dispatches"][0]["stage"] == "refused"
    staff = Page(world)
    given = {"target": "线下服务台", "to": f"{GUANGZHOU} 广东省广州市12355", "task": "家访"}
    assert staff.does("dispatch", **given).status_code == 303
    here = Page(world, account_of(Role.OFFLINE, GUANGZHOU))
    assert here.does("dispatch-sign", number="1").status_code == 303
    assert here.does("dispatch-done", number="1", report="已家访").status_code == 303


def test_who_sent_it_back_sees_that_it_was_theirs_and_nothing_of_it(world: World) -> None:
    order = {name: world.orders[name] for name in ("wuhan_sent_out", "guangzhou", "dispatched")}
    unit = Page(world, account_of(Role.PARTNER, WUHAN), "wuhan_sent_out")
    offline = Page(world, account_of(Role.OFFLINE, WUHAN), "wuhan_sent_out")
    station = Page(world, LIN, "dispatched")
    assert "家访" in station.text
    page = Page(world)
    page.does("cross-region", home=f"{WUHAN} 湖北省武汉市12355", reason="户籍地")
    home = Page(world, account_of(Role.COUNSELOR, WUHAN), "guangzhou")
    for one, act, number in (
        (unit, "referral-refuse", "1"), (offline, "dispatch-refuse", "1"),
        (station, "dispatch-refuse", "1"), (home, "decline", ""),
    ):  # fmt: skip
        before, form = one.text, one.form_of(act)
        given = {"reason": "不属本单位"} | ({"number": number} if number else {})
        told = one.browser.get(one.does(act, form, **given).location).text
        assert "已经退回，内容不再显示" in told
        assert "2026-11-24 12:00退回" in told
        for said in ("来电时间", "接听服务台", "138****8000", "家访", 'class="course"'):
            assert said not in told
        assert "来电时间" in before
        again = one.does(act, form, **given)
        assert (again.status_code, again.location) == (303, f"/orders/{one.order_no}")
        path = f"/orders/{one.order_no}"
        assert one.browser.get(path, **{"HX-Request": "true"}).headers["HX-Redirect"]
        listed = one.browser.get("/orders/").text
        assert "已退回，不再由您办理" in listed
        assert one.order_no in listed
        for more in ("/form", "/safety", "/number"):
            assert one.browser.get(path + more).status_code in (403, 404, 405)
    assert order["wuhan_sent_out"] not in str(
        world.program(account_of(Role.OFFLINE, WUHAN)).get("/orders").json
    )
    # Sent once more, it is theirs again.
    world.assembly.store.write(
        lambda c: sent_out.dispatch(world.case(c, "wuhan_sent_out"), "线下服务台", WUHAN, "再家访")
    )
    assert "再家访" in offline.text
    assert "家访</p>" not in offline.text.replace("再家访", "")


def test_what_is_dispatched_to_a_partner_is_the_partners(world: World) -> None:
    staff = Page(world)
    assert f'<option value="{UNIT}"' in staff.text, "a partner that has an account is offered"
    given = {"target": "合作单位", "to": UNIT, "task": "陪同家访"}
    assert staff.does("dispatch", **given).status_code == 303
    unit = Page(world, account_of(Role.PARTNER, GUANGZHOU))
    assert "陪同家访" in unit.text
    assert unit.does("dispatch-sign", number="1").status_code == 303
    assert unit.does("dispatch-done", number="1", report="已陪同").status_code == 303
    assert "已陪同" in staff.text
    elsewhere = world.browser(account_of(Role.PARTNER, WUHAN))
    assert elsewhere.get(f"/orders/{staff.order_no}").status_code == 404


def test_who_signed_by_telephone_is_written_down(world: World) -> None:
    staff = Page(world)
    staff.does("refer", target="法援", summary="法律援助")
    staff.does("referral-sign", number="1", signer="王律师，区法援中心")
    assert "王律师，区法援中心" in staff.text


def test_a_report_needs_no_approval_and_its_clock_starts_at_once(world: World) -> None:
    page = Page(world)
    assert page.does("suspect", grounds="身上有伤", guardian="是").status_code == 303
    assert "强制报告" in page.text.split("待办时限")[1].split("</section>")[0]
    for item in world.assembly.log.fields.report_checklist:
        assert item in page.text
    given = {
        "target": UNIT, "channel": "电话", "at": "2026-11-24T12:00", "recipient": "值班民警",
        "receipt_no": "", "checked": world.assembly.log.fields.report_checklist[0],
    }  # fmt: skip
    assert page.does("report", **given).status_code == 303
    assert "receipt" in page.offered
    assert page.does("receipt", number="1", receipt_no="A1").status_code == 303
    no = page.does("plan", when=LATER, whom="监护人")
    assert no.status_code == 422
    assert "不得联系监护人" in no.text
    assert "clear" not in page.offered
    assert Page(world, BOSS).does("clear", grounds="已查明").status_code == 303


def test_a_handover_is_accepted_by_whom_it_was_offered_to(world: World) -> None:
    def hired(who: str, number: str) -> None:
        one = Counselor(who, "梁文", number, GUANGZHOU)
        world.assembly.store.write(lambda c: roster.add(c, one, NOON))

    hired(BOSS, "9001")
    page, boss = Page(world), Page(world, BOSS)
    assert page.does("hand-over", to=f"counselor:{BOSS}", reason="下班").status_code == 303
    assert "accept" not in page.offered
    assert boss.does("accept").status_code == 303
    assert boss.view["handler"] == f"counselor:{BOSS}"


def test_a_cross_region_order_is_accepted_and_assessed_by_both(world: World) -> None:
    page = Page(world)
    given = {"home": f"{WUHAN} 湖北省武汉市12355", "reason": "户籍地"}
    assert page.does("cross-region", **given).status_code == 303
    home = Page(world, account_of(Role.COUNSELOR, WUHAN))
    assert home.offered == {"accept", "decline"}
    assert page.order_no in home.browser.get("/tasks/").text
    assert home.does("accept").status_code == 303
    assert home.view["station_lead"] == WUHAN
    given = {"stations": GUANGZHOU, "question": "怎样分工"}
    assert home.does("convene", **given).status_code == 303
    assert page.offered == {"sign-off"}
    assert "conclude" not in home.offered
    for one in (page, home):
        assert one.does("sign-off", opinion="同意").status_code == 303
    assert home.does("conclude", conclusion="武汉主办").status_code == 303


def test_the_highest_risk_is_reviewed_by_a_supervisor(world: World) -> None:
    world.assembly.store.write(lambda c: risk.assess(world.case(c, "guangzhou"), "R4", "楼顶"))
    assert "review" not in Page(world).offered
    boss = Page(world, BOSS)
    assert boss.does("review", opinion="安全").status_code == 303
    clinical = Page(world, account_of(Role.CLINICAL, GUANGZHOU))
    assert "review" not in clinical.offered
    assert clinical.does("supervise", opinion="继续").status_code == 303


def test_a_form_sent_twice_is_one_act_and_another_form_is_another(world: World) -> None:
    page = Page(world)
    old = page.form_of("refer")
    given = {"target": UNIT, "summary": "核实"}
    assert "已办理：转介" in page.browser.get(page.does("refer", old, **given).location).text
    twice = page.does("refer", old, **given)
    assert twice.status_code == 303
    assert "刚才已经办理过，没有再办一次：转介" in page.browser.get(twice.location).text
    assert page.happened("referred") == 1
    assert page.does("refer", **given).status_code == 303, "meant again"
    assert page.happened("referred") == 2


def test_a_second_report_from_an_old_page_is_never_lost(world: World) -> None:
    """Two windows of one counselor, both opened before anything was reported."""
    first, second = Page(world), Page(world)
    told = {"channel": "电话", "at": "2026-11-24T12:00", "recipient": "值班员", "receipt_no": ""}
    forms = [page.form_of("report") for page in (first, second)]
    assert forms[0] != forms[1]
    for page, form, target in zip((first, second), forms, ("公安", "民政"), strict=True):
        done = page.does("report", form, target=target, **told)
        assert "已办理：强制报告" in page.browser.get(done.location).text
    assert [each["target"] for each in first.view["reports"]] == ["公安", "民政"]


def test_a_form_that_comes_back_with_other_words_is_asked_about(world: World) -> None:
    """The answer was lost, and somebody wrote on in the same form."""
    page = Page(world)
    old = page.form_of("report")
    told = {"channel": "电话", "at": "2026-11-24T12:00", "recipient": "值班员"}
    assert page.does("report", old, target="公安", **told).status_code == 303
    asked = page.does("report", old, target="教育", **told)
    assert asked.status_code == 422
    assert "这次写的不一样，还没有办理" in asked.text
    fresh = re.search(r'acts/report".*?name="form_name" value="([^"]+)"', asked.text, re.S)
    assert fresh is not None
    assert page.does("report", fresh[1], target="教育", **told).status_code == 303
    assert [each["target"] for each in page.view["reports"]] == ["公安", "教育"]


def test_what_is_no_longer_possible_is_said(world: World) -> None:
    page = Page(world)
    old = page.form_of("appoint")
    world.assembly.store.write(
        lambda c: [
            ACTS["none"].do(world.case(c, "guangzhou"), _Given(cause="N3"), None),  # type: ignore[func-returns-value, arg-type]
            closing.close(world.case(c, "guangzhou")),
        ]
    )
    answer = page.does("appoint", old, manner="面询", when=LATER, whom="本人", contact="微信小雨")
    assert answer.status_code == 422
    assert "工单已有变化" in answer.text
    assert "微信小雨" in answer.text, "what was written isn't lost with it"


class _Given(dict[str, str]):
    number = 0


def test_tasks_are_those_of_who_looks_the_overdue_first(world: World) -> None:
    Page(world).does("refer", target=UNIT, summary="核实")
    world.at += timedelta(days=2)
    boss = world.browser(BOSS).get("/tasks/").text
    assert "已逾期" in boss
    ends = re.findall(r'<time datetime="([^"]+)"', boss.split("本台")[1])
    assert ends == sorted(ends)
    assert len(ends) > 3
    assert world.orders["wuhan"] not in boss
    unit = world.browser(account_of(Role.PARTNER, GUANGZHOU)).get("/tasks/").text
    assert "转介签收" in unit
    assert world.orders["guangzhou"] in unit
    assert world.orders["guangzhou_sent_out"] not in unit, "sent to another"
    assert "处置" not in unit


def test_every_act_is_one_of_the_life_cycle_and_every_lack_has_words(world: World) -> None:
    assert {act.kind for act in ACTS.values()} <= KINDS
    source = Path(closing.__file__).read_text("utf-8").split("def _missing")[1].split("\ndef ")[0]
    assert source.count("yield ") == len(LACKING)
    with world.app.test_request_context():
        assert lacks("age is not filled in") == "没有填写：年龄"
        assert lacks("appointment_kept has not happened") == "还没有办理：记录：预约已完成"
        assert lacks("referral_replied 2 is still waited for") == "还在等待：转介回执 2"


_NOON = "2026-11-24T12:00"
WAYS: Mapping[str, Sequence[tuple[str, Mapping[str, str]]]] = {
    "直接答复": [("answer", {"reply": "已说明"})],
    "面询": [
        ("appoint", {"manner": "面询", "when": LATER, "whom": "本人"}),
        ("kept", {"number": "1", "report": "好转"}),
    ],
    "商谈": [
        ("appoint", {"manner": "商谈", "when": LATER, "whom": "教师"}),
        ("kept", {"number": "1"}),
    ],
    "转介": [
        ("refer", {"target": "法援", "summary": "法律援助"}),
        ("referral-sign", {"number": "1", "signer": "王律师 020-1"}),
        ("referral-reply", {"number": "1", "receipt": "已受理"}),
    ],
    "强制报告/报警": [
        ("suspect", {"grounds": "手臂有伤", "guardian": "否"}),
        ("report", {"target": "公安", "channel": "电话", "at": _NOON, "recipient": "民警"}),
        ("receipt", {"number": "1", "receipt_no": "A1"}),
    ],
    "危机干预": [
        ("outcome", {"outcome": "危机干预"}),
        ("assess", {"risk": "R2", "evidence": "想过"}),
        ("supervise", {"opinion": "继续"}),
        ("followed-now", {"whom": "本人", "result": "已联系"}),
    ],
    "社工帮扶": [
        ("dispatch", {"target": "合作单位", "to": "gz-law", "task": "陪同"}),
        ("dispatch-sign", {"number": "1"}),
        ("dispatch-done", {"number": "1", "report": "已陪同"}),
    ],
    "三方转接": [("outcome", {"outcome": "三方转接"})],
    "留言待回": [("outcome", {"outcome": "留言待回"}), ("answer", {"reply": "已回电"})],
    "回拨未通": [("outcome", {"outcome": "回拨未通"})],
    "线索移交": [
        ("outcome", {"outcome": "线索移交"}),
        ("refer", {"target": "网信", "summary": "线索"}),
        ("referral-sign", {"number": "1"}),
        ("referral-reply", {"number": "1", "receipt": "已收"}),
    ],
    "来电人终止": [("outcome", {"outcome": "来电人终止"})],
    "非咨询": [("none", {"cause": "N3"})],
}  # fmt: skip
"""What a counselor does for each outcome 处置, until the order can be closed."""


def test_every_outcome_is_reached_on_the_page_and_closed_with_what_it_demands(
    world: World,
) -> None:
    assert list(WAYS) == world.assembly.log.fields.several["outcomes"]
    page, clinical = Page(world), Page(world, account_of(Role.CLINICAL, GUANGZHOU))
    for outcome, way in WAYS.items():
        world.assembly.store.write(lambda c, o=outcome: world.order(c, o, GUANGZHOU))
        page.order_no = clinical.order_no = world.orders[outcome]
        if outcome != "非咨询":
            page.browser.post(f"/orders/{page.order_no}/form", FORM | {"risk": "R1"})
        for act, given in way:
            if act == way[-1][0]:
                assert "close" not in page.offered, (outcome, act)
            who = clinical if act == "supervise" else page
            assert who.does(act, **given).status_code == 303, (outcome, act)
        assert outcome in page.view["outcomes"]
        assert page.does("close").status_code == 303, (outcome, page.text.split("办结还缺")[1:])
        assert page.view["state"] == "closed", outcome
