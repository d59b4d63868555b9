"""The callers' page as a browser without any account meets it: what is left becomes an order, what
is too much or can't be is said, and nobody learns from the store who asked for help."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from werkzeug.test import TestResponse

from callflows.data_dips import FindDirectoryEntry
from callflows.events import DirectoryEntryFound, DirectoryEntryMissing
from callflows.session import Session
from console.application import application
from console.page_limits import BY_NUMBER, BY_PLACE, PLACES_OF_A_SITE, Where, allowed, where
from console.roles import Role
from ivr import page_visits, sessions
from ivr.asked_in import Refused, sister_line
from ivr.assembly import Assembly
from ivr.page_messages import Wish, callable_number
from ivr.page_visits import GOOD_FOR, Limits, Progress
from ivr.pending import OfferedCall
from tests.console_world import CALLER, GUANGZHOU, NOON, Browser, World, account_of
from workorders.deadlines import running
from workorders.verify import verify
from workorders.views import View, order_view, orders_of

NUMBER = "138 0013 8000"
AGREED = {"number": NUMBER, "agreed": "yes"}
OURS = "https://desk.example.cn"


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)],
)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    url = ""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql").new_database()
    world = World(tmp_path, url)
    yield world
    world.close()


def send(
    world: World, what: str, form: dict[str, str], address: str = "198.51.100.7", origin: str = OURS
) -> TestResponse:
    return world.app.test_client().post(
        f"/call/{what}", data=form, headers={"Origin": origin}, base_url=OURS,
        environ_base={"REMOTE_ADDR": address},
    )  # fmt: skip


def newest(world: World) -> View:
    keys = world.assembly.log.keys
    return world.assembly.store.read(
        lambda c: order_view(c, keys, orders_of(c, keys, limit=1)[0]["order_no"])
    )


def everything_stored(world: World) -> str:
    names = ("orders", "order_events", "order_notes", "order_secrets", "page_uses", "page_visits")
    return world.assembly.store.read(
        lambda c: "".join(str(c.execute(text(f"SELECT * FROM {name}")).all()) for name in names)
    )


def test_a_message_is_an_order_of_the_region_with_the_clock_of_messages(world: World) -> None:
    answer = send(world, "message", {"text": "同学打我", "region": GUANGZHOU})
    assert answer.status_code == 200
    assert "收到你的留言了" in answer.text
    order = newest(world)
    assert (order["channel"], order["station_home"]) == ("web", GUANGZHOU)
    assert (order["region_stated"], order["handler"]) == (GUANGZHOU, f"station:{GUANGZHOU}")
    assert (order["caller"], order["id_trust"]) == (None, "withheld")
    waited = world.assembly.store.read(lambda c: list(running(c)))
    ours = [each.deadline for each in waited if each.order_no == order["order_no"]]
    assert [(each.clock, each.due) for each in ours] == [("message", NOON + timedelta(hours=12))]
    page = f"/orders/{order['order_no']}"
    for role, reads in ((Role.COUNSELOR, True), (Role.INSPECTOR, False)):
        told = world.browser(account_of(role, GUANGZHOU)).get(page).text
        assert ("同学打我" in told) is reads, role
    assert verify(world.assembly.store, world.assembly.log.keys, Path("none")) == []


@pytest.mark.parametrize("region", ["", "999999", "'; DROP TABLE orders"])
def test_whoever_names_no_region_is_the_nations(world: World, region: str) -> None:
    send(world, "message", {"text": "你好", "region": region})
    assert newest(world)["station_home"] == "100000"
    assert newest(world)["region_stated"] is None


def test_a_callback_needs_the_consent_and_keeps_the_number_sealed(world: World) -> None:
    refused = send(world, "callback", {"number": NUMBER})
    assert refused.status_code == 400
    assert "没有你的同意" in refused.text
    assert (
        world.assembly.store.read(lambda c: orders_of(c, world.assembly.log.keys))[0]["channel"]
        != "web"
    )
    answer = send(world, "callback", {**AGREED, "hours": "放学后", "region": GUANGZHOU})
    assert "老师会给你打电话" in answer.text
    order = newest(world)
    assert (order["caller"], order["id_trust"]) == ("138****8000", "stated")
    assert [event["kind"] for event in order["events"]][:3] == [
        "offered", "callback_asked", "ended",
    ]  # fmt: skip
    page = world.browser(account_of(Role.COUNSELOR, GUANGZHOU)).get(f"/orders/{order['order_no']}")
    assert "在网页请求回电" in page.text
    assert CALLER not in page.text


@pytest.mark.parametrize("wanted", ["message", "callback"])
@pytest.mark.parametrize(
    "number", ["110", "12355", "120", "95588", "010-110", "020-12355", "+1 202 555 0123",
               "0085221234567", "400 800 1234", "16888888", "abc", "13800138000 ext. 5"],
)  # fmt: skip
def test_other_than_peoples_own_telephones_are_never_to_be_called(
    world: World, wanted: str, number: str
) -> None:
    before = newest(world)["order_no"]
    answer = send(world, wanted, {"text": "喂", "number": number, "agreed": "yes"})
    assert answer.status_code == 400
    assert "这个号码不能拨打" in answer.text
    assert newest(world)["order_no"] == before


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assembly]:
    world = World(tmp_path_factory.mktemp("numbers"))
    yield world.assembly
    world.close()


@given(st.one_of(st.text(max_size=30), st.from_regex(r"\+?[0-9 ()-]{0,20}", fullmatch=True)))
def test_whatever_is_typed_only_chinese_numbers_of_eleven_figures_or_ten_come_of_it(
    assembly: Assembly, typed: str
) -> None:
    number = callable_number(assembly, typed)
    assert number is None or re.fullmatch(r"\+86[1-9][0-9]{8,10}", number)


def test_what_is_written_is_escaped_and_given_back_when_it_is_too_long(world: World) -> None:
    written = "<script>alert(1)</script>" + "长" * 2000
    answer = send(world, "message", {"text": written})
    assert answer.status_code == 400
    assert "写得太长" in answer.text
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text


def test_from_one_place_or_about_one_number_there_is_not_too_much(world: World) -> None:
    most, within = BY_PLACE[Wish.MESSAGE]
    codes = [send(world, "message", {"text": f"{n}"}).status_code for n in range(most + 1)]
    assert codes == [200] * most + [429]
    stopped = send(world, "message", {"text": "还有"})
    assert "请过一会儿再试" in stopped.text
    assert 'href="tel:12355"' in stopped.text
    assert "还有</textarea>" in stopped.text
    assert send(world, "message", {"text": "别处"}, "203.0.113.5").status_code == 200
    assert send(world, "visits", {}).status_code == 200, "a call is not refused for it"
    world.at += within
    assert send(world, "message", {"text": "后来"}).status_code == 200

    asked = [send(world, "callback", AGREED, f"203.0.113.{n}") for n in range(2)]
    assert BY_NUMBER[Wish.CALLBACK] == 1
    assert [answer.status_code for answer in asked] == [200, 429]


def test_a_household_is_one_place_and_a_neighbour_another() -> None:
    key = b"k" * 32
    assert where(key, "2001:db8:1:2::1") == where(key, "2001:db8:1:2:ffff::9")
    here, neighbour = where(key, "2001:db8:1:2::1"), where(key, "2001:db8:1:3::1")
    assert (here.place == neighbour.place, here.site == neighbour.site) == (False, True)
    assert here.site != where(key, "2001:db8:2:2::1").site
    assert where(key, "::ffff:192.0.2.1") == where(key, "192.0.2.1")
    assert where(key, "fe80::1%eth0") == where(key, "fe80::2")
    assert where(key, "192.0.2.1") != where(b"other" * 8, "192.0.2.1")
    assert where(key, "192.0.2.1").site != where(key, "192.0.2.2").site


def test_who_has_a_thousand_networks_is_one_of_four_households(world: World) -> None:
    most, _ = BY_PLACE[Wish.MESSAGE]

    def ask(number: int) -> bool:
        there = where(b"k" * 32, f"2001:db8:1:{number:x}::1")
        return world.assembly.store.write(lambda c: allowed(c, Wish.MESSAGE, there, None, world.at))

    asked = [ask(number) for number in range(most * PLACES_OF_A_SITE + 1)]
    assert asked == [True] * most * PLACES_OF_A_SITE + [False]


def test_nothing_stored_tells_in_clear_who_asked(world: World) -> None:
    send(world, "message", {"text": "我很害怕", "number": NUMBER, "hours": "晚上八点"})
    send(world, "visits", {})
    stored = everything_stored(world)
    for word in ("我很害怕", "13800138000", "晚上八点", "198.51.100.7"):
        assert word not in stored


def visit(world: World, region: str = "") -> str:
    word = json.loads(send(world, "visits", {"region": region}).text)["visit"]
    assert isinstance(word, str)
    return word


def test_a_visit_is_worth_one_call_within_minutes(world: World) -> None:
    store, word = world.assembly.store, visit(world, GUANGZHOU)
    late = visit(world)
    assert store.write(lambda c: page_visits.opens(c, word, world.at))
    assert not store.write(lambda c: page_visits.opens(c, "made up", world.at))
    take = page_visits.take
    assert store.write(lambda c: take(c, word, "a-1", world.at)) == (True, GUANGZHOU)
    assert store.write(lambda c: take(c, word, "a-1", world.at)) == (True, GUANGZHOU)
    assert store.write(lambda c: take(c, word, "a-2", world.at)) == (False, None)
    assert store.write(lambda c: take(c, "made up", "a-3", world.at)) == (False, None)
    world.at += GOOD_FOR
    assert store.write(lambda c: take(c, late, "a-4", world.at)) == (False, None)
    assert not store.write(lambda c: page_visits.opens(c, late, world.at))


def test_too_many_calls_are_told_so_and_everybody_else_may_still_call(world: World) -> None:
    store = world.assembly.store
    few = Limits(by_place=2, at_once=3)

    def begin(place: bytes, limits: Limits = few) -> bool:
        there = Where(place, place)
        word = store.write(lambda c: page_visits.begin(c, *there, None, world.at, limits))
        return word is not None

    assert [begin(b"school") for _ in range(3)] == [True, True, False]
    assert [begin(b"home") for _ in range(2)] == [True, False]
    world.at += GOOD_FOR
    assert begin(b"home"), "what never became a call is forgotten"
    unused = Limits(at_once=100, unused=3)
    assert [begin(b"hoarder", unused) for _ in range(4)] == [True] * 3 + [False]
    world.at += GOOD_FOR
    assert begin(b"hoarder", unused)


def test_a_page_that_offers_no_call_says_nothing_of_one(world: World) -> None:
    settings = world.assembly.settings.model_copy(update={"caller_page_calls": 0})
    one = world.assembly
    app = application(
        Assembly(settings, one.store, one.log, one.stations, one.directory),
        world.watch,
        lambda: world.at,
    )
    page = Browser(app).get("/call/").text
    assert "开始通话" not in page
    assert "发送留言" in page


def test_how_far_a_call_is_is_told_to_its_own_browser_alone(world: World) -> None:
    word = visit(world)
    client = world.app.test_client()

    def told(of: str) -> object:
        answer = client.get("/call/progress", headers={"X-Visit": of}, base_url=OURS)
        return json.loads(answer.text)["progress"]

    assert told(word) is None
    world.assembly.store.write(lambda c: page_visits.take(c, word, "guangzhou", world.at))
    assert told("made up") is None
    assert set(Progress) == {"calling", "queued", "talking", "ended"}


def test_a_page_of_somebody_elses_sends_nothing_and_shows_nothing(world: World) -> None:
    for what in ("message", "callback", "visits"):
        assert send(world, what, {"text": "x"}, origin="https://evil.example").status_code == 403
    policy = Browser(world.app).get("/call/").headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in policy
    assert policy.endswith("'self'")
    assert (
        "frame-ancestors 'none'"
        in Browser(world.app).get("/login").headers["Content-Security-Policy"]
    )


def test_the_settings_say_whose_pages_may_show_it(world: World) -> None:
    origins = "https://school.example.cn, https://city.example.cn:8443"
    settings = world.assembly.settings.model_copy(update={"caller_page_origins": origins})
    assembly = Assembly(
        settings, world.assembly.store, world.assembly.log, world.assembly.stations,
        world.assembly.directory,
    )  # fmt: skip
    app = application(assembly, world.watch, lambda: world.at)
    headers = Browser(app).get("/call/").headers
    assert headers["Content-Security-Policy"].endswith(
        "frame-ancestors 'self' https://school.example.cn https://city.example.cn:8443"
    )
    assert "frame-ancestors 'none'" in Browser(app).get("/login").headers["Content-Security-Policy"]


def test_the_page_is_in_the_browsers_language_and_promises_nothing_without_its_exception(
    world: World,
) -> None:
    chinese = Browser(world.app).get("/call/").text
    assert '<html lang="zh-CN">' in chinese
    assert "有一个例外" in chinese
    assert 'href="tel:110"' in chinese
    english = Browser(world.app).get("/call/", **{"Accept-Language": "en"}).text
    assert '<html lang="en">' in english
    assert "one exception" in english


def test_a_store_that_is_down_is_said_with_the_telephone_number(world: World) -> None:
    world.assembly.store.close()
    answer = send(world, "message", {"text": "喂"})
    assert answer.status_code == 503
    assert "没有保存下来" in answer.text
    assert "喂</textarea>" in answer.text
    assert json.loads(send(world, "visits", {}).text) == {"problem": "failed"}


def test_by_a_region_that_was_chosen_on_a_page_no_police_is_dialled(world: World) -> None:
    """It may be where somebody lives: the counselor asks, or the caller confirms it in the call."""
    controller = world.assembly.controller("one", lambda woken: None)
    call = OfferedCall("web-1", "asterisk", "x", "12355", None, None, "web", GUANGZHOU)
    controller.offered(call, world.at)
    row = world.assembly.store.read(lambda c: sessions.load(c, "web-1"))
    assert row is not None
    assert row.session is not None
    began = Session.from_json(row.session)
    assert began.values["station"] == GUANGZHOU, "it leads to the station there"

    def police(session: Session) -> type:
        dip = FindDirectoryEntry("police")
        return type(
            controller.write(lambda tx: controller.house.answer(tx, row, session, dip, world.at))
        )

    assert police(began) is DirectoryEntryMissing
    asked = {**began.values, "region_source": "stated", "region_confidence": "certain"}
    assert police(replace(began, values=asked)) is DirectoryEntryFound
    with pytest.raises(Refused):
        world.assembly.store.read(lambda c: sister_line(controller.house, c, row, "police"))
