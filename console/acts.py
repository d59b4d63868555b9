"""All that people do to an order on its page: one table of acts.

An act names its event. Whether the order's state allows that is asked of the life-cycle tables,
who may do it of the roles and of the order, and what is wrong with it is said by the order's life.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from flask_babel import lazy_gettext as _

from console.accounts import Account
from console.order_form import plain_outcomes
from console.visible import in_charge, still_theirs
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
from workorders.canonical import SHANGHAI
from workorders.life import Case, NotPossible
from workorders.life_cycle import OutOfPlace, State, after
from workorders.order import Row
from workorders.order_rules import NON_CONSULTATION
from workorders.referral import OutOfTurn, Stage
from workorders.referral import after as stage_after
from workorders.unified_fields import UnifiedFields

Kind = Literal["text", "words", "choice", "checks", "when", "colleague", "station", "stations"]
Codes = Callable[[UnifiedFields], Collection[str] | Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Field:
    """Something to fill in; `codes`: what may be chosen, codes or codes with their names."""

    name: str
    label: str
    kind: Kind = "text"
    codes: Codes | None = None
    needed: bool = True

    def choices(self, fields: UnifiedFields) -> list[tuple[str, str]]:
        found = self.codes(fields) if self.codes else ()
        return (
            list(found.items()) if isinstance(found, Mapping) else [(each, each) for each in found]
        )


class Given:
    """What was filled in. `number`: of the referral, appointment … that it is about."""

    def __init__(self, texts: Mapping[str, str], lists: Mapping[str, list[str]]) -> None:
        self._texts = texts
        self._lists = lists

    @property
    def number(self) -> int:
        number = self._texts.get("number", "")
        return int(number) if number.isdecimal() else 0

    def __getitem__(self, name: str) -> str:
        return self._texts.get(name, "").strip()

    def several(self, name: str) -> list[str]:
        return [each.strip() for each in self._lists.get(name, []) if each.strip()]

    def when(self, name: str) -> datetime:
        """A time of Shanghai. Raises NotPossible."""
        try:
            return datetime.fromisoformat(self[name]).replace(tzinfo=SHANGHAI)
        except ValueError:
            raise NotPossible("the time is missing") from None

    def station(self, name: str) -> str:
        """A station's id, chosen as `440100 广东省广州市12355`, or what else was written."""
        return _station(self[name])

    def stations(self, name: str) -> list[str]:
        return [_station(each) for each in self.several(name)]


def _station(written: str) -> str:
    first, _space, _name = written.partition(" ")
    return first if first.isdecimal() or first.startswith("centre-") else written


