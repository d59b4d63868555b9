"""Referrals 转介 and dispatches 派单: sent, signed for 签收, refused 退单, answered 回执 or carried
out 线下办结. What was refused leaves the order waiting for another decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workorders.life import Case, must_say
from workorders.order_rules import Clock
from workorders.referral import Stage, after


@dataclass(frozen=True, slots=True)
class _Way:
    column: str
    signed: Clock
    answered: Clock


_REFERRAL = _Way("referrals", "referral_signed", "referral_replied")
_DISPATCH = _Way("dispatches", "dispatch_signed", "dispatch_done")
REFERRED = "转介"


def refer(case: Case, target: str, summary: str, contact: str = "") -> int:
    """Refer to an authority, one of `referral_targets`; its number in the order.

    :param summary: what they are asked to do. `contact`: whom there. Both personal.
    """
    case.must_be_code("referral", target, case.log.fields.referral_targets)
    notes: dict[str, str | None] = {"summary": must_say("the summary", summary), "contact": contact}
    return _send(case, _REFERRAL, "referred", target, REFERRED, notes)


def dispatch(case: Case, target: str, to: str, task: str) -> int:
    """Send to an offline station or a partner; its number in the order.

    :param target: one of `dispatch_targets`. `to`: which one, its id. `task`: personal.
    """
    targets = case.log.fields.dispatch_targets
    case.must_be_code("dispatch", target, targets)
    must_say("to whom it is dispatched", to)
    notes: dict[str, str | None] = {"task": must_say("the task", task)}
    return _send(case, _DISPATCH, "dispatched", target, targets[target], notes, to=to)


def sign_referral(case: Case, number: int, signer: str = "") -> None:
    """签收.

    :param signer: who said so by telephone, and at which; personal.
    """
    _sign(case, _REFERRAL, number, "referral_signed", signer)


def sign_dispatch(case: Case, number: int, signer: str = "") -> None:
    """签收, as of a referral."""
    _sign(case, _DISPATCH, number, "dispatch_signed", signer)


def refuse_referral(case: Case, number: int, reason: str) -> None:
    """退单."""
    _refuse(case, _REFERRAL, number, "referral_refused", reason)


def refuse_dispatch(case: Case, number: int, reason: str) -> None:
    """退单."""
    _refuse(case, _DISPATCH, number, "dispatch_refused", reason)


def reply_to_referral(case: Case, number: int, receipt: str) -> None:
    """回执.

    :param receipt: what they did; personal.
    """
    _answer(case, _REFERRAL, number, "referral_replied", "receipt", receipt)


def finish_dispatch(case: Case, number: int, report: str) -> None:
    """线下办结.

    :param report: what was done; personal.
    """
    _answer(case, _DISPATCH, number, "dispatch_done", "report", report)


def _send(
    case: Case, way: _Way, kind: str, target: str, outcome: str, notes: dict[str, str | None],
    **more: Any,
) -> int:  # fmt: skip
    every = case.items(way.column)
    number = len(every) + 1
    every.append(
        {"no": number, "target": target, **more, "stage": Stage.SENT, "outcome": outcome}
        | {"sent": case.at, "signed": None, "refused": None, "answered": None}
    )
    case.start(way.signed, number)
    case.start(way.answered, number)
    case.record(
        kind,
        {"number": number, "target": target},
        notes=notes,
        outcomes=case.outcomes(adding=outcome),
        **_columns(way, every),
    )
    return number


def _sign(case: Case, way: _Way, number: int, kind: str, signer: str) -> None:
    every = _move(case, way, number, kind, "signed")
    case.end(way.signed, number)
    case.record(kind, {"number": number}, notes={"signer": signer}, **_columns(way, every))


def _refuse(case: Case, way: _Way, number: int, kind: str, reason: str) -> None:
    must_say("the reason of the refusal", reason)
    every = _move(case, way, number, kind, "refused")
    outcome = every[number - 1]["outcome"]
    left = any(each["outcome"] == outcome and each["refused"] is None for each in every)
    outcomes = case.outcomes() if left else case.outcomes(without=outcome)
    if not outcomes:
        case.start("decision")
    case.end(way.signed, number)
    case.end(way.answered, number)
    case.record(
        kind,
        {"number": number},
        notes={"reason": reason},
        outcomes=outcomes,
        **_columns(way, every),
    )


def _answer(case: Case, way: _Way, number: int, kind: str, name: str, text: str) -> None:
    must_say(f"the {name}", text)
    every = _move(case, way, number, kind, "answered")
    case.end(way.answered, number)
    case.record(kind, {"number": number}, notes={name: text}, **_columns(way, every))


def _move(case: Case, way: _Way, number: int, kind: str, moment: str) -> list[dict[str, Any]]:
    case.must_allow(kind)
    every, entry = case.item(way.column, number)
    entry["stage"] = after(Stage(entry["stage"]), kind)
    entry[moment] = case.at
    return every


def _columns(way: _Way, every: list[dict[str, Any]]) -> dict[str, Any]:
    return {way.column: every}
