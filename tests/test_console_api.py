"""The API as programs meet it: tokens, orders, presence, intake, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from werkzeug.test import TestResponse

from agents import presence
from config.database import StoreUnavailable
from console import accounts
from console.accounts import Account
from console.api.openapi import described
from console.api.rates import BY_ADDRESS, BY_TOKEN
from console.api.scopes import Scope
from console.audit import Action
from console.roles import Role
from console.tokens_command_line import tokens
from tests.console_world import (
    CALLER,
    GUANGZHOU,
    KEPT,
    NOON,
    WUHAN,
    Program,
    World,
    account_of,
)  # fmt: skip
from workorders import risk
from workorders.verify import Finding, verify

DESCRIPTION = Path(__file__).parents[1] / "docs" / "openapi.json"
LIN = account_of(Role.COUNSELOR, GUANGZHOU)
WEB = account_of(Role.SYSTEM, GUANGZHOU)
LETTER = {
    "channel": "web_form",
    "upstream_order_no": "W-1",
    "region": WUHAN,
    "topic": "psychology",
    "text": "想找人说说话",
    "contact": {"number": "138 0013 8000", "how": "晚上八点后，别打电话"},
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def refused(answer: TestResponse, status: int, said: str) -> None:
    """A problem, which says so in one line."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    problem = answer.json
    assert said in problem["detail"]
    assert "\n" not in problem["detail"]
    assert problem["status"] == status


def wrong_in_the_log(world: World) -> list[Finding]:
    house = world.assembly
    found = verify(house.store, house.log.keys, house.settings.seal_file)
    return [one for one in found if "not exported" not in one.what]


def test_the_committed_description_is_current() -> None:
    how = "run: .venv/bin/python run_ivr.py tokens describe > docs/openapi.json"
    assert json.loads(DESCRIPTION.read_text("utf-8")) == described(), how


def test_the_description_is_open_and_cookies_open_nothing_else(world: World) -> None:
    browser = world.browser(LIN)
    assert browser.get("/api/v1/openapi.json").json == described()
    refused(browser.get("/api/v1/orders"), 401, "send a token")
    refused(browser.get("/api/v1/nothing"), 404, "not found")
    refused(world.program(LIN).ask("DELETE", "/orders"), 405, "not allowed")
    token = world.program(LIN).token
    page = world.browser().get("/orders/", Authorization=f"Bearer {token}")
    assert page.status_code == 302


class Commands:
    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self, *arguments: str) -> Any:
        return CliRunner().invoke(tokens, arguments, obj=self._world.assembly)


def test_a_token_is_shown_once_and_kept_as_a_digest(world: World, monkeypatch: Any) -> None:
    command = Commands(world)
    given = ("--scope", "orders:read", "--purpose", "周报", "--days", "7")
    shown = command("add", LIN, *given).stdout.strip()
    token_id = shown.split("_")[1]
    world.at = NOON.replace(year=2000)  # before it ends, whatever today is
    program = Program(world.app, shown, "198.51.100.9")
    assert program.get("/orders").status_code == 200
    listed = command("list").output
    assert token_id in listed
    assert "周报" in listed
    assert shown.split("_", 2)[2] not in listed
    stored = world.assembly.store.read(
        lambda c: str(c.execute(text("SELECT * FROM console_tokens")).all())
    )
    assert shown.split("_", 2)[2] not in stored
    assert command("revoke", token_id).exit_code == 0
    refused(program.get("/orders"), 401, "revoked")
    assert "no token" in command("revoke", token_id).output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((WEB, "--scope", "orders:read"), f"{WEB} is a system, who may not do orders:read"),
        (("nobody", "--scope", "orders:read"), "there is no account nobody"),
        ((LIN, "--scope", "orders:all"), "'orders:all' is not one of"),
        ((LIN, "--scope", "orders:read", "--days", "999"), "999 is not in the range"),
    ],
)
def test_a_token_that_reaches_too_far_is_not_given(
    world: World, arguments: tuple[str, ...], said: str
) -> None:
    answer = Commands(world)("add", *arguments, "--purpose", "x")
    assert answer.exit_code != 0
    assert said in answer.output


