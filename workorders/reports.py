"""Mandatory reports 强制报告 of harm or danger to a minor (未成年人保护法 第11条).

The clock starts with the suspicion. Whoever suspects may report; nobody approves it. Where a
guardian is suspected, guardians are not contacted any more (`Case.must_allow_contact`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from workorders.life import Case, NotPossible, must_say

REPORTED = "强制报告/报警"
GUARDIAN_SUSPECTED = "监护人涉嫌侵害"
"""The grounds where a form says no more."""


def suspect_harm(case: Case, grounds: str, guardian_suspected: str = "不详") -> datetime:
    """Somebody suspects harm or danger to a minor: the clock runs. Gives its end.

    :param grounds: personal. `guardian_suspected`: 是, 否 or 不详.
    """
    must_say("what is suspected", grounds)
    codes = case.log.fields.choices["guardian_suspected"]
    case.must_be_code("guardian_suspected", guardian_suspected, codes)
    if case.row["guardian_suspected"] == "是":
        guardian_suspected = "是"  # only `clear_guardian` lifts it
    due = case.start("report")
    case.record("harm_suspected", notes={"grounds": grounds}, guardian_suspected=guardian_suspected)
    return due


def clear_guardian(case: Case, grounds: str) -> None:
    """No guardian is suspected any more: guardians may be contacted again.

    :param grounds: personal.
    """
    if case.row["guardian_suspected"] != "是":
        raise NotPossible("guardian_suspected: no guardian is suspected")
    must_say("the grounds", grounds)
    case.record("guardian_cleared", notes={"grounds": grounds}, guardian_suspected="否")


def report(
    case: Case, target: str, channel: str, reported_at: datetime, recipient: str,
    receipt_no: str = "", checked: Sequence[str] = (),
) -> int:  # fmt: skip
    """It was reported; its number in the order.

    :param target: one of `report_targets`. `channel`: one of `report_channels`. `recipient`: who
        took it, personal. `receipt_no`: theirs; may follow by `give_receipt`. `checked`: what of
        `report_checklist` was seen to.
    """
    case.must_be_code("report", target, case.log.fields.report_targets)
    case.must_be_code("channel", channel, case.log.fields.report_channels)
    for each in checked:
        case.must_be_code("checklist", each, case.log.fields.report_checklist)
    must_say("the recipient", recipient)
    if reported_at > case.at:
        raise NotPossible("report: its time is still to come")
    every = case.items("reports")
    number = len(every) + 1
    every.append({"no": number, "target": target, "channel": channel, "at": reported_at})
    every[-1]["receipt_no"] = receipt_no or None
    case.meet("report")
    case.record(
        "reported",
        {"number": number},
        notes={"recipient": recipient, "checklist": "、".join(checked)},
        reports=every,
        outcomes=case.outcomes(adding=REPORTED),
    )
    return number


def give_receipt(case: Case, number: int, receipt_no: str) -> None:
    """The authority's own number of the report."""
    every, entry = case.item("reports", number)
    if entry["receipt_no"]:
        raise NotPossible(f"report {number}: it has a receipt")
    entry["receipt_no"] = must_say("the receipt number", receipt_no)
    case.record("receipt_given", {"number": number}, reports=every)
