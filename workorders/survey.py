"""The caller's word on the service 满意度评价: may it be asked for, and what does it bring about?

Nobody is asked whose order speaks of danger or harm, or was no consultation: saved, or typed and
not saved yet, for the caller is still on the line when the counselor begins to write.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from workorders.closing import reopen
from workorders.drafts import drafts_of
from workorders.follow_ups import plan_revisit
from workorders.life import Case
from workorders.life_cycle import State
from workorders.log import Log, OrderForgotten
from workorders.order import Row, orders

NOT_SATISFIED = 3

_LOOKED_AT = select(
    *(
        orders.c[name]
        for name in (
            "risk", "cause_main", "causes", "outcomes", "guardian_suspected", "reports", "deadlines"
        )
    )
)  # fmt: skip


def may_be_asked(connection: Connection, log: Log, order_no: str) -> bool:
    """Does nothing that is known of the order by now speak against it?"""
    order = connection.execute(_LOOKED_AT.where(orders.c.order_no == order_no)).one()._mapping
    rules = log.rules.survey
    if order["risk"] in rules.risks or order["guardian_suspected"] == "是":
        return False
    if order["reports"] or any(each["clock"] == "report" for each in order["deadlines"] or ()):
        return False
    try:
        forms = [draft.form for draft in drafts_of(connection, log, order_no)]
    except OrderForgotten:
        return False
    if any(form.get("guardian_suspected") == "是" for form in forms):
        return False
    causes = {cause for form in (order, *forms) for cause in _causes(form)}
    outcomes = set(order["outcomes"] or ())
    return not outcomes.intersection(rules.outcomes) and not any(
        cause in rules.causes or cause.partition(".")[0] in rules.causes for cause in causes
    )


def answered(
    connection: Connection, log: Log, order_no: str, satisfaction: int, at: datetime
) -> None:
    """The caller has said 1 satisfied, 2 fairly or 3 not; then a supervisor is to call back."""
    log.append(connection, order_no, "survey_answered", at, "caller", {}, satisfaction=satisfaction)
    if satisfaction == NOT_SATISFIED:
        case = Case(connection, log, order_no, at, "system")
        if case.state is State.CLOSED:
            reopen(case, "来电人评价不满意")
        plan_revisit(case)


def _causes(form: Row | Any) -> Iterable[str]:
    """Of an order or of a draft, which nobody has checked."""
    several = form.get("causes")
    for cause in (form.get("cause_main"), *(several if isinstance(several, list) else ())):
        if isinstance(cause, str):
            yield cause