def test_a_token_ends_with_its_time_its_account_and_its_role(world: World) -> None:
    program = world.program(LIN)
    store = world.assembly.store
    refused(program.get("/orders", Authorization=f"Bearer {program.token}x"), 401, "unknown")
    store.write(lambda c: accounts.change(c, LIN, role="evaluator"))
    refused(program.get("/orders"), 403, "evaluator")
    store.write(lambda c: accounts.change(c, LIN, role="counselor", disabled_at=NOON))
    refused(program.get("/orders"), 401, "unknown")
    store.write(lambda c: accounts.change(c, LIN, disabled_at=None))
    assert program.get("/orders").status_code == 200
    world.at += timedelta(days=31)
    refused(program.get("/orders"), 401, "expired")
    refused(world.program(LIN, Scope.PRESENCE_READ).get("/orders"), 403, "lacks the scope")


def test_who_asks_too_often_is_told_when_to_come_back(world: World) -> None:
    program = world.program(LIN)
    answers = [program.get("/presence").status_code for _ in range(BY_TOKEN + 1)]
    assert answers == [200] * BY_TOKEN + [429]
    assert program.get("/presence").headers["Retry-After"] == "60"
    wrong = Program(world.app, "ivr_00000000_x", "203.0.113.5")
    answers = [wrong.get("/presence").status_code for _ in range(BY_ADDRESS + 1)]
    assert answers == [401] * BY_ADDRESS + [429]
    world.at += timedelta(minutes=1)
    assert program.get("/presence").status_code == 200


def test_an_order_is_read_sealed_and_the_reading_is_written_down(world: World) -> None:
    program, order_no = world.program(LIN), world.orders["guangzhou"]
    order = program.get(f"/orders/{order_no}").json
    assert order["caller"] == "138****8000"
    assert order["t_offer"] == "2026-11-24T03:00:00Z"
    assert [event["kind"] for event in order["events"]][:2] == ["offered", "offer_made"]
    refused(program.post(f"/orders/{order_no}/number", {"reason": "  x "}), 422, "body.reason")
    opened = program.post(f"/orders/{order_no}/number", {"reason": "来电人要求回电"})
    assert opened.json == {"number": CALLER, "contact": []}
    program.get("/orders?state=received&limit=2")
    audited = world.audited(Action.ORDER_READ, Action.NUMBER_OPENED, Action.ORDERS_LISTED)
    assert audited == [
        (LIN, "order_read", order_no, None),
        (LIN, "number_opened", order_no, "来电人要求回电"),
        (LIN, "orders_listed", None, "limit=2 state=received"),
    ]
    by = world.assembly.store.read(
        lambda c: c.execute(text("SELECT DISTINCT token FROM console_audit")).scalars().all()
    )
    assert program.token.split("_")[1] in by


def test_a_list_is_paged_without_a_gap(world: World) -> None:
    program = world.program(LIN)
    seen, path = [], "/orders?limit=2"
    while path:
        page = program.get(path).json
        seen += [order["order_no"] for order in page["items"]]
        path = page["next"] and f"/orders?limit=2&cursor={page['next']}"
    whole = [order["order_no"] for order in program.get("/orders").json["items"]]
    assert seen == whole
    assert len(seen) == len(set(seen)) == 5
    assert program.get("/orders?since=2026-11-24T03:00:30Z&until=2026-11-24T03:03:00Z").json[
        "items"
    ] == [order for order in program.get("/orders").json["items"]
          if "03:00:30" < order["t_offer"][11:19] < "03:03:00"]  # fmt: skip


