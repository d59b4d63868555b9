"""The life of an order in lines that people read: times of Shanghai, words of the field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from workorders.canonical import SHANGHAI
from workorders.deadlines import Deadline, of_no_decision, undecided
from workorders.life_cycle import State
from workorders.order_rules import Clock, order_rules
from workorders.referral import Stage

TOLD_HERE = (
    "state", "next_due", "referrals", "dispatches", "reports", "appointments", "followups",
    "handovers", "assessments", "lowering", "deadlines", "alarms",
)  # fmt: skip


def N_(word: str) -> str:
    """Marks a word that the console says in other languages, too."""
    return word


STATES = {
    State.RECEIVED: N_("受理"),
    State.HANDLING: N_("办理中"),
    State.ASSESSING: N_("联合研判中"),
    State.CLOSED: N_("办结"),
}
STAGES = {
    Stage.SENT: N_("已发出"),
    Stage.SIGNED: N_("已签收"),
    Stage.REFUSED: N_("已退单"),
    Stage.REPLIED: N_("已回执"),
    Stage.DONE: N_("线下办结"),
}
CLOCKS: Mapping[Clock, str] = {
    "decision": N_("处置"),
    "reply": N_("答复"),
    "closing": N_("办结"),
    "report": N_("强制报告"),
    "review": N_("复核"),
    "supervision": N_("督导"),
    "follow_up": N_("跟踪反馈"),
    "appointment": N_("预约"),
    "referral_signed": N_("转介签收"),
    "referral_replied": N_("转介回执"),
    "dispatch_signed": N_("派单签收"),
    "dispatch_done": N_("线下办结"),
    "handover": N_("交接"),
    "home_accepts": N_("属地接单"),
    "sign_off": N_("会签"),
    "revisit": N_("回访"),
    "dropped_crisis": N_("紧急来电中断"),
    "supervisor_comes": N_("班长到场"),
    "colleague_reports": N_("代为报警"),
    "message": N_("听取留言"),
    "slowing": N_("号码放缓审批"),
}


def clock_name(deadline: Deadline) -> str:
    """`转介签收 2`: what is waited for, and which."""
    about = deadline.of if deadline.of is not None and deadline.of != "risk" else ""
    return f"{CLOCKS[deadline.clock]} {about}".rstrip()


def minute(at: datetime | str | None) -> str:
    """An instant, or one as an order's row keeps it."""
    if at is None:
        return ""
    at = datetime.fromisoformat(at) if isinstance(at, str) else at
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def waited_for(view: Mapping[str, Any]) -> list[Deadline]:
    """What runs, the next end first.

    :param view: of `order_view`.
    """
    if view["deadlines"] is None and view["t_answer"] is not None:
        row = {**view, "t_answer": datetime.fromisoformat(view["t_answer"])}
        return [of_no_decision(order_rules().deadlines, row)] if undecided(row) else []
    deadlines = (Deadline.of_row(each) for each in view["deadlines"] or ())
    return sorted((each for each in deadlines if each.runs), key=lambda each: each.due)


def life_lines(view: Mapping[str, Any], at: datetime) -> list[str]:
    """What happened and what is waited for, a line each.

    :param view: of `order_view`. `at`: now, which tells what is late.
    """
    return [f"状态 {STATES[State(view['state'])]}", *_done(view), *_waited_for(view, at)]


def _done(view: Mapping[str, Any]) -> Iterator[str]:
    for word, column in (("转介", "referrals"), ("派单", "dispatches")):
        for each in view[column] or ():
            times = [each["sent"], each["signed"], each["refused"], each["answered"]]
            to = " ".join(filter(None, (each["target"], each.get("to"))))
            yield f"{word} {each['no']} {to} {STAGES[Stage(each['stage'])]} {_times(times)}"
    for each in view["reports"] or ():
        receipt = each["receipt_no"] or "无回执号"
        yield f"报告 {each['no']} {each['target']} {each['channel']} {receipt} {minute(each['at'])}"
    for each in view["appointments"] or ():
        kept = {None: "已约", True: "已完成", False: "未成"}[each["kept"]]
        yield f"{each['manner']} {each['no']} {each['whom']} {kept} {minute(each['when'])}"
    for each in view["followups"] or ():
        result = each["result"] or "待办"
        what = "回访" if each.get("revisit") else "跟踪反馈"
        yield f"{what} {each['no']} {each['whom']} {result} {minute(each['when'])}"
    for each in view["handovers"] or ():
        answers = {"accepted": "已接", "declined": "已拒", "lapsed": "逾期未接"}
        answer = next((answers[name] for name in answers if each[name]), "待接")
        yield f"交接 {each['to']} {answer} {minute(each['at'])}"
    for each in view["assessments"] or ():
        signed = " ".join(
            f"{station}{'✓' if station in each['signed'] else '…'}" for station in each["stations"]
        )
        yield f"联合研判 {each['no']} {signed} {minute(each['concluded'])}".rstrip()
    for each in view["lowering"] or ():
        yield f"降级待第二人确认 {each['risk']} {each['by']} {minute(each['at'])}"


def _waited_for(view: Mapping[str, Any], at: datetime) -> Iterator[str]:
    for each in waited_for(view):
        late = " 逾期" if each.due <= at else ""
        yield f"等待 {clock_name(each)} 至 {minute(each.due)}{late}"


def _times(times: Iterable[str | None]) -> str:
    return " → ".join(minute(each) for each in times if each)
