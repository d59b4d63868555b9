"""What becomes of an order 处置, as far as it stays in the house: a direct answer, an appointment,
another outcome, no consultation."""

from __future__ import annotations

from datetime import datetime

from workorders.life import Case, NotPossible, must_say
from workorders.order_rules import NON_CONSULTATION

ANSWERED_DIRECTLY = "直接答复"
APPOINTMENTS = ("面询", "商谈")
WITH_AN_EVENT_OF_THEIR_OWN = {
    ANSWERED_DIRECTLY: "answered_directly",
    "面询": "appointed",
    "商谈": "appointed",
    "转介": "referred",
    "强制报告/报警": "reported",
    NON_CONSULTATION: "classed_non_consultation",
}
"""Not to be recorded beside what they stand for."""


def answer_directly(case: Case, reply: str = "") -> None:
    """直接答复: the caller has the answer.

    :param reply: what was answered; personal.
    """
    case.meet("reply")
    case.record(
        "answered_directly",
        notes={"reply": reply},
        outcomes=case.outcomes(adding=ANSWERED_DIRECTLY),
    )


def record_outcome(case: Case, outcome: str) -> None:
    """An outcome that has no event of its own, such as 危机干预."""
    case.must_be_code("outcomes", outcome, case.log.fields.several["outcomes"])
    dispatched = dict.fromkeys(case.log.fields.dispatch_targets.values(), "dispatched")
    kind = (WITH_AN_EVENT_OF_THEIR_OWN | dispatched).get(outcome)
    if kind is not None:
        raise NotPossible(f"outcomes: {outcome} follows from {kind!r}, record that")
    for clock, period in case.log.rules.deadlines.outcomes.get(outcome, {}).items():
        case.start(clock, due=period.after(case.at))
    case.record("outcome_recorded", {"outcome": outcome}, outcomes=case.outcomes(adding=outcome))


def class_non_consultation(case: Case, cause: str) -> None:
    """非咨询: a silent, wrong, harassing or test call; `cause` is one of these, the one field that
    such an order needs. Not for a caller at risk."""
    case.must_be_code("cause_main", cause, case.log.fields.causes[NON_CONSULTATION])
    if case.row["outcomes"]:
        raise NotPossible(f"outcomes: {' '.join(case.row['outcomes'])}: this was a consultation")
    if case.risk not in (None, "RX", "R1"):
        raise NotPossible(f"risk: at {case.risk} this was a consultation")
    case.meet("reply")
    case.record("classed_non_consultation", outcomes=[NON_CONSULTATION], cause_main=cause)


def appoint(case: Case, manner: str, when: datetime, whom: str, contact: str = "") -> int:
    """面询 or 商谈 at `when`; its number in the order.

    :param whom: who comes, a code of caller_role. `contact`: how they are reached; personal.
    """
    case.must_be_code("appointment", manner, APPOINTMENTS)
    case.must_allow_contact(whom)
    if when <= case.at:
        raise NotPossible("appointment: its time is past")
    every = case.items("appointments")
    number = len(every) + 1
    every.append({"no": number, "manner": manner, "when": when, "whom": whom, "kept": None})
    case.start("appointment", number, due=when)
    case.record(
        "appointed",
        {"appointment": number},
        notes={"contact": contact},
        appointments=every,
        outcomes=case.outcomes(adding=manner),
    )
    return number


def keep_appointment(case: Case, number: int, report: str = "") -> None:
    """It took place.

    :param report: what was said; personal.
    """
    _end(case, number, "appointment_kept", True, {"report": report})


def miss_appointment(case: Case, number: int, reason: str) -> None:
    """It didn't take place: the order waits for another decision."""
    _end(case, number, "appointment_missed", False, {"reason": must_say("the reason", reason)})


def _end(case: Case, number: int, kind: str, kept: bool, notes: dict[str, str | None]) -> None:
    every, appointment = case.item("appointments", number)
    if appointment["kept"] is not None:
        raise NotPossible(f"appointment {number}: it is over")
    appointment["kept"] = kept
    outcomes = case.outcomes()
    manner = appointment["manner"]
    if not any(each["manner"] == manner and each["kept"] is not False for each in every):
        outcomes = case.outcomes(without=manner)
    if not outcomes:
        case.start("decision")
    case.end("appointment", number)
    if kept:
        case.meet("reply")
    case.record(kind, {"appointment": number}, notes=notes, appointments=every, outcomes=outcomes)
