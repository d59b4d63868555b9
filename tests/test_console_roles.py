"""Each page tried by each role on each branch, against the table of roles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import url_for
from werkzeug.test import TestResponse

from agents import roster
from agents.roster import Contact, Counselor
from console import accounts
from console.api.endpoints import ENDPOINTS
from console.api.scopes import Scope
from console.application import OPEN
from console.roles import ROLES, Caller, Orders, Presence, Rights, Role
from console.visitor import NEEDS
from tests.console_world import (
    CALLER,
    GUANGZHOU,
    NOON,
    PEOPLE,
    WUHAN,
    Browser,
    Program,
    World,
    account_of,
)

STATIONS = (GUANGZHOU, WUHAN)
EVERYBODY = [(role, station) for role in PEOPLE for station in STATIONS]

PAGES: dict[str, Callable[[Rights], bool]] = {
    "home": lambda may: True,
    "desk.show": lambda may: may.desk,
    "orders.listed": lambda may: may.orders is not Orders.NONE,
    "figures.show": lambda may: may.figures,
    "alarms.show": lambda may: may.work,
    "alarms.count": lambda may: may.work,
    "cases.ask": lambda may: may.cases,
    "presence.show": lambda may: may.presence > Presence.NONE,
    "presence.stream": lambda may: may.presence > Presence.NONE,
    "account.show": lambda may: True,
    "tasks.show": lambda may: may.acts,
    "knowledge.show": lambda may: may.work,
    "knowledge.cards": lambda may: may.work,
}
ORDER_PAGES = {
    "orders.show", "orders.open_number", "order_form.show", "order_form.keep", "order_form.draft",
    "order_acts.do",
    "safety.show", "safety.act", "safety.message", "safety.earlier", "safety.keys",
    "recordings.hear",
}  # fmt: skip
DESK_PAGES = {
    "desk.change", "desk.here", "desk.log_in", "desk.stream", "desk.telephone",
    "desk.twilio_token", "desk.twilio_talk",
    "with_others.show", "with_others.ask",
}  # fmt: skip
MONITOR_PAGES = {"with_others.monitor", "with_others.begin"}
CASE_PAGES = {"cases.open_"}
FORMS = {"login.log_out", "account.choose_language", "account.change_password"}
"""Everybody's own."""

CALLS: dict[str, Callable[[Rights], bool]] = {
    "GET /orders": lambda may: may.orders is not Orders.NONE,
    "GET /counselors": lambda may: may.presence is Presence.NAMED,
    "GET /counselors/{counselor}": lambda may: may.presence is Presence.NAMED,
    "GET /presence": lambda may: may.presence > Presence.NONE,
    "GET /presence/me": lambda may: may.presence > Presence.NONE,
    "PUT /presence/me": lambda may: may.presence is Presence.NAMED,
    "POST /intake": lambda may: may.hands_in,
    "GET /intake/{order_no}": lambda may: may.hands_in,
}
"""Of the API, whatever order they are about."""
ORDER_CALLS: dict[str, tuple[Callable[[Rights], bool], object]] = {
    "GET /orders/{order_no}": (lambda may: True, None),
    "POST /orders/{order_no}/number": (
        lambda may: may.caller is Caller.OPENED, {"reason": "来电人要求回电"},
    ),
    "PATCH /orders/{order_no}/fields": (lambda may: may.work, {"age": "16–17"}),
    "POST /orders/{order_no}/notes": (lambda may: may.work, {"text": "下午再联系"}),
    "POST /orders/{order_no}/decisions": (
        lambda may: may.work, {"decision": {"kind": "outcome_recorded", "outcome": "危机干预"}},
    ),
    "POST /orders/{order_no}/follow-ups": (
        lambda may: may.work, {"when": "2026-12-01T08:00:00Z", "whom": "本人"},
    ),
    "POST /orders/{order_no}/follow-ups/{number}/result": (
        lambda may: may.work, {"whom": "本人", "result": "未联系上"},
    ),
    "POST /orders/{order_no}/referrals": (
        lambda may: may.work, {"target": "妇联", "summary": "核实情况"},
    ),
    "POST /orders/{order_no}/referrals/{number}/signature": (lambda may: may.acts, None),
    "POST /orders/{order_no}/referrals/{number}/reply": (
        lambda may: may.acts, {"receipt": "已核实"},
    ),
    "POST /orders/{order_no}/referrals/{number}/refusal": (
        lambda may: may.acts, {"reason": "不属本单位"},
    ),
    "POST /orders/{order_no}/suspicion": (lambda may: may.work, {"grounds": "手臂有伤"}),
    "POST /orders/{order_no}/reports": (
        lambda may: may.work,
        {"target": "民政", "channel": "电话", "at": "2026-11-24T03:30:00Z", "recipient": "值班员"},
    ),
    "POST /orders/{order_no}/reports/{number}/receipt": (
        lambda may: may.work, {"receipt_no": "2026-7"},
    ),
    "POST /orders/{order_no}/closing": (lambda may: may.work, None),
    "POST /orders/{order_no}/reopening": (lambda may: may.work, {"reason": "又来电"}),
}  # fmt: skip
"""About an order that the role's table of orders lets them read: what else it takes, and a body
that is in order."""
BODIES: dict[str, object] = {
    "PUT /presence/me": {"state": "logged_out"},
    "POST /intake": {"channel": "wechat", "upstream_order_no": "1", "text": "想找人说说话"},
}
ABOVE = ("province", "nation")
"""Accounts of admins above the cities."""

