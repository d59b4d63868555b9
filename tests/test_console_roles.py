"""Each page tried by each role on each branch, against the table of roles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import url_for
from werkzeug.test import TestResponse

from agents import roster
from agents.roster import Contact, Counselor
from console.application import OPEN
from console.roles import ROLES, Caller, Orders, Presence, Rights, Role
from console.visitor import NEEDS
from tests.console_world import CALLER, GUANGZHOU, NOON, WUHAN, Browser, World, account_of

STATIONS = (GUANGZHOU, WUHAN)
EVERYBODY = [(role, station) for role in Role for station in STATIONS]

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
}  # fmt: skip
DESK_PAGES = {
    "desk.change", "desk.log_in", "desk.stream", "desk.telephone",
    "with_others.show", "with_others.ask",
}  # fmt: skip
MONITOR_PAGES = {"with_others.monitor", "with_others.begin"}
CASE_PAGES = {"cases.open_"}
FORMS = {"login.log_out", "account.choose_language", "account.change_password"}
"""Everybody's own."""

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
    assert {rule.endpoint for rule in world.app.url_map.iter_rules()} == tried
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
            browser.post(f"/orders/{order_no}/form", {"seen": "99"}),
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
        answer = browser.post(f"/orders/{order_no}/acts/hand-over", {"seen": "0"})
        assert answer.status_code == (422 if works else refused), name


def _sent_to(may: Rights, station: str, name: str) -> bool:
    return name in {
        GUANGZHOU: {"dispatched"},
        WUHAN: {"wuhan_sent_out"},
    }[station] and (may.work or may.orders is Orders.DISPATCHED)


def _referred_to(may: Rights, station: str, name: str) -> bool:
    return may.orders is Orders.REFERRED and name in READ[Orders.REFERRED][station]


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
    for role in Role:
        assert world.browser(account_of(role, GUANGZHOU)).get("/forgotten").status_code == 403
    world.close()