def test_an_order_is_worked_on_by_its_own_people(world: World) -> None:
    program, order_no = world.program(LIN), world.orders["guangzhou"]
    path = f"/orders/{order_no}"
    fields = {"age": "16–17", "cause_main": "P3", "summary": "考试前睡不着"}
    assert program.ask("PATCH", f"{path}/fields", fields).json["age"] == "16–17"
    told = program.post(f"{path}/notes", {"text": "母亲不知情"}).json["events"][-1]
    assert told["kind"] == "noted"
    assert told["notes"] == {"text": "母亲不知情"}
    assert told["actor"] == f"account:{LIN}"
    planned = program.post(
        f"{path}/follow-ups",
        {"when": "2026-11-26T08:00:00Z", "whom": "本人", "contact": "13900139000"},
    )
    assert (planned.status_code, planned.json) == (201, {"no": 1})
    after = program.post(f"{path}/follow-ups/1/result", {"whom": "本人", "result": "已联系"}).json
    assert after["follow_ups"][0]["result"] == "已联系"
    assert "13900139000" not in str(after)
    decided = program.post(f"{path}/decisions", {"decision": {"kind": "answered_directly"}}).json
    assert (decided["state"], decided["outcomes"]) == ("handling", ["直接答复"])
    late = program.post(f"{path}/follow-ups/1/result", {"whom": "本人", "result": "已联系"})
    refused(late, 409, "it is done")
    past = program.post(f"{path}/follow-ups", {"when": "2026-11-01T08:00:00Z", "whom": "本人"})
    refused(past, 409, "its time is past")
    assert wrong_in_the_log(world) == []


def test_an_order_goes_out_comes_back_and_is_closed_and_reopened(world: World) -> None:
    program, path = world.program(LIN), f"/orders/{world.orders['guangzhou']}"
    unit = world.program(account_of(Role.PARTNER, GUANGZHOU))
    asked = {"target": "公安", "summary": "核实安全", "contact": "李警官"}
    for target in ("公安", "妇联"):
        sent = program.post(f"{path}/referrals", asked | {"target": target})
        assert sent.status_code == 201
    assert sent.json == {"no": 2}
    refused(unit.ask("POST", f"{path}/referrals/2/signature"), 403, "only the station in charge")
    assert unit.ask("POST", f"{path}/referrals/1/signature").json["referrals"][0]["signed"]
    done = unit.post(f"{path}/referrals/1/reply", {"receipt": "已上门"}).json
    assert [one["stage"] for one in done["referrals"]] == ["replied"], "others' are not told"
    late = unit.post(f"{path}/referrals/1/refusal", {"reason": "不属本单位"})
    refused(late, 409, "not possible once it is replied")
    told = program.post(f"{path}/referrals/2/refusal", {"reason": "电话告知不受理"})
    assert told.json == {"no": 2}

    closing = program.ask("POST", f"{path}/closing")
    refused(closing, 409, "age is not filled in")
    lacking = {one["what"] for one in closing.json["errors"]}
    assert {"age is not filled in", "risk is not filled in"} <= lacking
    fields = {
        "caller_role": "本人",
        "age": "12–13",
        "sex": "女",
        "cause_main": "L2.1",
        "summary": "x",
    }
    program.ask("PATCH", f"{path}/fields", fields)
    world.assembly.store.write(lambda c: risk.assess(world.case(c, "guangzhou"), "R1"))
    assert program.ask("POST", f"{path}/closing").json["state"] == "closed"
    refused(program.post(f"{path}/notes", {"text": "x"}), 409, "while the order is closed")
    assert program.post(f"{path}/reopening", {"reason": "又来电"}).json["state"] == "handling"
    assert wrong_in_the_log(world) == []


def test_who_sent_a_referral_back_reads_no_more_of_its_order(world: World) -> None:
    unit, path = (
        world.program(account_of(Role.PARTNER, WUHAN)),
        f"/orders/{world.orders['wuhan_sent_out']}",
    )
    assert unit.get(path).status_code == 200
    assert unit.post(f"{path}/referrals/1/refusal", {"reason": "不属本单位"}).json == {"no": 1}
    refused(unit.get(path), 404, "there is none")
    assert unit.get("/orders").json["items"] == []