READ = {
    Orders.NONE: {GUANGZHOU: set[str](), WUHAN: set[str]()},
    Orders.STATION: {
        GUANGZHOU: {"guangzhou", "assisted", "dispatched", "referred", "guangzhou_sent_out"},
        WUHAN: {"wuhan", "wuhan_sent_out"},
    },
    Orders.DISPATCHED: {GUANGZHOU: {"dispatched"}, WUHAN: {"wuhan_sent_out"}},
    Orders.REFERRED: {GUANGZHOU: {"referred"}, WUHAN: {"wuhan_sent_out"}},
}

IN_CHARGE = {
    GUANGZHOU: {"guangzhou", "referred", "guangzhou_sent_out"},
    WUHAN: {"wuhan_sent_out"},
}
"""An order of Wuhan's was answered by the centre, which is in charge."""


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    url = ""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql").new_database()
    world = World(tmp_path_factory.mktemp("console"), url)
    yield world
    world.close()


@pytest.fixture(scope="module")
def browsers(world: World) -> dict[tuple[Role, str], Browser]:
    return {(role, where): world.browser(account_of(role, where)) for role, where in EVERYBODY}


def test_every_page_is_tried_here_and_says_whom_it_is_for(world: World) -> None:
    tried = set(PAGES) | ORDER_PAGES | CASE_PAGES | DESK_PAGES | MONITOR_PAGES | FORMS | OPEN
    endpoints = {rule.endpoint for rule in world.app.url_map.iter_rules()}
    assert {name for name in endpoints if not name.startswith("api.") or name in OPEN} == tried
    calls = {f"{each.method} {each.path}" for each in ENDPOINTS}
    assert calls == CALLS.keys() | ORDER_CALLS.keys()
    assert len(endpoints) - len(tried) == len(calls)
    assert {
        name for name, view in world.app.view_functions.items() if not hasattr(view, NEEDS)
    } == OPEN


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_for_whom_the_table_says(
    world: World, browsers: dict[tuple[Role, str], Browser], page: str
) -> None:
    with world.app.test_request_context():
        path = url_for(page)
    for (role, station), browser in browsers.items():
        answer = browser.get(path)
        allowed = answer.status_code in (200, 302)
        assert allowed is PAGES[page](ROLES[role]), (role, station, answer.status)
        assert allowed or answer.status_code == 403
        answer.close()
    assert world.browser().get(path).status_code == 302


@pytest.mark.parametrize(("role", "station"), EVERYBODY)
def test_an_order_is_for_whom_the_table_says(
    world: World, browsers: dict[tuple[Role, str], Browser], role: Role, station: str
) -> None:
    browser, may = browsers[role, station], ROLES[role]
    listed = browser.get("/orders/").text
    for name, order_no in world.orders.items():
        answer = browser.get(f"/orders/{order_no}")
        theirs = name in READ[may.orders][station]
        refused = 403 if may.orders is Orders.NONE else 404
        assert answer.status_code == (200 if theirs else refused), name
        assert (order_no in listed) is theirs
        assert CALLER[3:] not in answer.text
        sealed = theirs and may.caller > Caller.HIDDEN
        assert ("138****8000" in answer.text) is sealed
        assert ('class="course"' in answer.text) is (theirs and may.course)
        assert ("谁看过" in answer.text) is (theirs and may.readers)


