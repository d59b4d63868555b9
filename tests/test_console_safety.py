"""Safety on the desk: the crisis button, a colleague's report, messages, identity, plans."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from console.audit import Action
from console.roles import Role
from ivr.desk_requests import Kind
from tests.console_world import GUANGZHOU, NOON, PEOPLE, WUHAN, Browser, World, account_of
from tests.test_console_with_others import asked, talk
from workorders import alarms
from workorders.log import Entry
from workorders.views import order_view

MINUTE = timedelta(minutes=1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


class At:
    """One order's safety in somebody's browser."""

    def __init__(self, world: World, role: Role, name: str = "guangzhou") -> None:
        self.world = world
        self.path = f"/orders/{world.orders[name]}/safety"
        self.browser: Browser = world.browser(account_of(role, GUANGZHOU))
        self.browser.get(self.path)

    def page(self) -> str:
        return self.browser.get(self.path).text

    def does(self, act: str, **typed: str) -> tuple[int, str]:
        answer = self.browser.post(self.path, {"act": act, **typed}, htmx=True)
        return answer.status_code, answer.text


def kinds(world: World, name: str = "guangzhou") -> list[str]:
    keys = world.assembly.log.keys
    view = world.assembly.store.read(lambda c: order_view(c, keys, world.orders[name]))
    return [event["kind"] for event in view["events"]]


def test_one_button_then_place_numbers_and_a_colleague_who_reports(world: World) -> None:
    counselor, colleague = At(world, Role.COUNSELOR), At(world, Role.CLINICAL)
    assert "班长已到场" not in counselor.page()
    status, text = counselor.does("crisis")
    assert status == 200
    assert "录音已保留" in text
    assert "正在呼叫班长" in text
    assert "先问来电人现在在哪个城市" in text, "110 of nowhere is shown"
    assert counselor.does("place", place="不存在市")[0] == 422
    status, text = counselor.does("place", place="广州")
    assert (status, "9110" in text, "9120" in text) == (200, True, True)
    assert counselor.does("ask_colleague", address="体育西路3号")[0] == 200
    assert "体育西路3号" in colleague.page()
    assert colleague.does("take_report")[0] == 200
    assert counselor.does("take_report")[0] == 422, "taken by one"
    told = {"target": "公安", "channel": "电话", "recipient": "李警官"}
    assert colleague.does("report", **told)[0] == 200
    assert {"reported", "colleague_reported"} <= set(kinds(world))
    assert counselor.does("come")[0] == 403, "a supervisor comes"
    supervisor = At(world, Role.SUPERVISOR)
    assert "班长已到场" in supervisor.does("come")[1]


def test_a_report_sent_twice_is_one_report(world: World) -> None:
    counselor = At(world, Role.COUNSELOR)
    counselor.does("crisis")
    counselor.does("ask_colleague", address="体育西路3号")
    text = counselor.does("take_report")[1]
    form = re.search(r'name="form_name" value="([^"]+)">\n<input[^>]+value="report"', text)
    assert form is not None
    told = {"target": "公安", "channel": "电话", "recipient": "李警官", "form_name": form[1]}
    assert [counselor.does("report", **told)[0] for _ in range(2)] == [200, 200]
    assert kinds(world).count("reported") == 1


def test_a_place_without_a_verified_number_shows_none(world: World) -> None:
    counselor = At(world, Role.COUNSELOR)
    counselor.does("crisis")
    text = counselor.does("place", place="武汉")[1]
    assert "没有核实过的号码" in text
    assert "9110" not in text


def test_a_dropped_crisis_call_is_seen_to_by_a_supervisor(world: World) -> None:
    world.assembly.store.write(
        lambda c: alarms.crisis_dropped(world.case(c, "guangzhou", actor="engine"))
    )
    counselor, supervisor = At(world, Role.COUNSELOR), At(world, Role.SUPERVISOR)
    assert "紧急来电中断" in counselor.page()
    assert counselor.does("see_to_drop", opinion="已联系班主任")[0] == 403
    assert supervisor.does("take_drop")[0] == 200
    assert supervisor.does("see_to_drop", opinion="")[0] == 422
    assert "不由机器回拨" not in supervisor.does("see_to_drop", opinion="已联系班主任")[1]


def test_a_message_is_heard_by_somebody_who_may_and_that_is_written_down(world: World) -> None:
    order_no = world.orders["guangzhou"]
    recordings = world.assembly.settings.recordings_directory
    recordings.mkdir(exist_ok=True)
    (recordings / "m-1.wav").write_bytes(b"RIFF" + bytes(100))

    def left(connection: object) -> None:
        entry = Entry("voicemail_left", NOON, "caller", {}, {"recording_ref": "m-1"})
        log = world.assembly.log
        log.append_all(connection, order_no, [entry])  # type: ignore[arg-type]
        log.append(connection, order_no, "last_resort", NOON, "engine", {}, outcome="voicemail")  # type: ignore[arg-type]
        alarms.message_waits(world.case(connection, "guangzhou", actor="engine"), True)  # type: ignore[arg-type]

    world.assembly.store.write(left)
    counselor = At(world, Role.COUNSELOR)
    assert "<audio" in counselor.page()
    answer = counselor.browser.get(f"/orders/{order_no}/message")
    assert (answer.status_code, answer.mimetype, len(answer.data)) == (200, "audio/wav", 104)
    assert (f"{Role.COUNSELOR}-{GUANGZHOU}", "message_opened", order_no, None) in world.audited(
        Action.MESSAGE_OPENED
    )
    assert "已有人听过" in counselor.does("hear")[1]
    for stranger in (account_of(Role.COUNSELOR, WUHAN), account_of(Role.INSPECTOR, GUANGZHOU)):
        refused = world.browser(stranger).get(f"/orders/{order_no}/message").status_code
        assert refused in (403, 404)


def test_earlier_orders_stay_closed_until_identity_is_checked(world: World) -> None:
    earlier = world.orders["guangzhou_sent_out"]

    def found(connection: object) -> None:
        world.assembly.log.append(
            connection, world.orders["guangzhou"], "possible_earlier_contact", NOON, "system",  # type: ignore[arg-type]
            {"orders": [earlier]},
        )  # fmt: skip

    world.assembly.store.write(found)
    counselor = At(world, Role.COUNSELOR)
    path = counselor.path.replace("/safety", f"/earlier/{earlier}")
    assert earlier not in counselor.page()
    assert counselor.browser.get(path).status_code == 404
    assert earlier in counselor.does("identity", how="说出了上次约定的暗语")[1]
    assert "属地服务台" in counselor.browser.get(path).text
    me = account_of(Role.COUNSELOR, GUANGZHOU)
    assert (me, "order_read", earlier, world.orders["guangzhou"]) in world.audited(
        Action.ORDER_READ
    )
    other = path.replace(earlier, world.orders["wuhan"])
    assert counselor.browser.get(other).status_code == 404, "never another than the one named"


def test_harassment_silence_and_a_plan(world: World) -> None:
    counselor, supervisor = At(world, Role.COUNSELOR), At(world, Role.SUPERVISOR)
    assert "是按一下，不是按两下" in counselor.page()
    assert counselor.does("plan", plan="先问是否安全", review_on="")[0] == 422
    assert "先问是否安全" in counselor.does("plan", plan="先问是否安全", review_on="2026-12-24")[1]
    other = At(world, Role.COUNSELOR, "referred")
    assert "先问是否安全" in other.page(), "the plan is of the number"
    assert "申请放缓" in counselor.does("harassment", slow="一天二十次")[1]
    assert counselor.does("slow", decision="yes", reason="骚扰")[0] == 403
    assert "申请放缓" not in supervisor.does("slow", decision="yes", reason="骚扰")[1]
    assert kinds(world)[-2:] == ["slowing_approved", "closed"]
    world.at = NOON + 2 * MINUTE
    silent = At(world, Role.COUNSELOR, "guangzhou_sent_out")
    assert silent.does("end_silent")[0] == 422, "it was referred: a consultation"


def test_a_plan_says_how_to_handle_and_keeps_its_background_closed(world: World) -> None:
    counselor = At(world, Role.COUNSELOR)
    plan = {"plan": "限15分钟，不作承诺", "background": "小雨，父母离异", "review_on": "2026-12-24"}
    assert counselor.does("plan", **plan)[0] == 200
    other = At(world, Role.COUNSELOR, "referred")
    assert "限15分钟，不作承诺" in other.page()
    assert "小雨" not in other.page(), "one number is not one person"
    rewritten = {"plan": "限10分钟", "review_on": "2026-12-30"}
    assert "小雨" not in other.does("plan", **rewritten)[1]
    text = other.does("identity", how="说出了上次约定的暗语")[1]
    assert "限10分钟" in text
    assert "小雨，父母离异" in text, "who may not see it cannot erase it"
    assert "小雨" not in other.does("plan", **rewritten)[1], "who sees it can"


def test_one_key_ends_harassment_with_a_warning_that_the_line_speaks(world: World) -> None:
    """The counselor has read nothing out, and the order says nothing before it has come about."""
    me = account_of(Role.COUNSELOR, GUANGZHOU)
    world.assembly.store.write(lambda connection: talk(world, connection))
    counselor = At(world, Role.COUNSELOR)
    assert 'aria-keyshortcuts="Shift+F9"' in counselor.page()
    assert "hx-confirm" in counselor.page()
    before = kinds(world)
    status, text = counselor.does("harassment", slow="一天二十次")
    assert (status, "电话会播放警告" in text, "申请放缓" in text) == (200, True, True)
    assert kinds(world) == [*before, "slowing_asked"]
    [request] = asked(world)
    assert (request.kind, request.counselor_id, request.asked_by) == (
        Kind.WARN, me, f"counselor:{me}",
    )  # fmt: skip
    colleague = At(world, Role.CLINICAL)
    assert "已宣读警告，结束" in colleague.page(), "who doesn't talk ends no call"


def test_whoever_is_not_in_charge_sees_and_does_nothing(world: World) -> None:
    path = f"/orders/{world.orders['guangzhou']}/safety"
    for role in PEOPLE:
        browser = world.browser(account_of(role, WUHAN))
        assert browser.get(path).status_code in (403, 404)
        assert browser.post(path, {"act": "crisis"}).status_code in (403, 404)
    assert "crisis_declared" not in kinds(world)
    browser = world.browser(account_of(Role.COUNSELOR, GUANGZHOU))
    assert browser.post(path, {"act": "nothing"}).status_code == 400


def test_what_must_be_seen_to_is_told_on_every_page_of_the_station(world: World) -> None:
    counselor, supervisor = At(world, Role.COUNSELOR), At(world, Role.SUPERVISOR)
    assert "紧急待办" not in supervisor.browser.get("/alarms/count").text
    counselor.does("crisis")
    assert "紧急待办 1" in supervisor.browser.get("/alarms/count").text
    listed = supervisor.browser.get("/alarms/").text
    assert "班长到场" in listed
    assert world.orders["guangzhou"] in listed
    elsewhere = world.browser(account_of(Role.SUPERVISOR, WUHAN))
    assert "紧急待办" not in elsewhere.get("/alarms/count").text
    counselor.does("plan", plan="先问是否安全", review_on="2026-11-24")
    world.at = NOON + timedelta(hours=12)
    assert (
        "来电约定到期复查"
        in world.browser(account_of(Role.MANAGER, GUANGZHOU)).get("/alarms/").text
    )


def test_a_page_left_open_keeps_nobody_logged_in(world: World) -> None:
    browser = world.browser(account_of(Role.COUNSELOR, GUANGZHOU))
    while browser.get("/alarms/count").status_code == 200:
        world.at += 5 * MINUTE
        assert world.at < NOON + timedelta(days=1)


def test_whoever_is_above_the_stations_says_what_for_and_the_station_sees_it(world: World) -> None:
    province = world.browser("province")
    assert "事由会被记录" in province.get("/cases/").text
    mine, others = world.orders["guangzhou"], world.orders["wuhan"]
    assert province.post("/cases/", {"order_no": mine, "purpose": " "}).status_code == 422
    purpose = "省级督办该个案"
    assert province.post("/cases/", {"order_no": others, "purpose": purpose}).status_code == 422
    opened = province.post("/cases/", {"order_no": mine, "purpose": purpose})
    assert "属地服务台" in opened.text
    assert "138" not in opened.text
    assert world.audited(Action.CASE_OPENED) == [("province", "case_opened", mine, purpose)]
    station = world.browser(account_of(Role.MANAGER, GUANGZHOU)).get(f"/orders/{mine}").text
    assert f"因个案查阅：{purpose}" in station
    assert province.get(f"/orders/{mine}").status_code == 403, "no other page of it opens"
    for role in set(PEOPLE) - {Role.ADMIN}:
        other = world.browser(account_of(role, GUANGZHOU))
        assert other.post("/cases/", {"order_no": mine, "purpose": purpose}).status_code == 403
