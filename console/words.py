"""What codes are called on a page. Chinese is written here, English in `translations/`."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from agents.counselor import State
from agents.presence import HIGH_RISK_CALLS, IN_A_ROW, WRAP_UP
from console.accounts import Account
from console.roles import Role
from ivr.desk_requests import Kind
from ivr.desk_requests import State as RequestState
from workorders.handed_in import Channel
from workorders.life_view import CLOCKS
from workorders.order_rules import Clock, Period
from workorders.unified_fields import unified_fields

ROLE_NAMES: Mapping[str, str] = {
    Role.COUNSELOR: _("咨询员"),
    Role.SUPERVISOR: _("班长"),
    Role.CLINICAL: _("督导"),
    Role.MANAGER: _("服务台负责人"),
    Role.ADMIN: _("管理员"),
    Role.INSPECTOR: _("质检员"),
    Role.OFFLINE: _("线下承办人"),
    Role.PARTNER: _("合作单位"),
    Role.EVALUATOR: _("评估员"),
    Role.SYSTEM: _("其他系统"),
}

STATES: Mapping[str, str] = {
    State.AVAILABLE: _("示闲"),
    State.RESERVED: _("即将来电"),
    State.RINGING: _("振铃"),
    State.ON_CALL: _("通话中"),
    State.WRAP_UP: _("话后整理"),
    State.PAUSED: _("示忙"),
    State.LOGGED_OUT: _("未签入"),
}

REASONS: Mapping[str, str] = {
    "rona": _("振铃未接"),
    "declined": _("拒接"),
    "busy": _("占线"),
    "unreachable": _("话机未连接"),
    "congestion": _("线路繁忙"),
    "break": _("小休"),
    "meal": _("用餐"),
    "training": _("培训"),
    "supervision": _("接受督导"),
    "paperwork": _("案头工作"),
    "recovery": _("休整"),
}

PROGRESS: Mapping[str, str] = {
    "waiting": _("来电中"),
    "talking": _("通话中"),
    "open": _("待办结"),
    "closed": _("已办结"),
}

OUTCOMES: Mapping[str, str] = {
    "answered": _("已接通"),
    "voicemail": _("已留言"),
    "transferred": _("已转接"),
    "callback": _("已回拨"),
    "callback_failed": _("回拨未通"),
    "called_again": _("来电人已再次来电"),
    "message_written": _("网页留言"),
    "callback_asked": _("网页请求回电"),
    "abandoned_in_queue": _("排队放弃"),
    "abandoned_in_menu": _("菜单挂断"),
    "hung_up_by_flow": _("流程结束"),
    "wrong_number": _("非本台号码"),
    "failed": _("异常中断"),
    "handed_in": _("其他渠道转入"),
}

CHANNELS: Mapping[str, str] = {
    Channel.WEB_FORM: _("网页表单"),
    Channel.WECHAT: _("微信"),
    Channel.LINE_12345: _("12345转办"),
    Channel.OTHER: _("其他渠道"),
}
"""Of orders that were handed in: nobody rang."""

SENT_OUT: Mapping[str, str] = {
    "referrals": _("转介"),
    "dispatches": _("派单"),
    "handovers": _("交接"),
}

RESULTS: Mapping[str, str] = {
    "no_answer": _("振铃未接"),
    "busy": _("占线"),
    "declined": _("拒接"),
    "unreachable": _("话机未连接"),
    "congestion": _("线路繁忙"),
    "abandoned": _("来电人已挂断"),
    "expired": _("超时未接"),
    "lost": _("通话中断线"),
}

PRIORITIES: Mapping[int, str] = {
    0: _("靠后"),
    1: _("普通"),
    2: _("曾有高风险工单"),
    3: _("无声求助"),
    4: _("紧急"),
}

CAUSES: Mapping[str, str] = {
    "star": _("来电人按了星号键"),
    "key_5": _("来电人按了5"),
    "supervisor": _("班长标记"),
    "open_order_at_risk": _("有未办结的高风险工单"),
    "harassment": _("骚扰来电"),
}
"""Of another priority."""

SPOKEN: Mapping[str, str] = {
    "zh-CN": _("普通话"),
    "yue": _("粤语"),
    "en": _("英语"),
}

TIERS: Mapping[str, str] = {
    "home": _("本台"),
    "province": _("省级"),
    "centre": _("区域中心"),
    "any": _("其他中心"),
}

ENDERS: Mapping[str, str] = {
    "caller": _("来电人"),
    "counselor": _("咨询员"),
    "sister_line": _("对方热线"),
    "flow": _("系统"),
}

RESTS: Mapping[str, str] = {
    IN_A_ROW: _("休整至%(time)s（连续接听）"),
    HIGH_RISK_CALLS: _("休整至%(time)s（高风险来电）"),
    WRAP_UP: _("话后整理至%(time)s"),
}

SATISFACTION: Mapping[int, str] = {
    1: _("满意"),
    2: _("基本满意"),
    3: _("不满意"),
}

LIFE: Mapping[str, str] = {
    "form_filled": _("%(who)s填写工单"),
    "answered_directly": _("%(who)s直接答复"),
    "appointed": _("%(who)s约定面询或商谈"),
    "appointment_kept": _("%(who)s记录：预约已完成"),
    "appointment_missed": _("%(who)s记录：预约未成"),
    "outcome_recorded": _("%(who)s记录处置：%(outcome)s"),
    "classed_non_consultation": _("%(who)s归为非咨询"),
    "referred": _("%(who)s转介至%(target)s（转介%(number)s）"),
    "referral_signed": _("%(who)s签收：转介%(number)s"),
    "referral_refused": _("%(who)s退单：转介%(number)s"),
    "referral_replied": _("%(who)s回执：转介%(number)s"),
    "dispatched": _("%(who)s派单至%(target)s（派单%(number)s）"),
    "dispatch_signed": _("%(who)s签收：派单%(number)s"),
    "dispatch_refused": _("%(who)s退单：派单%(number)s"),
    "dispatch_done": _("%(who)s线下办结：派单%(number)s"),
    "harm_suspected": _("%(who)s怀疑未成年人受侵害或面临危险，须强制报告"),
    "guardian_cleared": _("%(who)s排除对监护人的怀疑"),
    "reported": _("%(who)s强制报告（报告%(number)s）"),
    "receipt_given": _("%(who)s登记回执号：报告%(number)s"),
    "risk_assessed": _("%(who)s评估风险：%(risk)s"),
    "risk_lowering_proposed": _("%(who)s提出降低风险等级，待第二人确认"),
    "reviewed": _("%(who)s复核"),
    "supervised": _("%(who)s督导"),
    "follow_up_planned": _("%(who)s计划跟踪反馈"),
    "followed_up": _("%(who)s跟踪反馈"),
    "handover_offered": _("%(who)s提出交接，待%(to)s接收"),
    "handover_accepted": _("%(who)s接收为承办人"),
    "handover_declined": _("%(who)s不接收交接"),
    "handler_released": _("转由值班负责人承办"),
    "handed_in": _("%(who)s从其他渠道转入"),
    "noted": _("%(who)s添加备注"),
    "assessment_convened": _("%(who)s发起联合研判：%(stations)s"),
    "assessment_signed": _("%(who)s为%(station)s会签"),
    "assessment_concluded": _("%(who)s作出联合研判结论"),
    "reminded": _("%(who)s提醒%(to)s：%(clock)s即将到期"),
    "escalated": _("%(who)s督办，通知%(to)s：%(clock)s已逾期"),
    "crisis_declared": _("%(who)s按下危机按钮：保留录音，呼叫班长"),
    "crisis_dropped": _("紧急来电中断，不由机器回拨，待班长处理"),
    "drop_seen_to": _("%(who)s处理了中断的紧急来电"),
    "colleague_asked": _("%(who)s请同事代为报警"),
    "colleague_reported": _("%(who)s已代为报警"),
    "alarm_taken": _("%(who)s接手：%(clock)s"),
    "message_waits": _("留言待听取"),
    "message_heard": _("%(who)s听取留言"),
    "safe_to_end": _("%(who)s确认来电人暂时安全，可以结束通话"),
    "silent_ended": _("%(who)s按无声来电流程结束通话，风险未评"),
    "incident_placed": _("%(who)s登记事发地"),
    "harassment_warned": _("%(who)s警告后结束骚扰来电"),
    "slowing_asked": _("%(who)s申请放缓该号码，待班长批准"),
    "slowing_approved": _("%(who)s批准放缓该号码，最长24小时；按星号键仍然有效"),
    "slowing_declined": _("%(who)s不批准放缓该号码"),
    "contact_plan_written": _("%(who)s写了来电约定"),
    "identity_checked": _("%(who)s记录了核实身份的方式"),
    "closed": _("%(who)s办结"),
    "reopened": _("%(who)s重新办理"),
}
"""What people do to an order, and what is told of its deadlines."""

WITH_OTHERS: Mapping[str, str] = {
    "consulted": _("%(who)s与%(target)s商议，来电人听音乐"),
    "joined": _("%(who)s请%(target)s加入通话"),
    "not_joined": _("%(who)s请%(target)s，未接通"),
    "handed_on": _("%(who)s把来电人交给%(target)s"),
    "left_again": _("%(target)s离开通话"),
    "help_called": _("%(who)s求助，呼叫%(target)s"),
    "listened": _("%(target)s监听%(who)s的通话"),
    "whispered": _("%(target)s耳语%(who)s"),
    "barged_in": _("%(target)s强插%(who)s的通话"),
}
"""Who was asked into a talk, and who monitored it."""

REQUESTS: Mapping[str, str] = {
    Kind.BLIND: _("直接转接"),
    Kind.CONSULT: _("商议"),
    Kind.THREE_WAY: _("三方通话"),
    Kind.COMPLETE: _("交给对方"),
    Kind.BACK: _("回到来电人"),
    Kind.WARN: _("播放警告并结束"),
    Kind.HELP: _("求助"),
    Kind.LISTEN: _("监听"),
    Kind.WHISPER: _("耳语"),
    Kind.JOIN: _("强插"),
    Kind.LEAVE: _("离开"),
}
"""What is asked of the engine."""

REQUEST_STATES: Mapping[str, str] = {
    RequestState.ASKED: _("已提出"),
    RequestState.TAKEN: _("正在进行"),
    RequestState.RINGING: _("正在接通"),
    RequestState.TALKING: _("已接通，来电人听不到"),
    RequestState.JOINED: _("已加入通话"),
    RequestState.ENDING: _("正在结束"),
    RequestState.DONE: _("完成"),
    RequestState.FAILED: _("未成"),
}

REQUEST_RESULTS: Mapping[str, str] = {
    "call_over": _("，通话已结束"),
    "not_talking": _("，你已不在通话中"),
    "not_free": _("，对方此刻不空闲"),
    "not_on_this_line": _("，这条线路上做不到"),
    "not_reached": _("，对方的话机接不到这通电话"),
    "not_in_directory": _("，没有当地已核实的号码，请先问清来电人在哪里"),
    "never_blind": _("，紧急电话只能三方通话，请不要离开来电人"),
    "only_three_way": _("，紧急电话只能三方通话"),
    "stay_on_the_line": _("，与紧急电话通话时请不要离开来电人"),
    "unknown_target": _("，请重新选择"),
    "somebody_is_asked_in": _("，已经请了一位"),
    "nobody_is_asked_in": _("，对方已不在"),
    "no_supervisor": _("，没有空闲的班长"),
    "already_called": _("，已经呼叫过"),
    "already_rings": _("，你的话机正在响"),
    "nobody_listens": _("，没有在监听"),
    "not_performed": _("，线路没有响应，请再试一次"),
    "no_answer": _("，对方未接"),
    "busy": _("，对方占线"),
    "declined": _("，对方拒接"),
    "unreachable": _("，对方话机未连接"),
    "congestion": _("，线路繁忙"),
}
"""Why a request came to nothing."""

FIELDS: Mapping[str, str] = {
    "topic": _("诉求"),
    "priority": _("优先级"),
    "language": _("语言"),
    "station_home": _("属地服务台"),
    "station_answering": _("接听服务台"),
    "first_responder": _("首问责任人"),
    "handler": _("承办人"),
    "t_offer": _("来电时间"),
    "t_answer": _("接听时间"),
    "t_end": _("结束时间"),
    "outcome": _("通话结果"),
    "hung_up_by": _("挂断方"),
    "caller_role": _("来电人身份"),
    "age": _("年龄"),
    "sex": _("性别"),
    "schooling": _("就学就业"),
    "groups": _("来电人群"),
    "guardian_suspected": _("监护人是否涉嫌侵害"),
    "region_stated": _("来电人说在哪里"),
    "region_incident": _("事发地"),
    "region_domicile": _("户籍或学校所在地"),
    "consent_ref": _("同意记录"),
    "cause_main": _("主案由"),
    "causes": _("其他案由"),
    "risk": _("风险"),
    "outcomes": _("处置"),
    "satisfaction": _("满意度"),
    "closed_at": _("办结时间"),
}
"""In the order in which they are shown."""


def role_of(account: Account) -> str:
    return ROLE_NAMES[account.role]


FORM: Mapping[str, str] = {
    **{name: FIELDS[name] for name in ("caller_role", "age", "sex", "schooling", "groups")},
    **{name: FIELDS[name] for name in ("cause_main", "causes", "risk", "guardian_suspected")},
    **{name: FIELDS[name] for name in ("region_stated", "region_incident", "region_domicile")},
    "consent_ref": FIELDS["consent_ref"],
    "risk_evidence": _("风险依据"),
    "subject_ref": _("当事人"),
    "summary": _("摘要"),
    "contact_number": _("安全联系"),
    "contact_hours": _("何时方便"),
    "contact_never_contact": _("不得联系谁"),
    "contact_may_identify": _("可以说明是12355"),
    "outcome": _("处置"),
    "reply": _("答复要点"),
    "refer_target": _("转介到"),
    "refer_summary": _("请对方做什么"),
    "refer_contact": _("对方联系人"),
}
"""What stands in the form."""

_PERIODS: Mapping[str, str] = {
    "min": _("%(amount)s分钟"),
    "h": _("%(amount)s小时"),
    "working days": _("%(amount)s个工作日"),
}


def period(of: Period) -> str:
    return str(_PERIODS[of.unit]) % {"amount": of.amount}


def clock(name: Clock) -> str:
    return str(gettext(CLOCKS[name]))


def typed(name: str, value: str | list[str]) -> str:
    """What somebody typed into the form."""
    if name == "contact_may_identify":
        return "✓"
    codes = value if isinstance(value, list) else [value]
    if name in ("cause_main", "causes"):
        codes = [unified_fields().cause_names.get(code, code) for code in codes]
    return " ".join(codes)
