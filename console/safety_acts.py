"""What is done to an order for somebody's safety: one table of acts, each with its right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from console.roles import Rights
from routing.regions import Regions
from workorders import alarms, contact_plans, earlier_contact, harassment, reports
from workorders.canonical import SHANGHAI
from workorders.life import Case, NotPossible
from workorders.order import station_in_charge

Typed = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Act:
    """`do`: with what was typed. `review`: a supervisor's."""

    do: Callable[[Case, Typed, Regions], object]
    review: bool = False

    def is_for(self, may: Rights) -> bool:
        return may.review if self.review else may.work


def _place(case: Case, typed: Typed, regions: Regions) -> None:
    said = typed.get("place", "")
    code = regions.named(said)
    if code is None:
        raise NotPossible(f"place: {said!r} is no city of the list")
    alarms.place(case, code)


def _report(case: Case, typed: Typed, _regions: Regions) -> None:
    reports.report(
        case, typed.get("target", ""), typed.get("channel", ""), case.at,
        typed.get("recipient", ""), typed.get("receipt_no", ""),
    )  # fmt: skip
    alarms.colleague_reported(case)


def _plan(case: Case, typed: Typed, _regions: Regions) -> None:
    try:
        day = date.fromisoformat(typed.get("review_on", ""))
    except ValueError:
        raise NotPossible("plan: write the day of its review") from None
    # Until the end of the day.
    review_at = datetime.combine(day, datetime.min.time(), SHANGHAI) + timedelta(days=1)
    background = typed.get("background", "")
    seen = earlier_contact.checked(case.connection, case.order_no)
    contact_plans.write(
        case.connection, case.log.keys, case.order_no, typed.get("plan", ""),
        background if background or seen else None, review_at,
        station_in_charge(case.row) or "", case.actor, case.at,
    )  # fmt: skip
    case.record("contact_plan_written")


ACTS: Mapping[str, Act] = {
    "crisis": Act(lambda case, typed, _: alarms.press(case, typed.get("address", ""))),
    "place": Act(_place),
    "ask_colleague": Act(
        lambda case, typed, _: alarms.ask_colleague(case, typed.get("address", ""))
    ),
    "take_report": Act(lambda case, _t, _: alarms.take(case, alarms.COLLEAGUE)),
    "report": Act(_report),
    "safe_to_end": Act(lambda case, _t, _: alarms.safe_to_end(case)),
    "come": Act(lambda case, _t, _: alarms.take(case, alarms.SUPERVISOR), review=True),
    "take_drop": Act(lambda case, _t, _: alarms.take(case, alarms.DROPPED), review=True),
    "see_to_drop": Act(
        lambda case, typed, _: alarms.drop_seen_to(case, typed.get("opinion", "")), review=True
    ),
    "end_silent": Act(lambda case, _t, _: alarms.end_silent(case)),
    "harassment": Act(
        lambda case, typed, _: harassment.end_with_warning(case, typed.get("slow", ""))
    ),
    "slow": Act(
        lambda case, typed, _: harassment.decide_slowing(
            case, approved=typed.get("decision") == "yes", reason=typed.get("reason", "")
        ),
        review=True,
    ),
    "hear": Act(lambda case, _t, _: alarms.hear(case)),
    "identity": Act(lambda case, typed, _: earlier_contact.check(case, typed.get("how", ""))),
    "plan": Act(_plan),
}
