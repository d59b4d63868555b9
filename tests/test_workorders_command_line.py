"""`run_ivr.py workorders`: what an operator sees."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Connection, text

from config.database import Store
from tests.orders import open_order
from workorders import reports, risk, sent_out
from workorders.command_line import workorders
from workorders.life import Case
from workorders.log import Log
from workorders.seals import seal_minute

AT = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
ORDER = "20261124-000001"

Command = Callable[..., Result]


@pytest.fixture
def command(store: Store, log: Log, tmp_path: Path) -> Command:
    house = SimpleNamespace(
        store=store,
        log=log,
        settings=SimpleNamespace(seal_file=tmp_path / "seals.jsonl"),
        duty_lead={"440100": "gz-huang"}.get,
    )

    def call(connection: Connection) -> None:
        for number, days in enumerate((0, 1)):
            at = AT + timedelta(days=days)
            order_no = open_order(
                log,
                connection,
                call_id=f"call-{number}",
                at=at,
                channel="phone",
                access_number="020-12355",
                caller_id=f"+8613570001{number:03d}",
                id_trust="original",
                fields={"station_home": "440100"},
            )
            log.append(connection, order_no, "topic_chosen", at, "caller", {}, topic="=law()")
            log.fill_in(connection, order_no, at, "counselor:1", {"groups": ["留守", "单亲"]})
            log.close(connection, order_no, at, "abandoned_in_queue", "caller")

    store.write(call)
    seal_minute(store, log.keys, house.settings.seal_file, AT)
    return lambda *arguments: CliRunner().invoke(workorders, list(arguments), obj=house)


def test_list(command: Command) -> None:
    told = command("list").output
    assert told.index("20261125-000002") < told.index(ORDER)
    assert "135****1000" in told
    assert "135****1001" not in command("list", "--from", "+8613570001000").output


def test_show(command: Command) -> None:
    told = command("show", ORDER).output
    assert "135****1000" in told
    assert "abandoned_in_queue" in told
    assert "topic_chosen" in told
    assert json.loads(command("show", ORDER, "--json").output)["groups"] == ["留守", "单亲"]


def test_show_unknown(command: Command) -> None:
    result = command("show", "20261124-999999")
    assert result.exit_code == 1
    assert "there is no order 20261124-999999" in result.output


def test_show_tells_the_orders_life(command: Command, store: Store, log: Log) -> None:
    def work(connection: Connection) -> None:
        case = Case(connection, log, ORDER, AT, "counselor:1")
        risk.assess(case, "R3", "证据")
        sent_out.refer(case, "公安", "案情")
        reports.report(case, "民政", "电话", AT, "某科", "12号")

    store.write(work)
    told = command("show", ORDER).output
    assert "状态 办理中" in told
    assert "转介 1 公安 已发出 2026-11-24 00:30" in told
    assert "报告 1 民政 电话 12号" in told
    assert "等待 转介签收 1 至 2026-11-24 00:45 逾期" in told
    assert "等待 强制报告" not in told
    assert "案情" not in told


def test_tasks_by_station(command: Command, store: Store, log: Log) -> None:
    def work(connection: Connection) -> None:
        risk.assess(Case(connection, log, ORDER, AT, "counselor:1"), "R3")
        log.append(connection, "20261125-000002", "answered", AT, "counselor:1", {})

    store.write(work)
    told = [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in command("tasks").output.splitlines()
        if "20261" in line
    ]
    assert [line[0] for line in told] == ["440100"] * 4
    assert [line[2:] for line in told] == [
        ["强制报告", ORDER, "R3", "station:440100"],
        ["督导", ORDER, "R3", "station:440100"],
        ["跟踪反馈", ORDER, "R3", "station:440100"],
        ["处置", "20261125-000002", "", "counselor:1"],
    ]
    assert told[0][1] == "2026-11-24 01:30 逾期"
    assert "强制报告" not in command("tasks", "--station", "530100").output
    assert "跟踪反馈" not in command("tasks", "--until", "2026-11-24T01:30").output


def test_verify(command: Command, store: Store) -> None:
    assert command("verify").exit_code == 0
    store.write(lambda c: c.execute(text("UPDATE orders SET outcome = 'answered'")))
    result = command("verify")
    assert result.exit_code == 1
    assert f'{ORDER}: the row says outcome = "answered"' in result.output


def test_one_damaged_order_hides_no_other(command: Command, store: Store) -> None:
    store.write(
        lambda c: c.execute(
            text(f"UPDATE order_secrets SET wrapped_key = NULL WHERE order_no = '{ORDER}'")
        )
    )
    told = command("list").output
    assert "(unreadable)" in told
    assert "135****1001" in told


def test_export_json_lines(command: Command) -> None:
    first, second = map(json.loads, command("export").stdout.splitlines())
    assert (first["order_no"], first["outcome"]) == (ORDER, "abandoned_in_queue")
    assert [event["kind"] for event in second["events"]] == [
        "offered",
        "topic_chosen",
        "form_filled",
        "ended",
    ]


def test_export_of_a_day_in_shanghai(command: Command) -> None:
    lines = command("export", "--since", "2026-11-24", "--until", "2026-11-25").stdout
    assert [json.loads(line)["order_no"] for line in lines.splitlines()] == [ORDER]


def test_export_csv_for_excel(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    assert command("export", "--format", "csv", "--output", str(file)).exit_code == 0
    content = file.read_bytes().decode("utf-8-sig")
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    row = next(csv.DictReader(io.StringIO(content)))
    assert row["groups"] == "留守;单亲"
    assert row["topic"] == "'=law()"
    assert row["t_offer"] == "2026-11-24T00:30:00.000+08:00"


def test_the_stations_duty_lead_handles_what_no_counselor_does(command: Command) -> None:
    told = [line.split() for line in command("show", ORDER).output.splitlines()]
    assert ["handler", "station:440100"] in told
    assert ["duty_lead", "gz-huang"] in told
