"""Risk assessment 风险评估: R4 R3 R2 R1, and RX for what nobody could assess, which is never shown
as low. A level starts its clocks; the highest is lowered by two persons."""

from __future__ import annotations

from collections.abc import Sequence

from agents import high_risk_calls
from workorders.life import Case, must_say
from workorders.order_rules import Clock

HIGH = frozenset({"R3", "R4"})
HEIGHT = {"R4": 4, "R3": 3, "R2": 2, "R1": 1}
BY_RISK = "risk"
"""What the clocks are about that an assessment started."""


OTHERS_ANSWER: frozenset[Clock] = frozenset({
    "referral_signed", "referral_replied", "dispatch_signed", "dispatch_done", "handover",
    "home_accepts", "sign_off",
})  # fmt: skip
"""What others were asked for before the risk was known to be higher is waited for no longer than
what they are asked for after it."""


def actions(case: Case, risk: str) -> Sequence[str]:
    """What is to be done at a level, for the form."""
    return case.log.rules.deadlines.risks[risk].actions


def is_lower(risk: str, than: str | None) -> bool:
    """RX is lower than any level, so that nobody gets rid of one by it."""
    return than is not None and HEIGHT.get(risk, 0) < HEIGHT.get(than, 0)


def assess(case: Case, risk: str, evidence: str = "", *, crisis_key: bool = False) -> bool:
    """The order has this level from now on; False where a second person must say the same first.

    :param evidence: kept as `risk_evidence`; personal. `crisis_key`: the caller pressed * or 5.
    """
    case.must_be_code("risk", risk, case.log.fields.choices["risk"])
    case.must_allow("risk_assessed")
    rules = case.log.rules.deadlines
    if is_lower(risk, case.risk) and rules.risks[str(case.risk)].lowered_by == 2:
        proposals = case.items("lowering")
        if not any(each["by"] != case.actor and each["risk"] == risk for each in proposals):
            proposals = [each for each in proposals if each["by"] != case.actor]
            proposals.append({"risk": risk, "by": case.actor, "at": case.at})
            case.record("risk_lowering_proposed", notes={"evidence": evidence}, lowering=proposals)
            return False
    if risk != case.risk:
        starts = rules.risks[risk].starts
        if crisis_key and risk == "RX":
            starts = (*starts, *rules.after_crisis_key)
        _set_clocks(case, risk, starts)
    case.record(
        "risk_assessed",
        personal={"risk_evidence": evidence} if evidence else {},
        risk=risk,
        risk_by=case.actor,
        risk_at=case.at,
        lowering=None,
    )
    who = case.actor.partition("counselor:")[2]
    if risk in HIGH and who:
        # Whoever took the call is cared for, from the next look of the queue on.
        high_risk_calls.told(case.connection, who, case.order_no, case.at)
    return True


def review(case: Case, opinion: str) -> None:
    """复核 by a supervisor; where the level asks for it, the next one is due.

    :param opinion: personal.
    """
    must_say("the opinion", opinion)
    case.meet("review")
    if case.risk is not None:
        for clock, period in case.log.rules.deadlines.risks[case.risk].every.items():
            case.start(clock, BY_RISK, due=period.after(case.at))
    case.record("reviewed", notes={"opinion": opinion})


def supervise(case: Case, opinion: str) -> None:
    """督导.

    :param opinion: personal.
    """
    must_say("the opinion", opinion)
    case.meet("supervision")
    case.record("supervised", notes={"opinion": opinion})


def _set_clocks(case: Case, risk: str, starts: Sequence[Clock]) -> None:
    """What only the former, higher level asked for is waited for no more."""
    if is_lower(risk, case.risk):
        for each in case.deadlines:
            if each.of == BY_RISK and each.clock not in starts:
                case.end(each.clock, BY_RISK)
    else:
        for each in case.deadlines:
            if each.runs and each.clock in OTHERS_ANSWER:
                period = case.log.rules.deadlines.period(each.clock, risk)
                case.start(each.clock, each.of, due=period.after(case.at))
    for clock in starts:
        period = case.log.rules.deadlines.period(clock, risk)
        case.start(clock, BY_RISK, due=period.after(case.at))
