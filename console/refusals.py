"""What an order's life refuses, in words for whoever tried."""

from __future__ import annotations

from flask_babel import gettext as _

from workorders.life import NotPossible
from workorders.life_cycle import OutOfPlace
from workorders.log import OrderForgotten
from workorders.referral import OutOfTurn

REFUSED = (NotPossible, OutOfPlace, OutOfTurn, OrderForgotten, ValueError)


def said(refusal: Exception) -> str:
    match refusal:
        case OutOfPlace() | OutOfTurn():
            return str(_("工单已有变化，现在不能这样办理。请看下面的经过。"))
        case OrderForgotten():
            return str(_("这张工单的个人信息已删除，不能再填写。"))
    return str(_("没有办理：%(reason)s", reason=str(refusal)))
