"""A full house: ten counselors, thirty callers at once; and what a caller in the queue hears."""

from __future__ import annotations

import math
import struct
import wave
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from callflows.data_dips import Priority
from config.settings import CONFIG
from tests.e2e.fairness import first_come_first_served, one_at_a_time
from tests.e2e.hearing import listening
from tests.e2e.line import GUANGZHOU, Deployment
from tests.e2e.short_flow import write_short_flows

pytestmark = pytest.mark.e2e

COUNSELORS = [str(number) for number in range(8801, 8811)]
CALLERS = [f"135700002{n:02}" for n in range(30)]
LAW = (1.0, "1")
ANNOUNCEMENT_HERTZ = 1000


def people() -> str:
    """A roster of ten at one desk."""
    entries = (
        f"""
  - id: c-{number}
    name: 咨询员{number}
    number: "{number}"
    station: "440100"
    topics: [law]
    credentials: {{law: 2030-12-31}}
    contacts: [{{kind: sip}}]"""
        for number in COUNSELORS
    )
    return "counselors:" + "".join(entries)


def write_tone(file: Path) -> None:
    """A second of one pitch."""
    turn = 2 * math.pi * ANNOUNCEMENT_HERTZ / 8000
    samples = (round(8000 * math.sin(turn * n)) for n in range(8000))
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Ten counselors, no wrap-up, short prompts, and an announcement of one pitch."""
    folder = tmp_path_factory.mktemp("configuration")
    for name in ("regions.yaml", "topics.yaml"):
        (folder / name).symlink_to(CONFIG / name)
    stations = (CONFIG / "stations.yaml").read_text("utf-8")
    stations = stations.replace("wrap_up_seconds: 30", "wrap_up_seconds: 0")
    (folder / "stations.yaml").write_text(stations, "utf-8")
    (folder / "roster.yaml").write_text(people(), "utf-8")
    recorded = folder / "recorded"
    recorded.mkdir()
    write_tone(recorded / "place.zh-CN.wav")
    deployment = Deployment(
        tmp_path_factory.mktemp("l"),
        stations_directory=folder,
        roster_file=folder / "roster.yaml",
        flows_directory=write_short_flows(folder / "flows"),
        recorded_prompts_directory=recorded,
    )
    deployment.start()
    assert deployment.said("flow_refused") == []
    yield deployment
    deployment.stop()


def test_ten_counselors_serve_thirty_callers(line: Deployment) -> None:
    with ExitStack() as desks:
        phones = [desks.enter_context(line.desk(number, talks=1.0)) for number in COUNSELORS]
        calls = [line.phones.start_call(GUANGZHOU, number, keys=[LAW]) for number in CALLERS]
        results = [line.phones.result(call) for call in calls]
        orders = [line.order_of(f"+86{number}") for number in CALLERS]

    assert [result.ended_by for result in results] == ["line"] * len(CALLERS)
    assert [order["outcome"] for order in orders] == ["answered"] * len(CALLERS)
    assert len({order["order_no"] for order in orders}) == line.orders() == len(CALLERS)

    assert all(one_at_a_time(phone) for phone in phones)
    assert sum(phone.count("answered") for phone in phones) == len(CALLERS)
    assert sum(phone.count("rings") for phone in phones) == len(CALLERS)

    assert first_come_first_served(line, orders)
    assert line.log_verifies() == []


def test_who_cannot_speak_goes_before_who_waits_longer(line: Deployment) -> None:
    with line.desk(COUNSELORS[0], talks=6.0) as desk:
        talking = line.phones.start_call(GUANGZHOU, "13570000240", keys=[LAW])
        desk.wait_for("answered")
        waiting = line.phones.start_call(GUANGZHOU, "13570000241", keys=[LAW], talks=13.0)
        line.until(lambda: "queued" in line.kinds("+8613570000241"))
        silent = line.phones.start_call(GUANGZHOU, "13570000242", keys=[(1.0, "5")], talks=10.0)
        line.until(lambda: "queued" in line.kinds("+8613570000242"))
        for call in (talking, waiting, silent):
            line.phones.result(call)
        first = line.order_of("+8613570000242")
        assert (first["outcome"], first["priority"]) == ("answered", Priority.SILENT_CONFIRMED)
        last = line.order_of("+8613570000241")
        assert last["t_queue"] < first["t_queue"]
        assert last["t_answer"] is None or last["t_answer"] > first["t_answer"]


def test_the_place_is_told_and_key_9_leaves_a_message(line: Deployment) -> None:
    with line.desk(COUNSELORS[0]) as desk:
        talking = line.phones.start_call(GUANGZHOU, "13570000250", keys=[LAW], talks=15.0)
        desk.wait_for("answered")
        keys = [LAW, (8.0, "9")]
        waiting = line.phones.start_call(GUANGZHOU, "13570000251", keys=keys, talks=17.0)
        with listening(waiting.address, waiting.media_port) as ear:
            line.phones.result(waiting)
        line.phones.result(talking)
        assert ear.hears(ANNOUNCEMENT_HERTZ)
        order = line.order_of("+8613570000251")
        assert (order["outcome"], order["hung_up_by"]) == ("voicemail", "caller")
        assert (line.settings.recordings_directory / f"{order['recording_ref']}.wav").exists()
    assert line.log_verifies() == []