def test_a_report_is_made_once_by_its_name_and_never_lost(world: World) -> None:
    program, path = world.program(LIN), f"/orders/{world.orders['guangzhou']}"
    suspected = program.post(
        f"{path}/suspicion", {"grounds": "手臂有伤", "guardian_suspected": "是"}
    )
    assert "report" in {wait["clock"] for wait in suspected.json["waits"]}
    told = {
        "target": "公安", "channel": "电话", "at": "2026-11-24T03:50:00Z", "recipient": "值班民警",
        "checked": list(world.assembly.log.fields.report_checklist[:1]),
    }  # fmt: skip
    key = {"Idempotency-Key": "report-1"}
    first, again = (program.post(f"{path}/reports", told, **key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json == again.json == {"no": 1}
    other = program.post(f"{path}/reports", told | {"target": "民政"}, **key)
    refused(other, 409, "said something else")
    assert program.post(f"{path}/reports", told).json == {"no": 2}, "without a name it is meant"
    after = program.post(f"{path}/reports/1/receipt", {"receipt_no": "A-17"}).json
    assert [one["receipt_no"] for one in after["reports"]] == ["A-17", None]
    assert "值班民警" not in str(after["reports"])
    assert "report" not in {wait["clock"] for wait in after["waits"]}
    refused(program.post(f"{path}/reports", told | {"checked": ["x"]}), 422, "body.checked.0")
    future = told | {"at": "2026-12-24T03:50:00Z"}
    refused(program.post(f"{path}/reports", future), 409, "still to come")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"age": "17"}, "body.age"),
        ({"risk": "R1"}, "body.risk"),
        ({"groups": ["外星人"]}, "body.groups.0"),
        ({"region_incident": "990000"}, "body.region_incident: no region"),
        ({}, "names no field"),
        ([], "body"),
    ],
)
def test_what_is_wrong_in_a_body_is_said(world: World, body: object, said: str) -> None:
    path = f"/orders/{world.orders['guangzhou']}/fields"
    refused(world.program(LIN).ask("PATCH", path, body), 422, said)


def test_other_bodies_than_json_are_refused(world: World) -> None:
    program, path = world.program(LIN), f"/api/v1/orders/{world.orders['guangzhou']}/notes"
    given: dict[str, Any] = {
        "headers": {"Authorization": f"Bearer {program.token}"},
        "base_url": "https://desk.example.cn",
    }
    client = program._client
    refused(client.post(path, data={"text": "x"}, **given), 415, "application/json")
    given["content_type"] = "application/json"
    refused(client.post(path, data="{", **given), 400, "body")
    large = json.dumps({"text": "x" * 70_000})
    refused(client.post(path, data=large, **given), 413, "exceeds")
    refused(program.get("/orders?limit=0"), 422, "query.limit")
    refused(program.get("/orders?limit=1&limit=2"), 422, "more than once")
    refused(program.get("/orders?who=me"), 422, "query.who")
    refused(program.get("/orders?cursor=20261124-999999"), 422, "query.cursor")


def test_a_counselor_logs_in_and_pauses_by_their_own_account(world: World) -> None:
    who = Account("gz-lin", "林静", Role.COUNSELOR, GUANGZHOU)
    world.assembly.store.write(lambda c: accounts.add(c, who, KEPT, NOON))
    program = world.program("gz-lin")
    assert program.get("/presence/me").json["state"] == "logged_out"
    there = program.ask("PUT", "/presence/me", {"state": "available"}).json
    assert (there["state"], there["since"]) == ("available", "2026-11-24T04:00:00Z")
    [station] = program.get("/presence").json["stations"]
    assert (station["states"], station["people"][0]["name"]) == ({"available": 1}, "林静")
    counted = world.program(WEB).get("/presence").json["stations"][0]
    assert (counted["states"], counted["people"]) == ({"available": 1}, [])
    assert program.ask(
        "PUT", "/presence/me", {"state": "paused", "reason": "meal"}
    ).json["reason"] == "meal"  # fmt: skip
    refused(program.ask("PUT", "/presence/me", {"state": "paused"}), 422, "a pause has a reason")
    world.assembly.store.write(lambda c: presence.log_out(c, "gz-lin", NOON))
    pause = {"state": "paused", "reason": "meal"}
    refused(program.ask("PUT", "/presence/me", pause), 409, "not possible while logged_out")
    refused(world.program(LIN).ask("PUT", "/presence/me", pause), 404, "there is none")