Do = Callable[[Case, Given, Account], object]
Who = Callable[[Account, Row], bool]
Numbers = Callable[[Account, Row], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Act:
    """`who`: may do it to this order. `of`: the numbers of those things of the order that it may
    be done to; None: it is done to the order itself."""

    name: str
    kind: str
    title: str
    do: Do
    fields: tuple[Field, ...] = ()
    who: Who = in_charge
    of: Numbers | None = None

    def offered(self, account: Account, row: Row) -> Iterator[int | None]:
        """What it may be done to now: a number, or None for the order itself."""
        try:
            after(State(row["state"]), self.kind)
        except OutOfPlace:
            return
        if self.of is None:
            if self.who(account, row):
                yield None
        else:
            yield from self.of(account, row)


def offered(account: Account, row: Row) -> Iterator[tuple[Act, int | None]]:
    """All that this account may do to the order now."""
    for act in ACTS.values():
        yield from ((act, number) for number in act.offered(account, row))


def _sent(column: str, kind: str) -> Numbers:
    """Those at a stage at which this may happen: for whom they were sent to, and for who sent them
    and is told by telephone."""

    def numbers(account: Account, row: Row) -> list[int]:
        return [
            each["no"]
            for each in row[column] or ()
            if (still_theirs(account, each) or in_charge(account, row))
            and _fits(each["stage"], kind)
        ]

    return numbers


def _fits(stage: str, kind: str) -> bool:
    try:
        stage_after(Stage(stage), kind)
    except OutOfTurn:
        return False
    return True


def _open(column: str, name: str) -> Numbers:
    """Those of which this isn't known yet."""

    def numbers(account: Account, row: Row) -> list[int]:
        if not in_charge(account, row):
            return []
        return [each["no"] for each in row[column] or () if not each[name]]

    return numbers


def _appointments(account: Account, row: Row) -> list[int]:
    if not in_charge(account, row):
        return []
    return [each["no"] for each in row["appointments"] or () if each["kept"] is None]


def _reviews(account: Account, row: Row) -> bool:
    return account.may.review and in_charge(account, row) and row["risk"] is not None


def _supervises(account: Account, row: Row) -> bool:
    return account.may.supervise and in_charge(account, row) and row["risk"] is not None


def _clears(account: Account, row: Row) -> bool:
    suspected = row["guardian_suspected"] == "是"
    return account.may.review and in_charge(account, row) and suspected


def _offers(account: Account, row: Row) -> bool:
    return in_charge(account, row) and handover.pending(row) is None


def _is_offered(account: Account, row: Row) -> bool:
    waiting = handover.pending(row)
    to = waiting["to"] if waiting else None
    mine = (f"counselor:{account.id}", f"{handover.STATION}{account.station}")
    return account.may.work and to in mine


def _signs(account: Account, row: Row) -> bool:
    last = (row["assessments"] or [{}])[-1]
    asked = account.station in last.get("stations", ())
    return account.may.work and asked and account.station not in last["signed"]


def _concludes(account: Account, row: Row) -> bool:
    last = (row["assessments"] or [{}])[-1]
    return in_charge(account, row) and set(last.get("stations", ())) == set(last.get("signed", ()))


def _to_station(account: Account, case: Case) -> str | None:
    waiting = handover.pending(case.row)
    ours = waiting is not None and waiting["to"] == f"{handover.STATION}{account.station}"
    return account.station if ours else None


def _convene(case: Case, given: Given, _who: Account) -> None:
    assessments.convene(case, given.stations("stations"), given["question"])


_WHOM = Field("whom", _("和谁"), "choice", lambda f: f.choices["caller_role"])
_CONTACT = Field("contact", _("怎样联系"), needed=False)
_REASON = Field("reason", _("原因"))
_SIGNER = Field("signer", _("电话签收的，写对方是谁、号码"), needed=False)
_OPINION = Field("opinion", _("意见"), "words")

ACTS: Mapping[str, Act] = {
    act.name: act
    for act in (
        Act("answer", "answered_directly", _("直接答复"),
            lambda case, g, _who: decisions.answer_directly(case, g["reply"]),
            (Field("reply", _("答复要点"), "words", needed=False),)),
        Act("outcome", "outcome_recorded", _("其他处置"),
            lambda case, g, _who: decisions.record_outcome(case, g["outcome"]),
            (Field("outcome", _("处置"), "choice", plain_outcomes),)),
        Act("none", "classed_non_consultation", _("归为非咨询"),
            lambda case, g, _who: decisions.class_non_consultation(case, g["cause"]),
            (Field("cause", _("案由"), "choice",
                   lambda f: {code: f.cause_names[code] for code in f.causes[NON_CONSULTATION]}),),
            who=lambda who, row: in_charge(who, row) and not row["outcomes"]),
        Act("appoint", "appointed", _("约面询、商谈"),
            lambda case, g, _who: decisions.appoint(
                case, g["manner"], g.when("when"), g["whom"], g["contact"]),
            (Field("manner", _("方式"), "choice", lambda _f: decisions.APPOINTMENTS),
             Field("when", _("时间"), "when"), _WHOM, _CONTACT)),
        Act("kept", "appointment_kept", _("预约已完成"),
            lambda case, g, _who: decisions.keep_appointment(case, g.number, g["report"]),
            (Field("report", _("情况"), "words", needed=False),), of=_appointments),
        Act("missed", "appointment_missed", _("预约未成"),
            lambda case, g, _who: decisions.miss_appointment(case, g.number, g["reason"]),
            (_REASON,), of=_appointments),
        Act("refer", "referred", _("转介"),
            lambda case, g, _who: sent_out.refer(case, g["target"], g["summary"], g["contact"]),
            (Field("target", _("转介到"), "choice", lambda f: f.referral_targets),
             Field("summary", _("请对方做什么"), "words"),
             Field("contact", _("对方联系人"), needed=False))),
        Act("referral-sign", "referral_signed", _("签收转介"),
            lambda case, g, _who: sent_out.sign_referral(case, g.number, g["signer"]),
            (_SIGNER,), of=_sent("referrals", "referral_signed")),
        Act("referral-reply", "referral_replied", _("转介回执"),
            lambda case, g, _who: sent_out.reply_to_referral(case, g.number, g["receipt"]),
            (Field("receipt", _("办理情况"), "words"),),
            of=_sent("referrals", "referral_replied")),
        Act("referral-refuse", "referral_refused", _("退回转介"),
            lambda case, g, _who: sent_out.refuse_referral(case, g.number, g["reason"]),
            (_REASON,), of=_sent("referrals", "referral_refused")),
        Act("dispatch", "dispatched", _("派单"),
            lambda case, g, _who: sent_out.dispatch(
                case, g["target"], g.station("to"), g["task"]),
            (Field("target", _("派给"), "choice", lambda f: list(f.dispatch_targets)),
             Field("to", _("服务台或单位"), "station"), Field("task", _("任务"), "words"))),
        Act("dispatch-sign", "dispatch_signed", _("签收派单"),
            lambda case, g, _who: sent_out.sign_dispatch(case, g.number, g["signer"]),
            (_SIGNER,), of=_sent("dispatches", "dispatch_signed")),
        Act("dispatch-done", "dispatch_done", _("线下办结"),
            lambda case, g, _who: sent_out.finish_dispatch(case, g.number, g["report"]),
            (Field("report", _("办理情况"), "words"),), of=_sent("dispatches", "dispatch_done")),
        Act("dispatch-refuse", "dispatch_refused", _("退回派单"),
            lambda case, g, _who: sent_out.refuse_dispatch(case, g.number, g["reason"]),
            (_REASON,), of=_sent("dispatches", "dispatch_refused")),
        Act("suspect", "harm_suspected", _("怀疑未成年人受侵害或有危险（立即计时）"),
            lambda case, g, _who: reports.suspect_harm(case, g["grounds"], g["guardian"] or "不详"),
            (Field("grounds", _("怀疑什么"), "words"),
             Field("guardian", _("监护人是否涉嫌侵害"), "choice",
                   lambda f: f.choices["guardian_suspected"], needed=False))),
        Act("report", "reported", _("强制报告（无须审批）"),
            lambda case, g, _who: reports.report(
                case, g["target"], g["channel"], g.when("at"), g["recipient"], g["receipt_no"],
                g.several("checked")),
            (Field("checked", _("核对"), "checks", lambda f: f.report_checklist, needed=False),
             Field("target", _("报告给"), "choice", lambda f: f.report_targets),
             Field("channel", _("方式"), "choice", lambda f: f.report_channels),
             Field("at", _("时间"), "when"), Field("recipient", _("受理人")),
             Field("receipt_no", _("回执号（可以后补）"), needed=False))),
        Act("receipt", "receipt_given", _("登记报告回执号"),
            lambda case, g, _who: reports.give_receipt(case, g.number, g["receipt_no"]),
            (Field("receipt_no", _("回执号")),), of=_open("reports", "receipt_no")),
        Act("clear", "guardian_cleared", _("排除对监护人的怀疑"),
            lambda case, g, _who: reports.clear_guardian(case, g["grounds"]),
            (Field("grounds", _("依据"), "words"),), who=_clears),
        Act("assess", "risk_assessed", _("风险评估"),
            lambda case, g, _who: risk.assess(case, g["risk"], g["evidence"]),
            (Field("risk", _("等级"), "choice", lambda f: {
                code: f"{code} {name}" for code, name in f.risk_names.items()}),
             Field("evidence", _("依据"), "words", needed=False))),
        Act("review", "reviewed", _("复核"),
            lambda case, g, _who: risk.review(case, g["opinion"]), (_OPINION,), who=_reviews),
        Act("supervise", "supervised", _("督导"),
            lambda case, g, _who: risk.supervise(case, g["opinion"]), (_OPINION,), who=_supervises),
        Act("plan", "follow_up_planned", _("计划跟踪反馈"),
            lambda case, g, _who: follow_ups.plan_follow_up(
                case, g.when("when"), g["whom"], g["contact"]),
            (Field("when", _("时间"), "when"), _WHOM, _CONTACT)),
        Act("followed", "followed_up", _("记录跟踪反馈"),
            lambda case, g, _who: follow_ups.follow_up(
                case, g.number, g["whom"], g["result"], g["report"]),
            (_WHOM, Field("result", _("结果"), "choice", lambda f: list(f.follow_up_results)),
             Field("report", _("情况"), "words", needed=False)), of=_open("followups", "done")),
        Act("followed-now", "followed_up", _("记录一次没有计划的跟踪反馈"),
            lambda case, g, _who: follow_ups.follow_up(
                case, None, g["whom"], g["result"], g["report"]),
            (_WHOM, Field("result", _("结果"), "choice", lambda f: list(f.follow_up_results)),
             Field("report", _("情况"), "words", needed=False))),
        Act("hand-over", "handover_offered", _("交接给同事"),
            lambda case, g, _who: handover.offer(case, g["to"], g["reason"]),
            (Field("to", _("同事"), "colleague"), _REASON), who=_offers),
        Act("cross-region", "handover_offered", _("跨区域：交属地服务台接单"),
            lambda case, g, _who: handover.open_cross_region(case, g.station("home"), g["reason"]),
            (Field("home", _("属地服务台"), "station"), _REASON), who=_offers),
        Act("accept", "handover_accepted", _("接收，由我承办"),
            lambda case, _g, who: handover.accept(case, _to_station(who, case)), who=_is_offered),
        Act("decline", "handover_declined", _("不接收"),
            lambda case, g, who: handover.decline(case, g["reason"], _to_station(who, case)),
            (_REASON,), who=_is_offered),
        Act("convene", "assessment_convened", _("发起联合研判"), _convene,
            (Field("stations", _("请哪些服务台"), "stations"),
             Field("question", _("问题"), "words"))),
        Act("sign-off", "assessment_signed", _("联合研判会签"),
            lambda case, g, who: assessments.sign_off(case, who.station, g["opinion"]),
            (_OPINION,), who=_signs),
        Act("conclude", "assessment_concluded", _("联合研判结论"),
            lambda case, g, _who: assessments.conclude(case, g["conclusion"]),
            (Field("conclusion", _("结论与分工"), "words"),), who=_concludes),
        Act("close", "closed", _("办结"), lambda case, _g, _who: closing.close(case)),
        Act("reopen", "reopened", _("重新办理"),
            lambda case, g, _who: closing.reopen(case, g["reason"]), (_REASON,)),
    )
}  # fmt: skip
"""By name, in the order in which the page shows them."""
