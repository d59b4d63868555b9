"""Closing 办结, with all that is missing said at once, and reopening."""

from __future__ import annotations

from http import HTTPStatus

from console.api.acting import done
from console.api.asked import Asked
from console.api.codes import Model, Text
from console.api.order_models import Order
from console.api.problems import Mistake, Refused
from workorders import closing
from workorders.life import Case
from workorders.life_cycle import State


class Reopening(Model):
    """Why it is taken up again."""

    reason: Text


def close(asked: Asked) -> Order:
    return done(asked, _close)


def reopen(asked: Asked) -> Order:
    reason = asked.body_as(Reopening).reason
    return done(asked, lambda case: closing.reopen(case, reason))


def _close(case: Case) -> None:
    lacking = closing.missing(case) if case.state is not State.CLOSED else []
    if lacking:
        raise Refused(
            HTTPStatus.CONFLICT,
            f"order {case.order_no}: not to be closed yet: {'; '.join(lacking)}",
            errors=[Mistake(where="order", what=each) for each in lacking],
        )
    closing.close(case)