@pytest.mark.parametrize(("role", "station"), EVERYBODY)
def test_a_number_is_opened_for_whom_the_table_says(
    world: World, browsers: dict[tuple[Role, str], Browser], role: Role, station: str
) -> None:
    browser, may = browsers[role, station], ROLES[role]
    for name, order_no in world.orders.items():
        answer = browser.post(f"/orders/{order_no}/number", {"reason": "来电人要求回电"})
        opened = name in READ[may.orders][station] and may.caller is Caller.OPENED
        assert (answer.status_code == 200) is opened, name
        assert (CALLER in answer.text) is opened


@pytest.mark.parametrize(("role", "station"), EVERYBODY)
def test_work_with_others_is_for_whom_the_table_says(
    world: World, browsers: dict[tuple[Role, str], Browser], role: Role, station: str
) -> None:
    browser, may = browsers[role, station], ROLES[role]
    page = f"/desk/with-others/{world.orders['guangzhou']}"
    allowed = 200 if may.desk else 403
    assert browser.get(page).status_code == allowed
    assert browser.post(page, {"kind": "help"}).status_code == allowed
    # 8001 is Guangzhou's.
    listens = (200 if station == GUANGZHOU else 404) if may.monitors else 403
    assert browser.get("/monitor/8001").status_code == listens
    assert browser.post("/monitor/8001", {"kind": "listen"}).status_code == listens


def test_a_desk_has_a_telephone_for_whom_the_table_and_the_roster_say(tmp_path: Path) -> None:
    world = World(tmp_path)
    for number, (role, station) in enumerate(EVERYBODY, start=9001):
        browser = world.browser(account_of(role, station))
        assert _telephone(browser).status_code == 403
        assert browser.get("/desk/telephone").status_code == 403
        one = Counselor(
            account_of(role, station), "", str(number), station,
            contacts=(Contact("browser", str(number)),),
        )  # fmt: skip
        world.assembly.store.write(lambda c, one=one: roster.add(c, one, NOON))
        answer = _telephone(browser)
        assert answer.status_code == (204 if ROLES[role].desk else 403), role
        may = ROLES[role].desk
        assert browser.get("/desk/telephone").status_code == (200 if may else 403)
        assert browser.get("/desk/stream").status_code == (400 if may else 403)
        assert browser.post("/desk/here").status_code == (204 if may else 403)
        assert browser.post("/desk/presence", {"does": "log_in"}).status_code == (
            200 if may else 403
        )
        assert _telephone(browser, "https://evil.example").status_code == 403
    assert _telephone(world.browser()).status_code == 302
    world.close()


def _telephone(browser: Browser, origin: str = "https://desk.example.cn") -> TestResponse:
    return browser.get("/ws", Origin=origin)


@pytest.mark.parametrize(("role", "station"), EVERYBODY)
def test_a_form_is_for_the_station_in_charge(
    world: World, browsers: dict[tuple[Role, str], Browser], role: Role, station: str
) -> None:
    browser, may = browsers[role, station], ROLES[role]
    for name, order_no in world.orders.items():
        answers = [
            browser.get(f"/orders/{order_no}/form"),
            browser.post(f"/orders/{order_no}/form"),
            browser.post(f"/orders/{order_no}/draft", {"version": "0"}),
        ]
        theirs = name in IN_CHARGE[station]
        fine = [200, 303, 200] if theirs else [404] * 3
        assert [each.status_code for each in answers] == (fine if may.work else [403] * 3), name


@pytest.mark.parametrize(("role", "station"), EVERYBODY)
def test_an_act_is_for_whom_the_table_says(
    world: World, browsers: dict[tuple[Role, str], Browser], role: Role, station: str
) -> None:
    browser, may = browsers[role, station], ROLES[role]
    for name, order_no in world.orders.items():
        page = browser.get(f"/orders/{order_no}").text
        works = may.work and name in IN_CHARGE[station]
        for act, theirs in (
            ("hand-over", works),
            ("dispatch-sign", (works and "out" in name) or _sent_to(may, station, name)),
            ("referral-sign", (works and name != "guangzhou") or _referred_to(may, station, name)),
        ):
            assert (f"/acts/{act}" in page) is theirs, (name, act)
        refused = 403 if not may.acts or name in READ[may.orders][station] else 404
        answer = browser.post(f"/orders/{order_no}/acts/hand-over")
        assert answer.status_code == (422 if works else refused), name


