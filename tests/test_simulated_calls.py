"""Calls through the very engine, on a virtual clock: what the caller hears, and the order."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from callflows.events import DialResult
from config.settings import CONFIG, Settings
from ivr.simulated_call import simulated_call
from ivr.simulator import Line
from run_ivr import main
from tests.conformance.world import FOLDER as LINES_OUTSIDE

EVENING = datetime(2026, 6, 7, 13, 0, tzinfo=UTC)
GUANGZHOU = "+8613570001234"


def play(
    folder: Path, keys: list[str], access_number: str = "020-12355", **settings: Any
) -> tuple[list[Line], dict[str, Any]]:
    heard: list[Line] = []
    own = Settings(data_directory=folder, sister_lines_directory=CONFIG / "demo", **settings)
    order = simulated_call(own, GUANGZHOU, access_number, iter(keys), EVENING, heard.append)
    return heard, order


@pytest.mark.parametrize(
    ("keys", "access_number", "expected"),
    [
        (["1"], "020-12355", ("answered", "law", None, "440100")),
        (["2"], "027-12355", ("answered", "psychology", None, "centre-wuhan")),
        (["0"], "020-12355", ("answered", "unknown", None, "440100")),
        ([""], "020-12355", ("answered", "unknown", None, "440100")),
        (["7"], "020-12355", ("answered", "unknown", None, "440100")),
        (["5"], "020-12355", ("answered", "unknown", 3, "440000")),
        (["", "5"], "020-12355", ("answered", "unknown", 3, "440000")),
        (["*"], "020-12355", ("answered", "unknown", 4, "440000")),
        ([], "114", ("wrong_number", "unknown", None, None)),
        (["*"], "114", ("answered", "unknown", 4, "440000")),
    ],
)
def test_whatever_is_pressed_somebody_answers(
    tmp_path: Path,
    keys: list[str],
    access_number: str,
    expected: tuple[str, str, int | None, str | None],
) -> None:
    _, order = play(tmp_path, keys, access_number)
    outcome, topic, priority, station = expected
    assert (order["outcome"], order["topic"], order["priority"]) == (outcome, topic, priority)
    if station is not None and access_number == "027-12355":
        assert order["station_answering"] == station
    assert order["handler"]
    assert order["t_end"] is not None


def test_the_recording_is_told_before_anybody_rings_but_never_in_a_crisis(tmp_path: Path) -> None:
    heard, order = play(tmp_path / "a", ["1"])
    told = next(n for n, line in enumerate(heard) if "通话会录音" in line.text)
    rung = next(n for n, line in enumerate(heard) if line.text.startswith("rings"))
    assert told < rung
    assert order["notice_given"]
    heard, order = play(tmp_path / "b", ["*"])
    assert not any("录音" in line.text for line in heard)
    assert not order["notice_given"]


def test_a_crisis_rings_several_and_the_first_to_answer_has_it(tmp_path: Path) -> None:
    heard, order = play(tmp_path, ["*"])
    rings = next(line.text for line in heard if line.text.startswith("rings"))
    assert rings.count(",") >= 2
    assert str(order["first_responder"]).startswith("counselor:")


def test_who_does_not_answer_costs_the_caller_nothing(tmp_path: Path) -> None:
    own = Settings(data_directory=tmp_path, sister_lines_directory=CONFIG / "demo")
    heard: list[Line] = []
    results = [DialResult.NO_ANSWER, DialResult.BUSY]
    order = simulated_call(own, GUANGZHOU, "020-12355", iter(["1"]), EVENING, heard.append, results)
    rung = [line for line in heard if line.text.startswith("rings")]
    assert len(rung) == 3
    assert rung[1].second - rung[0].second >= 15
    assert [offer["result"] for offer in order["offers"] if offer["event"] == "offer_failed"] == [
        "no_answer",
        "busy",
    ]
    assert order["outcome"] == "answered"


@pytest.mark.parametrize(
    ("asterisk", "sister_lines", "offered"),
    [
        (True, CONFIG / "demo", True),
        (False, CONFIG / "demo", False),
        (True, LINES_OUTSIDE, False),
        (False, LINES_OUTSIDE, True),
    ],
)
def test_in_a_crisis_what_a_real_call_would_ring_is_offered(
    tmp_path: Path, asterisk: bool, sister_lines: Path, offered: bool
) -> None:
    """Without an outbound trunk: phones of this server, or Twilio's numbers outside."""
    own = Settings(
        data_directory=tmp_path,
        sister_lines_directory=sister_lines,
        asterisk=asterisk,
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token=SecretStr("token"),
        twilio_assessment="2026-17",
        twilio_public_address="https://ivr.example.cn",
        twilio_caller_id="+862012355000",
    )
    heard: list[Line] = []
    in_vain = [DialResult.NO_ANSWER] * 6
    simulated_call(own, GUANGZHOU, "020-12355", iter(["*"]), EVENING, heard.append, in_vain)
    assert any("按1接通当地110" in line.text for line in heard) is offered
    assert any("按2接通12356" in line.text for line in heard) is offered


def test_a_result_that_is_none_is_told_in_a_line() -> None:
    done = CliRunner().invoke(main, ["call", "--keys", "1", "--dials", "answered,asleep"])
    assert done.exit_code != 0
    assert "'asleep' is none of answered, no_answer, busy" in done.output


def test_the_command_prints_the_call_and_the_order() -> None:
    done = CliRunner().invoke(
        main,
        ["call", "--from", "13570001234", "--keys", "1,1", "--at", "2026-06-07T21:00+08:00"],
    )
    assert done.exit_code == 0, done.output
    assert "你好，这里是12355青少年服务台" in done.output
    assert "order_no              20260607-000001" in done.output
    assert "135****1234" in done.output
    assert "13570001234" not in done.output


def test_the_command_prints_json_lines() -> None:
    done = CliRunner().invoke(main, ["call", "--keys", "", "--json"])
    lines = [json.loads(line) for line in done.output.splitlines()]
    assert lines[0]["who"] == "line"
    assert lines[-1]["order"]["outcome"] == "answered"


def test_a_time_that_is_none_is_told_in_a_line() -> None:
    done = CliRunner().invoke(main, ["call", "--at", "tonight"])
    assert done.exit_code != 0
    assert "write 2026-06-07T21:00+08:00" in done.output
