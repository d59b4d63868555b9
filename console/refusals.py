"""What an order's life refuses, and what it lacks to be closed, in words for whoever tries."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from console import words
from workorders.life import NotPossible
from workorders.life_cycle import OutOfPlace
from workorders.life_view import CLOCKS
from workorders.log import OrderForgotten
from workorders.referral import OutOfTurn
from workorders.unified_fields import unified_fields

REFUSED = (NotPossible, OutOfPlace, OutOfTurn, OrderForgotten, ValueError)

LACKING: Mapping[str, str] = {
    r"nobody said what becomes of it": _("还没有处置"),
    r"the joint assessment is not concluded": _("联合研判还没有结论"),
    r"(?P<field>\w+) is not filled in": _("没有填写：%(field)s"),
    r"(?P<event>\w+) has not happened": _("还没有办理：%(event)s"),
    r"its risk is (?P<risk>\w+)": _("风险为%(risk)s，这一级不能办结"),
    r"a handover is not answered": _("交接还没有答复"),
    r"report (?P<number>\d+) has no receipt number": _("报告%(number)s没有回执号"),
    r"(?P<clock>\w+)(?P<which> \d+)? is still waited for": _("还在等待：%(clock)s%(which)s"),
}
"""What `closing.missing` says, as patterns."""

REASONS: Mapping[str, str] = {
    r"the reason( of the refusal)? is missing": _("请写明原因。"),
    r"the time is missing": _("请写明时间。"),
    r"(the|to) .*is missing|.* is dispatched is missing": _("有必填的没有填。"),
    r"(appointment|follow-up): its time is past": _("时间已过，请写将来的时间。"),
    r"report: its time is still to come": _("报告的时间还没有到。"),
    r"a guardian is suspected": _("监护人涉嫌侵害：不得联系监护人。"),
    r"risk: at .* this was a consultation": _("风险在中级以上，不能归为非咨询。"),
    r"outcomes: .*: this was a consultation": _("已有处置，不能归为非咨询。"),
    r"outcomes: .* follows from": _("这一处置请用它自己的办理。"),
    r"handover: nobody takes an order by themselves": _("不能把工单交给自己，请承办人交接。"),
    r"handover: .* is the handler": _("对方已是承办人。"),
    r"handover: .* has not answered yet": _("上一次交接还没有答复。"),
    r"handover: (nothing is offered|it was offered to)": _("这次交接不是给您的，或已答复。"),
    r"cross-region: station .* is in charge": _("工单已由那个服务台主办。"),
    r"joint assessment: name another station": _("请写明另一个服务台。"),
    r"joint assessment: not signed off by": _("还有服务台没有会签。"),
    r"not to be closed yet": _("还不能办结，请看还缺什么。"),
    r"(region_\w+|place): .* is no (region|city) of the list": _(
        "没有这个地区，或有几个同名的，请从列表里选。"
    ),
    r"consent_ref: ": _("同意记录只写编号或录音时间，不写姓名。"),
    r"form: it was sent before": _(
        "这张表刚才已经办理过一次，这次写的不一样，还没有办理。要再办一次，请核对后再按。"
    ),
    r".* is not one of ": _("有一项不在选项里，请重新选择。"),
}
"""What else is refused."""


def said(refusal: Exception) -> str:
    match refusal:
        case OutOfPlace() | OutOfTurn():
            return str(gettext("工单已有变化，现在不能这样办理。请看经过。"))
        case OrderForgotten():
            return str(gettext("这张工单的个人信息已删除，不能再填写。"))
    text = str(refusal)
    found = (word for pattern, word in REASONS.items() if re.match(pattern, text))
    return str(next(found, gettext("没有办理：%(reason)s", reason=text)))


def lacks(text: str) -> str:
    """What an order lacks, as `closing.missing` says it."""
    for pattern, word in LACKING.items():
        found = re.match(pattern, text)
        if found:
            said = {name: _called(name, it) for name, it in found.groupdict("").items()}
            return str(word) % said
    return text


def _called(name: str, code: str) -> str:
    match name:
        case "field":
            return str(words.FORM.get(code) or words.FIELDS.get(code, code))
        case "event":
            return str(words.LIFE[code]).partition("%(who)s")[2].partition("%(")[0].rstrip("：（")
        case "risk":
            return f"{code} {unified_fields().risk_names[code]}"
        case "clock":
            return next(str(gettext(CLOCKS[clock])) for clock in CLOCKS if clock == code)
    return code
