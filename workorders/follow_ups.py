"""Follow-ups 跟踪反馈: tasks with a date. Where the risk asks for one, its clock runs anyway; a
planned one says when, and with whom."""

from __future__ import annotations

from datetime import datetime

from workorders.deadlines import of_no_decision, undecided
from workorders.life import Case, NotPossible
from workorders.risk import BY_RISK


def plan_follow_up(case: Case, when: datetime, whom: str, contact: str = "") -> int:
    """A follow-up is to be done by `when`; its number in the order.

    :param whom: a code of caller_role. `contact`: how they are reached safely; personal.
    """
    case.must_allow_contact(whom)
    if when <= case.at:
        raise NotPossible("follow-up: its time is past")
    every = case.items("followups")
    number = len(every) + 1
    every.append({"no": number, "when": when, "whom": whom, "done": None, "result": None})
    case.start("follow_up", number, due=when)
    case.record(
        "follow_up_planned", {"follow_up": number}, notes={"contact": contact}, followups=every
    )
    return number


def plan_revisit(case: Case) -> int:
    """回访: the caller wasn't satisfied, and a supervisor is to hear why; its number among the
    follow-ups. Whoever handles the order is not reminded of it: the duty lead is."""
    if undecided(case.row):
        # What becomes of the order is waited for as before.
        case.deadlines = (of_no_decision(case.log.rules.deadlines, case.row),)
    every = case.items("followups")
    number = len(every) + 1
    when = case.start("revisit", number)
    whom = case.row["caller_role"] or "本人"
    every.append(
        {"no": number, "when": when, "whom": whom, "done": None, "result": None, "revisit": True}
    )
    case.record("follow_up_planned", {"follow_up": number}, followups=every)
    return number


def follow_up(case: Case, number: int | None, whom: str, result: str, report: str = "") -> None:
    """It was done: the planned one of that `number`, or one that nobody had planned. The risk's
    own clock is met by a result that is one.

    :param result: one of `follow_up_results`, which say what meets it. `report`: what was
        said; personal.
    """
    case.must_allow_contact(whom)
    meets = case.log.fields.follow_up_results
    case.must_be_code("follow-up", result, meets)
    every = case.items("followups")
    if number is None:
        number = len(every) + 1
        entry = {"no": number, "when": case.at, "done": None}
        every.append(entry)
    else:
        every, entry = case.item("followups", number)
    if entry["done"] is not None:
        raise NotPossible(f"follow-up {number}: it is done")
    if entry.get("revisit"):
        _must_be_fit_to_revisit(case, number, reached=meets[result])
        case.end("revisit", number)
    entry.update(whom=whom, done=case.at, result=result)
    case.end("follow_up", number)
    if meets[result]:
        case.end("follow_up", BY_RISK)
    case.record("followed_up", {"follow_up": number}, notes={"report": report}, followups=every)


def _must_be_fit_to_revisit(case: Case, number: int, *, reached: bool) -> None:
    """Somebody else than whom the caller spoke with, and nobody is called but where it is safe."""
    if case.actor == case.row["first_responder"]:
        raise NotPossible(f"follow-up {number}: a revisit is another person's than the counselor's")
    if reached and not case.knows("safe_contact"):
        raise NotPossible(f"follow-up {number}: no safe contact is known, so nobody is called")