def _sent_to(may: Rights, station: str, name: str) -> bool:
    return name in {
        GUANGZHOU: {"dispatched"},
        WUHAN: {"wuhan_sent_out"},
    }[station] and (may.work or may.orders is Orders.DISPATCHED)


def _referred_to(may: Rights, station: str, name: str) -> bool:
    return may.orders is Orders.REFERRED and name in READ[Orders.REFERRED][station]


@pytest.fixture(scope="module")
def programs(world: World) -> dict[str, Program]:
    """With every scope, by account; a token that its role could not have been given, too: what
    the account may is looked at when it is used."""
    names = [account_of(role, where) for role in Role for where in STATIONS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("console.api.tokens.NEEDED", dict.fromkeys(Scope, lambda may: True))
        return {name: world.program(name, *Scope) for name in (*names, *ABOVE)}


@pytest.fixture(scope="module")
def rights(world: World, programs: dict[str, Program]) -> dict[str, Rights]:
    found = {who.id: who.may for who in world.assembly.store.read(accounts.everybody)}
    return {name: found[name] for name in programs}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_is_for_whom_the_table_says(
    programs: dict[str, Program], rights: dict[str, Rights], call: str
) -> None:
    method, path = call.split()
    path = path.format(counselor="nobody", order_no="20261124-999999")
    for name, program in programs.items():
        answer = program.ask(method, path, BODIES.get(call))
        assert (answer.status_code != 403) is CALLS[call](rights[name]), (name, answer.text)
        assert answer.status_code in (200, 201, 403, 404)


@pytest.mark.parametrize("call", ORDER_CALLS)
def test_a_call_about_an_order_is_for_whom_the_table_says(
    world: World, programs: dict[str, Program], rights: dict[str, Rights], call: str
) -> None:
    method, path = call.split()
    allowed, body = ORDER_CALLS[call]
    for name, program in programs.items():
        may, (_, _, station) = rights[name], name.partition("-")
        readable = READ[may.orders].get(station, set())
        for order, order_no in world.orders.items():
            answer = program.ask(method, path.format(order_no=order_no, number=1), body)
            if may.orders is Orders.NONE or not allowed(may):
                assert answer.status_code == 403, (name, order)
            elif order not in readable:
                assert answer.status_code == 404, (name, order)
            elif "/referrals/{number}/" in path and may.orders is Orders.REFERRED:
                assert answer.status_code in (200, 409), "its own, whoever is in charge"
            elif (
                allowed(Rights(work=True))
                and method != "GET"
                and (not may.work or order not in IN_CHARGE[station])
            ):
                assert answer.status_code == 403, (name, order)
            else:
                assert answer.status_code in (200, 201, 409), (name, order, answer.text)
            opened = call.endswith("/number") and answer.status_code == 200
            assert (CALLER in answer.text) is opened


def test_a_list_holds_what_the_table_says(
    world: World, programs: dict[str, Program], rights: dict[str, Rights]
) -> None:
    for name, program in programs.items():
        may, (_, _, station) = rights[name], name.partition("-")
        if may.orders is Orders.NONE:
            continue
        listed = program.get("/orders").json["items"]
        names = READ[may.orders][station]
        ours = {each["order_no"] for each in listed} & set(world.orders.values())
        assert ours == {world.orders[each] for each in names}
        sealed = {each["caller"] for each in listed if each["order_no"] in ours}
        assert sealed == ({"138****8000"} if may.caller > Caller.HIDDEN else {None})


def test_above_the_stations_there_are_figures_and_no_persons(world: World) -> None:
    for boss, homes in (("province", {"广州", "深圳"}), ("nation", {"广州", "深圳", "武汉"})):
        browser = world.browser(boss)
        figures = browser.get("/figures/").text
        assert {name for name in ("广州", "深圳", "武汉") if name in figures} == homes
        assert browser.get(f"/orders/{world.orders['guangzhou']}").status_code == 403
        assert "林静" not in figures + browser.get("/presence/").text


def test_a_page_that_says_nothing_is_for_nobody(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    for role in PEOPLE:
        assert world.browser(account_of(role, GUANGZHOU)).get("/forgotten").status_code == 403
    world.close()
