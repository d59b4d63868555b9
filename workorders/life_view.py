"""The life of an order in lines that people read: times of Shanghai, words of the field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from workorders.canonical import SHANGHAI
from workorders.deadlines import Deadline
from workorders.life_cycle import State
from workorders.order_rules import Clock
from workorders.referral import Stage

TOLD_HERE = (
    "state", "next_due", "referrals", "dispatches", "reports", "appointments", "followups",
    "handovers", "assessments", "lowering", "deadlines",
)  # fmt: skip

STATES = {
    State.RECEIVED: "受理",
    State.HANDLING: "办理中",
    State.ASSESSING: "联合研判中",
    State.CLOSED: "办结",
}
STAGES = {
    Stage.SENT: "已发出",
    Stage.SIGNED: "已签收",
    Stage.REFUSED: "已退单",
    Stage.REPLIED: "已回执",
    Stage.DONE: "线下办结",
}
CLOCKS: Mapping[Clock, str] = {
    "decision": "处置",
    "reply": "答复",
    "closing": "办结",
    "report": "强制报告",
    "review": "复核",
    "supervision": "督导",
    "follow_up": "跟踪反馈",
    "appointment": "预约",
    "referral_signed": "转介签收",
    "referral_replied": "转介回执",
    "dispatch_signed": "派单签收",
    "dispatch_done": "线下办结",
    "handover": "交接",
    "home_accepts": "属地接单",
    "sign_off": "会签",
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
        yield f"跟踪反馈 {each['no']} {each['whom']} {result} {minute(each['when'])}"
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
    deadlines = (Deadline.of_row(each) for each in view["deadlines"] or ())
    for each in sorted((each for each in deadlines if each.runs), key=lambda each: each.due):
        late = " 逾期" if each.due <= at else ""
        yield f"等待 {clock_name(each)} 至 {minute(each.due)}{late}"


def _times(times: Iterable[str | None]) -> str:
    return " → ".join(minute(each) for each in times if each)
