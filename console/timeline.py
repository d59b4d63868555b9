"""An order's events in plain words, for those who read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from flask_babel import get_locale, gettext

from config.topics import Topic
from console import words
from ivr.assembly import Assembly
from routing.directory import Service
from routing.rules import tier_name
from routing.stations import Stations
from workorders.deadlines import OF_A_STATION, Deadline
from workorders.handlers import station_of
from workorders.life_cycle import State
from workorders.life_view import CLOCKS, STAGES, STATES
from workorders.order_rules import Clock
from workorders.referral import Stage
from workorders.risk import BY_RISK
from workorders.unified_fields import unified_fields
from workorders.views import View

NOBODY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Words:
    """What codes in orders are called. `people`: names by `counselor:…` and `account:…`.
    `languages`: of the reader, `zh-CN` or `en`."""

    stations: Stations
    services: Mapping[str, Service]
    topics: Mapping[str, Topic]
    people: Mapping[str, str]
    language: str

    def who(self, actor: str) -> str:
        """An event's actor or an order's handler."""
        station = station_of(actor)
        if station is not None:
            return _("%(station)s值班负责人", station=self.station(station))
        return self.people.get(actor) or {"caller": _("来电人")}.get(actor) or _("系统")

    def station(self, station: str) -> str:
        return self.stations.name(station) if station in self.stations else _("未知服务台")

    def topic(self, topic: str) -> str:
        known = self.topics.get(topic)
        return known.name(self.language) if known else topic

    def value(self, name: str, value: Any) -> str:
        """What an order's field of this name says."""
        match name:
            case "topic":
                return self.topic(value)
            case "priority":
                return _of(words.PRIORITIES, value)
            case "station_home" | "station_answering":
                return self.station(value)
            case "first_responder" | "handler":
                return self.who(value)
            case "region_stated" | "region_incident" | "region_domicile":
                return self._region(value)
            case "language":
                return _of(words.SPOKEN, value)
            case "outcome":
                return _of(words.OUTCOMES, value)
            case "satisfaction":
                return _of(words.SATISFACTION, value)
            case "hung_up_by":
                return _of(words.ENDERS, value)
            case "risk":
                return f"{value} {unified_fields().risk_names[value]}"
            case "cause_main" | "causes":
                codes = [value] if isinstance(value, str) else value
                return _("、").join(unified_fields().cause_names.get(code, code) for code in codes)
            case "t_offer" | "t_answer" | "t_end" | "closed_at":
                return str(value)[:19].replace("T", " ")
        return _("、").join(value) if isinstance(value, list) else str(value)

    def state(self, view: View) -> str:
        """How far an order is."""
        return _(STATES[State(view["state"])])

    def stage(self, sent: Mapping[str, Any]) -> str:
        """How far a referral or a dispatch is."""
        return _(STAGES[Stage(sent["stage"])])

    def clock(self, clock: Clock) -> str:
        return _(CLOCKS[clock])

    def waited_for(self, deadline: Deadline) -> str:
        """`转介签收 2`: what, and which, or which station."""
        about = "" if deadline.of in (None, BY_RISK) else str(deadline.of)
        if deadline.clock in OF_A_STATION:
            about = self.station(about)
        return f"{_(CLOCKS[deadline.clock])} {about}".rstrip()

    def told(self, event: View) -> str:
        """One event in one sentence."""
        data: dict[str, Any] = event["data"]
        return self._told(event["kind"], data, data.get("set", {}), self.who(event["actor"]))

    def _told(self, kind: str, data: Mapping[str, Any], set_: Mapping[str, Any], who: str) -> str:
        if kind in words.LIFE:
            members = {**data, "risk": set_.get("risk")}
            said = {name: self._member(name, value) for name, value in members.items()}
            return str(words.LIFE[kind]) % {**said, "who": who}
        match kind:
            case "offered":
                channel = words.CHANNELS.get(set_.get("channel", ""))
                return str(channel) if channel else _("来电进入系统")
            case "region_found":
                return _("判断来电地区：%(region)s", region=self._region(data.get("region")))
            case "region_denied":
                return _("来电人否认地区：%(region)s", region=self._region(data.get("region")))
            case "topic_chosen":
                return _("选择诉求：%(topic)s", topic=self.topic(str(data.get("topic"))))
            case "language_chosen":
                spoken = _of(words.SPOKEN, data.get("language"))
                return _("选择语言：%(language)s", language=spoken)
            case "priority_raised" | "priority_lowered":
                to = _of(words.PRIORITIES, data.get("to"))
                why = _of(words.CAUSES, data.get("cause"))
                return _("优先级改为：%(priority)s（%(cause)s）", priority=to, cause=why)
            case "possible_earlier_contact":
                many = len(data.get("orders", ()))
                return _("可能是以前来过电话的人，%(many)s张工单，核实身份前不可查看", many=many)
            case "notice_given":
                return _("已告知通话录音")
            case "queued":
                return _("进入排队")
            case "queue_left":
                return _("离开排队")
            case "offer_made":
                rung = _("、").join(self.who(f"counselor:{one}") for one in data["counselors"])
                tier = _of(words.TIERS, tier_name(data["tier"]))
                return _("振铃（%(tier)s）：%(people)s", tier=tier, people=rung)
            case "offer_failed":
                result = _of(words.RESULTS, data.get("result"))
                missed = self.who(f"counselor:{data.get('counselor')}")
                return _("%(who)s未接通：%(result)s", who=missed, result=result)
            case "answered":
                return _("%(who)s接听", who=who)
            case "care_begun":
                cared = self.who(f"counselor:{data['cared_for']}")
                after = _("高风险来电后，%(who)s休整（本班第%(n)s次）", who=cared, n=data["calls"])
                return after + (_("；本班不再派普通来电") if data.get("rests") else "")
            case "counselor_lost":
                lost = self.who(f"counselor:{data.get('counselor')}")
                return _("%(who)s的话机在通话中失去连接，来电人排到最前", who=lost)
            case "survey_asked":
                return _("请来电人评价")
            case "survey_answered":
                word = _of(words.SATISFACTION, set_.get("satisfaction"))
                return _("来电人评价：%(satisfaction)s", satisfaction=word)
            case "talk_recorded":
                return _("通话录音%(seconds)s秒", seconds=data.get("seconds"))
            case "voicemail_left":
                return _("来电人留言，%(seconds)s秒", seconds=data.get("seconds"))
            case "message_written":
                return _("在网页留言")
            case "callback_asked":
                return _("在网页请求回电")
            case "transferred":
                return _("转接至%(line)s，已接通", line=data.get("entry"))
            case "transfer_failed":
                return _("转接至%(line)s，未接通", line=data.get("entry"))
            case "passed_on":
                return _("%(who)s转接至%(target)s", who=who, target=self._target(data))
            case "consulted" | "joined" | "not_joined" | "handed_on" | "left_again":
                names = {"who": who, "target": self._target(data)}
                return str(words.WITH_OTHERS[kind]) % names
            case "help_called" | "listened" | "whispered" | "barged_in":
                counselor = self.who(f"counselor:{data.get('counselor')}")
                names = {"who": counselor, "target": self._target(data)}
                return str(words.WITH_OTHERS[kind]) % names
            case "left_alone":
                return _("来电人听着音乐时无人返回，重新接入排队")
            case "last_resort":
                return _("由最后保障接听")
            case "callback_agreed":
                return _("来电人同意回拨")
            case "callback_waits":
                return _("等待回拨")
            case "callback_refused":
                return _("接电话的人按键表示没有请求回电，以后不再因网页请求拨打这个号码")
            case "callback_tried":
                return _("第%(number)s次回拨", number=data.get("number"))
            case "callback_connected":
                return _("回拨接通")
            case "callback_not_answered":
                return _("第%(number)s次回拨未通", number=data.get("number"))
            case "callback_taken_over":
                return _("这次来电代替原定的回拨")
            case "callback_cancelled":
                return _("回拨取消")
            case "callback_not_placed":
                missed = self.who(f"counselor:{data.get('counselor')}")
                return _("%(who)s的话机无法振铃，改由他人回拨", who=missed)
            case "callback_asks_anew":
                return _("之前未接的咨询员可再次被请回拨")
            case "callback_failed":
                return _("回拨未通，转人工跟进")
            case "forgotten":
                return _("个人信息已删除")
            case "ended" | "failed":
                outcome = _of(words.OUTCOMES, set_.get("outcome"))
                return _("通话结束：%(outcome)s", outcome=outcome)
            case _:
                return _("其他记录：%(kind)s", kind=kind)

    def _member(self, name: str, value: Any) -> str:
        """What an event of an order's life says of this name."""
        match name:
            case "to":
                return self.who(value)
            case "station":
                return self.station(value)
            case "stations":
                return _("、").join(self.station(each) for each in value)
            case "clock":
                return _(CLOCKS[value])
            case "risk" if value is not None:
                return self.value(name, value)
        return str(value)

    def _target(self, data: Mapping[str, Any]) -> str:
        """To whom a caller is passed on, or who is asked in."""
        target = str(data.get("target"))
        match data.get("target_kind"):
            case "counselor":
                return self.who(f"counselor:{target}")
            case "topic":
                return self.topic(target)
            case "station":
                return self.station(target)
            case "line":
                return self.service(target)
        return _("班长")

    def service(self, service: str) -> str:
        """A sister line."""
        known = self.services.get(service)
        if known is None:
            return service
        return known.en if self.language == "en" else known.zh_cn

    def _region(self, code: object) -> str:
        return self.stations.regions.name(str(code))


def _(text: str, **values: object) -> str:
    return str(gettext(text, **values))


def _of(table: Mapping[Any, str], code: Any) -> str:
    return str(table.get(code, code))


def words_of(
    assembly: Assembly, topics: Mapping[str, Topic], people: Mapping[str, str] = NOBODY
) -> Words:
    """In the visitor's language. `people`: as `Words` takes them, where any are named."""
    language = str(get_locale())
    return Words(assembly.stations, assembly.directory.services, topics, people, language)