def test_counselors_are_the_branchs_and_nobodys_telephones_are_told(world: World) -> None:
    program = world.program(LIN)
    page = program.get("/counselors").json
    assert {one["station"] for one in page["items"]} == {GUANGZHOU}
    one = program.get("/counselors/gz-lin").json
    assert one in page["items"]
    assert "contacts" not in one
    refused(program.get("/counselors/wh-zhou"), 404, "there is none")
    first = program.get("/counselors?limit=1").json
    second = program.get(f"/counselors?limit=1&cursor={first['next']}").json
    assert [*first["items"], *second["items"]] == page["items"][:2]


def test_an_order_of_another_channel_goes_to_its_station_once(world: World) -> None:
    program = world.program(WEB)
    first = program.post("/intake", LETTER)
    again = program.post("/intake", LETTER)
    assert (first.status_code, again.status_code) == (201, 200)
    receipt = first.json
    assert again.json == receipt
    assert receipt["station"] == WUHAN
    assert receipt["state"] == "received"
    assert receipt["due"] == "2026-11-25T16:00:00Z"
    refused(program.post("/intake", LETTER | {"text": "别的事"}), 409, receipt["order_no"])
    path = f"/intake/{receipt['order_no']}"
    assert program.get(path).json == receipt
    elsewhere = world.program(account_of(Role.SYSTEM, WUHAN))
    refused(elsewhere.get(path), 404, "there is none")
    other = elsewhere.post("/intake", LETTER).json["order_no"]
    assert other != receipt["order_no"]

    zhou = world.program(account_of(Role.COUNSELOR, WUHAN))
    order = zhou.get(f"/orders/{receipt['order_no']}").json
    assert order["handler"] == f"station:{WUHAN}"
    assert (order["channel"], order["topic"]) == ("web_form", "psychology")
    assert order["caller"] == "138****8000"
    [handed] = [event for event in order["events"] if event["kind"] == "handed_in"]
    assert handed["notes"] == {"text": "想找人说说话"}
    assert handed["actor"] == f"account:{WEB}"
    assert {wait["clock"] for wait in order["waits"]} == {"decision", "reply"}
    browser = world.browser(account_of(Role.COUNSELOR, WUHAN))
    page = browser.get(f"/orders/{receipt['order_no']}").text
    assert "想找人说说话" in page
    assert "网页表单" in page
    number = zhou.post(f"/orders/{receipt['order_no']}/number", {"reason": "按约定回电"})
    assert number.json == {"number": CALLER, "contact": ["晚上八点后，别打电话"]}
    refused(world.program(LIN).get(f"/orders/{receipt['order_no']}"), 404, "there is none")
    assert wrong_in_the_log(world) == []


def test_what_has_no_number_of_its_own_is_named_by_a_header(world: World) -> None:
    program = world.program(WEB)
    letter = {"channel": "wechat", "text": "有人要伤害我", "in_danger": True}
    refused(program.post("/intake", letter), 422, "Idempotency-Key")
    key = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
    first, again = (program.post("/intake", letter, **key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json["order_no"] == again.json["order_no"]
    order = world.program(LIN).get(f"/orders/{first.json['order_no']}").json
    assert order["station_home"] == GUANGZHOU
    assert (order["risk"], order["priority"]) == ("RX", 4)
    assert first.json["due"] == "2026-11-24T05:00:00Z"
    wrong = {"region": "990000", "topic": "weather", "contact": {"number": "12345"}}
    answer = program.post("/intake", letter | wrong, **key)
    refused(answer, 422, "and 2 more")
    assert {each["where"] for each in answer.json["errors"]} == {
        "body.region", "body.topic", "body.contact.number",
    }  # fmt: skip


def test_without_the_store_a_program_is_told_to_come_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = world.program(LIN)

    def gone(work: object) -> None:
        raise StoreUnavailable("gone")

    monkeypatch.setattr(world.assembly.store, "read", gone)
    answer = program.get("/orders")
    refused(answer, 503, "try again")
    assert answer.headers["Retry-After"]
