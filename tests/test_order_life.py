"""What people do to an order, on both stores: what it changes, and what is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from config.database import Store
from tests.order_life import FORM, MONDAY, Desk
from workorders import (
    assessments,
    closing,
    decisions,
    follow_ups,
    handover,
    reports,
    risk,
    sent_out,
)
from workorders.life import NotPossible
from workorders.life_cycle import OutOfPlace
from workorders.log import Log, OrderForgotten
from workorders.notes import notes_of
from workorders.referral import OutOfTurn
from workorders.verify import verify

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def desk(store: Store, log: Log) -> Desk:
    return Desk(store, log)


def test_answered_directly_and_closed(desk: Desk) -> None:
    with pytest.raises(NotPossible, match="nobody said what becomes of it"):
        desk.does(closing.close)
    desk.does(decisions.answer_directly, "已答复")
    assert desk.view["state"] == "handling"
    with pytest.raises(NotPossible, match=r"caller_role is not filled in.*risk is not filled in"):
        desk.does(closing.close)
    desk.fills_in(**FORM)
    desk.does(risk.assess, "R1")
    desk.does(closing.close, after=HOUR)
    view = desk.view
    assert (view["state"], view["closed_by"], view["outcomes"]) == (
        "closed", "counselor:1", ["直接答复"],
    )  # fmt: skip
    assert view["next_due"] is None
    for refused in (closing.close, decisions.answer_directly):
        with pytest.raises(OutOfPlace, match="while the order is closed"):
            desk.does(refused)
    with pytest.raises(OutOfPlace):
        desk.fills_in(summary="anders")
    with pytest.raises(NotPossible, match="the reason is missing"):
        desk.does(closing.reopen, " ")
    desk.does(closing.reopen, "来电人再次来电", after=DAY)
    assert (desk.view["state"], desk.view["closed_at"]) == ("handling", None)
    desk.does(closing.close, after=DAY)


def test_non_consultation_needs_one_field(desk: Desk) -> None:
    with pytest.raises(NotPossible, match="'L2' is not one of N1 N2"):
        desk.does(decisions.class_non_consultation, "L2")
    desk.does(decisions.class_non_consultation, "N3")
    desk.does(closing.close)
    assert (desk.view["cause_main"], desk.view["outcomes"]) == ("N3", ["非咨询"])


def test_a_child_at_risk_is_no_wrong_number(desk: Desk) -> None:
    desk.does(risk.assess, "R3")
    with pytest.raises(NotPossible, match="at R3 this was a consultation"):
        desk.does(decisions.class_non_consultation, "N3")


def test_an_appointment_missed_needs_another_decision(desk: Desk) -> None:
    with pytest.raises(NotPossible, match="its time is past"):
        desk.does(decisions.appoint, "面询", MONDAY, "本人")
    assert desk.does(decisions.appoint, "面询", MONDAY + DAY, "本人", "微信") == 1
    assert desk.waits_for() == {"appointment": MONDAY + DAY}
    with pytest.raises(NotPossible, match="appointment 1 is still waited for"):
        desk.does(closing.close)
    with pytest.raises(NotPossible, match="the reason is missing"):
        desk.does(decisions.miss_appointment, 1, "")
    desk.does(decisions.miss_appointment, 1, "未到", after=DAY)
    assert desk.view["outcomes"] == []
    with pytest.raises(NotPossible, match="appointment 1: it is over"):
        desk.does(decisions.keep_appointment, 1)
    with pytest.raises(NotPossible, match="there is no number 7"):
        desk.does(decisions.keep_appointment, 7)
    desk.does(decisions.appoint, "商谈", MONDAY + 2 * DAY, "教师", after=DAY)
    desk.does(decisions.keep_appointment, 2, "谈过", after=2 * DAY)
    assert (desk.view["outcomes"], desk.waits_for()) == (["商谈"], {})


def test_a_referral_from_sent_to_receipt(desk: Desk) -> None:
    with pytest.raises(NotPossible, match="'火星' is not one of 公安"):
        desk.does(sent_out.refer, "火星", "x")
    number = desk.does(sent_out.refer, "法援", "需要法律援助", "王老师")
    # Tuesday is the first working day after Monday, and over at midnight.
    assert desk.waits_for()["referral_signed"] == MONDAY + 38 * HOUR
    with pytest.raises(OutOfTurn, match="'referral_replied' is not possible once it is sent"):
        desk.does(sent_out.reply_to_referral, number, "已受理")
    desk.does(sent_out.sign_referral, number, by="partner:fy")
    assert list(desk.waits_for()) == ["referral_replied"]
    with pytest.raises(NotPossible, match="referral_replied 1 is still waited for"):
        desk.does(closing.close)
    desk.does(sent_out.reply_to_referral, number, "已受理", by="partner:fy")
    entry = desk.view["referrals"][0]
    assert (entry["target"], entry["stage"], desk.view["outcomes"]) == ("法援", "replied", ["转介"])


def test_a_refusal_has_a_reason_and_asks_for_another_decision(desk: Desk) -> None:
    number = desk.does(sent_out.refer, "妇联", "家暴")
    with pytest.raises(NotPossible, match="the reason of the refusal is missing"):
        desk.does(sent_out.refuse_referral, number, "")
    assert desk.view["referrals"][0]["stage"] == "sent"
    desk.does(sent_out.refuse_referral, number, "不属本辖区", by="partner:fl")
    assert (desk.view["outcomes"], desk.waits_for()) == ([], {})
    desk.does(sent_out.refer, "公安", "家暴")
    assert desk.view["outcomes"] == ["转介"]


def test_a_dispatch_is_signed_for_and_carried_out(desk: Desk) -> None:
    with pytest.raises(NotPossible, match="社工帮扶 follows from 'dispatched'"):
        desk.does(decisions.record_outcome, "社工帮扶")
    number = desk.does(sent_out.dispatch, "线下服务台", "440106", "入户走访")
    desk.does(sent_out.sign_dispatch, number, by="offline:440106")
    with pytest.raises(OutOfTurn, match="once it is signed"):
        desk.does(sent_out.sign_dispatch, number, by="offline:440106")
    desk.does(sent_out.finish_dispatch, number, "已走访", by="offline:440106")
    entry = desk.view["dispatches"][0]
    assert (entry["to"], entry["stage"], desk.view["outcomes"]) == ("440106", "done", ["社工帮扶"])


def test_a_report_has_its_clock_at_once_and_blocks_guardians(desk: Desk) -> None:
    assert desk.does(reports.suspect_harm, "父亲殴打", "是") == MONDAY + HOUR
    for contact in (
        lambda: desk.does(follow_ups.plan_follow_up, MONDAY + DAY, "监护人"),
        lambda: desk.does(follow_ups.follow_up, None, "监护人", "已联系"),
        lambda: desk.does(decisions.appoint, "面询", MONDAY + DAY, "监护人"),
    ):
        with pytest.raises(NotPossible, match="guardians are not to be contacted"):
            contact()
    at = MONDAY + 5 * MINUTE
    with pytest.raises(NotPossible, match="its time is still to come"):
        desk.does(reports.report, "公安", "电话", at, "李警官")
    number = desk.does(reports.report, "公安", "电话", at, "李警官", after=6 * MINUTE)
    assert desk.waits_for() == {}
    with pytest.raises(NotPossible, match="report 1 has no receipt number"):
        desk.does(closing.close)
    desk.does(reports.give_receipt, number, "粤公受〔2026〕12号", after=HOUR)
    entry = desk.view["reports"][0]
    assert (entry["target"], entry["receipt_no"]) == ("公安", "粤公受〔2026〕12号")
    desk.does(reports.suspect_harm, "再次来电", "否", after=DAY)
    with pytest.raises(ValueError, match="a suspicion is not lifted by a form"):
        desk.fills_in(guardian_suspected="否")
    assert desk.view["guardian_suspected"] == "是"
    desk.does(reports.clear_guardian, "误会，已核实", by="supervisor:3", after=DAY)
    desk.does(follow_ups.plan_follow_up, MONDAY + 3 * DAY, "监护人", after=DAY)


def test_a_risk_starts_its_clocks(desk: Desk) -> None:
    desk.does(risk.assess, "R2", "反复自伤")
    # Monday's third working day after is Thursday.
    assert desk.waits_for() == {
        "supervision": MONDAY + 3 * DAY + 14 * HOUR, "follow_up": MONDAY + 72 * HOUR,
    }  # fmt: skip
    desk.does(risk.supervise, "继续", by="supervisor:3")
    desk.does(follow_ups.follow_up, None, "本人", "未联系上")
    assert list(desk.waits_for()) == ["follow_up"]
    desk.does(follow_ups.follow_up, None, "本人", "已联系", "好转")
    assert desk.waits_for() == {}


def test_what_was_sent_out_before_the_risk_rose_is_waited_for_no_longer(desk: Desk) -> None:
    desk.does(sent_out.refer, "公安", "核实安全")
    assert desk.waits_for()["referral_signed"] > MONDAY + DAY
    desk.does(risk.assess, "R3", "有人要伤害她", after=HOUR)
    assert desk.waits_for()["referral_signed"] == MONDAY + HOUR + 15 * MINUTE
    desk.does(sent_out.sign_referral, 1, after=HOUR)
    desk.does(risk.assess, "R4", after=2 * HOUR)
    assert "referral_signed" not in desk.waits_for()


def test_nobody_waits_long_for_a_caller_in_danger_whom_nobody_assessed(desk: Desk) -> None:
    desk.store.write(
        lambda c: desk.log.append(
            c, desk.order_no, "priority_raised", MONDAY, "engine", {"cause": "star"}, priority=4
        )
    )
    desk.does(risk.assess, "RX", crisis_key=True)
    desk.does(sent_out.refer, "公安", "核实安全")
    assert desk.waits_for()["referral_signed"] == MONDAY + 15 * MINUTE
    desk.does(handover.open_cross_region, "420100", "人在武汉")
    assert desk.waits_for()["home_accepts"] == MONDAY + 5 * MINUTE
    assert desk.waits_for()["review"] == MONDAY + HOUR, "an assessment's own clocks are its own"


def test_two_persons_lower_the_highest_risk(desk: Desk) -> None:
    desk.does(risk.assess, "R4", "有计划有工具")
    assert desk.waits_for() == {"report": MONDAY + 5 * MINUTE, "review": MONDAY + 2 * HOUR}
    with pytest.raises(NotPossible, match="its risk is R4"):
        desk.does(closing.close)
    desk.does(risk.review, "继续陪护", by="supervisor:3", after=HOUR)
    assert desk.waits_for()["review"] == MONDAY + 25 * HOUR
    for lower in ("R2", "RX", "R1"):
        assert not desk.does(risk.assess, lower, by="counselor:1")
        assert desk.view["risk"] == "R4"
    assert not desk.does(risk.assess, "R2", by="supervisor:3"), "the first says R1"
    assert not desk.does(risk.assess, "R2", by="supervisor:3"), "one person twice"
    assert desk.does(risk.assess, "R2", by="counselor:1")
    assert (desk.view["risk"], desk.view["risk_by"]) == ("R2", "counselor:1")
    assert set(desk.waits_for()) == {"supervision", "follow_up"}


def test_what_nobody_could_assess_is_reviewed_after_the_crisis_key(desk: Desk) -> None:
    desk.does(risk.assess, "RX", crisis_key=True)
    assert desk.waits_for() == {"review": MONDAY + HOUR}
    assert risk.is_lower("RX", "R1")
    assert not risk.is_lower("R1", "RX")


def test_a_planned_follow_up(desk: Desk) -> None:
    number = desk.does(follow_ups.plan_follow_up, MONDAY + 7 * DAY, "本人", "只发短信")
    with pytest.raises(NotPossible, match="follow_up 1 is still waited for"):
        desk.does(closing.close)
    desk.does(follow_ups.follow_up, number, "本人", "来电人谢绝", after=7 * DAY)
    assert desk.view["followups"][0]["result"] == "来电人谢绝"
    with pytest.raises(NotPossible, match="follow-up 1: it is done"):
        desk.does(follow_ups.follow_up, number, "本人", "已联系", after=7 * DAY)


def test_the_handler_changes_only_when_another_accepts(desk: Desk) -> None:
    desk.does(handover.offer, "counselor:2", "下班")
    assert desk.view["handler"] == "counselor:1"
    with pytest.raises(NotPossible, match="counselor:2 has not answered yet"):
        desk.does(handover.offer, "counselor:3", "下班")
    with pytest.raises(NotPossible, match="nobody takes an order by themselves"):
        desk.does(handover.offer, "counselor:3", "我来", by="counselor:3")
    with pytest.raises(NotPossible, match="it was offered to counselor:2"):
        desk.does(handover.accept, by="counselor:3")
    desk.does(handover.accept, by="counselor:2")
    assert (desk.view["handler"], desk.view["first_responder"]) == ("counselor:2", "counselor:1")
    desk.does(handover.offer, "counselor:3", "请假", by="counselor:2")
    desk.does(handover.decline, "忙", by="counselor:3")
    assert desk.view["handler"] == "counselor:2"


def test_not_accepted_in_time_the_duty_lead_is_handler(desk: Desk) -> None:
    desk.does(handover.offer, "counselor:2", "下班")
    lead = {"440100": "gz-huang"}.get
    assert not desk.does(handover.lapse, lead, by="system", after=29 * MINUTE)
    assert desk.does(handover.lapse, lead, by="system", after=30 * MINUTE)
    assert desk.view["handler"] == "station:440100"
    assert desk.view["events"][-1]["data"]["duty_lead"] == "counselor:gz-huang"
    with pytest.raises(NotPossible, match="nothing is offered"):
        desk.does(handover.accept, by="counselor:2", after=HOUR)


def test_a_home_station_takes_the_lead(desk: Desk) -> None:
    with pytest.raises(NotPossible, match="station 440100 is in charge"):
        desk.does(handover.open_cross_region, "440100", "户籍地")
    desk.does(handover.open_cross_region, "530100", "户籍地")
    assert desk.waits_for() == {"home_accepts": MONDAY + 30 * MINUTE}
    assert (desk.view["handler"], desk.view["station_lead"]) == ("counselor:1", None)
    with pytest.raises(NotPossible, match="it was offered to station:530100"):
        desk.does(handover.accept, "440300", by="counselor:9")
    desk.does(handover.accept, "530100", by="counselor:9")
    view = desk.view
    assert (view["handler"], view["station_lead"]) == ("counselor:9", "530100")
    assert view["stations_assisting"] == ["440100"]
    assert desk.waits_for() == {}


def test_a_joint_assessment_needs_each_ones_word(desk: Desk) -> None:
    desk.does(decisions.answer_directly)
    with pytest.raises(NotPossible, match="name another station"):
        desk.does(assessments.convene, ["440100"], "如何安置")
    desk.does(assessments.convene, ["530100", "430100"], "如何安置")
    with pytest.raises(NotPossible, match="the joint assessment is not concluded"):
        desk.does(closing.close)
    desk.does(assessments.sign_off, "440100", "同意")
    desk.does(assessments.sign_off, "530100", "同意", by="counselor:9")
    with pytest.raises(NotPossible, match="station 530100 has signed"):
        desk.does(assessments.sign_off, "530100", "同意", by="counselor:9")
    with pytest.raises(NotPossible, match="station 110000 does not take part"):
        desk.does(assessments.sign_off, "110000", "同意")
    with pytest.raises(NotPossible, match="not signed off by 430100"):
        desk.does(assessments.conclude, "由昆明安置")
    desk.does(assessments.sign_off, "430100", "同意", by="counselor:8")
    desk.does(assessments.conclude, "由昆明安置")
    assert desk.view["state"] == "handling"
    assert desk.view["stations_assisting"] == ["530100", "430100"]


def test_what_people_write_is_unreadable_in_the_store(desk: Desk, log: Log) -> None:
    desk.does(sent_out.refer, "公安", "机密案情", "机密联系")
    desk.does(risk.assess, "R3", "机密证据")
    tables = ("orders", "order_events", "order_secrets", "order_notes")
    everything = desk.store.read(
        lambda c: repr([c.execute(text(f"SELECT * FROM {table}")).all() for table in tables])
    )
    assert "机密" not in everything
    notes = desk.store.read(lambda c: notes_of(c, log.keys, desk.order_no))
    assert notes == {3: {"summary": "机密案情", "contact": "机密联系"}}
    assert verify(desk.store, log.keys, Path("nowhere")) == []

    desk.store.write(lambda c: log.forget(c, desk.order_no, MONDAY, "admin:1", "asked"))
    assert desk.store.read(lambda c: notes_of(c, log.keys, desk.order_no)) == {}
    assert verify(desk.store, log.keys, Path("nowhere")) == []
    with pytest.raises(OrderForgotten):
        desk.does(sent_out.refuse_referral, 1, "原因")
    assert not any("summary" in line for line in desk.lacks(MONDAY))
    assert desk.view["referrals"][0]["stage"] == "sent"


def test_of_several_at_once_one_is_first(desk: Desk) -> None:
    number = desk.does(sent_out.refer, "公安", "案情")

    def signs(who: int) -> str:
        try:
            desk.does(sent_out.sign_referral, number, by=f"partner:{who}")
        except OutOfTurn:
            return "late"
        return "signed"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(signs, range(4))) == ["late", "late", "late", "signed"]
    assert [event["kind"] for event in desk.view["events"]].count("referral_signed") == 1
    assert verify(desk.store, desk.log.keys, Path("nowhere")) == []
