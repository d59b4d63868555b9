"""Two Asterisks, each with its engine, share one PostgreSQL: one queue, reached at two places."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agents import presence
from config.settings import CONFIG
from routing import waiting
from tests.e2e.fairness import first_come_first_served, one_at_a_time
from tests.e2e.line import GUANGZHOU, Deployment
from tests.e2e.short_flow import write_short_flows
from tests.postgresql import PostgreSQL

pytestmark = [pytest.mark.e2e, pytest.mark.postgresql]

LAW = [(1.0, "1")]
AT_EAST, AT_WEST = ("8801", "8802"), ("8811",)


def people() -> str:
    """One desk's counselors, whose telephones are at two Asterisks."""
    entries = (
        f"""
  - id: c-{number}
    name: 咨询员{number}
    number: "{number}"
    station: "440100"
    topics: [law]
    credentials: {{law: 2030-12-31}}
    contacts: [{{kind: sip, asterisk: {asterisk}}}]"""
        for asterisk, numbers in (("east", AT_EAST), ("west", AT_WEST))
        for number in numbers
    )
    return "counselors:" + "".join(entries)


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """No wrap-up, short prompts."""
    folder = tmp_path_factory.mktemp("configuration")
    for name in ("regions.yaml", "topics.yaml"):
        (folder / name).symlink_to(CONFIG / name)
    stations = (CONFIG / "stations.yaml").read_text("utf-8")
    stations = stations.replace("wrap_up_seconds: 30", "wrap_up_seconds: 0")
    (folder / "stations.yaml").write_text(stations, "utf-8")
    (folder / "roster.yaml").write_text(people(), "utf-8")
    write_short_flows(folder / "flows")
    return folder


@pytest.fixture(scope="module")
def lines(
    configuration: Path, postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Deployment, Deployment]]:
    store_url = postgresql.new_database()
    east, west = (
        Deployment(
            tmp_path_factory.mktemp(name),
            asterisk_name=name,
            store_url=store_url,
            stations_directory=configuration,
            roster_file=configuration / "roster.yaml",
            flows_directory=configuration / "flows",
        )
        for name in ("east", "west")
    )
    east.start()
    shutil.copytree(east.settings.keys_directory, west.settings.keys_directory)
    west.start()
    yield east, west
    west.stop()
    east.stop()


@pytest.fixture(autouse=True)
def sound(lines: tuple[Deployment, Deployment]) -> Iterator[None]:
    yield
    for line in lines:
        assert line.log_verifies() == []
        assert "Traceback" not in line.engine_log()


def pause(line: Deployment, number: str) -> None:
    line.presence(number, lambda c, who, at: presence.pause(c, who, "break", at))


def test_callers_at_both_are_served_where_a_counselor_is_reached(
    lines: tuple[Deployment, Deployment],
) -> None:
    east, west = lines
    desks = [(east, number) for number in AT_EAST] + [(west, number) for number in AT_WEST]
    came = [(line, f"1357000040{n}") for n, line in enumerate((west, east, east, west) * 2)]
    with ExitStack() as there:
        phones = [there.enter_context(line.desk(number, talks=1.0)) for line, number in desks]
        for line, number in desks:
            pause(line, number)
        calls = []
        for line, caller in came:
            calls.append((line, line.phones.start_call(GUANGZHOU, caller, keys=LAW)))
            line.until(lambda: len(east.store(waiting.unserved)) == len(calls))
        for line, number in desks:
            line.presence(number, presence.log_in)
        assert {line.phones.result(call).ended_by for line, call in calls} == {"line"}
        for here, numbers in ((east, AT_EAST), (west, AT_WEST)):
            orders = [here.order_of(f"+86{caller}") for line, caller in came if line is here]
            assert {order["outcome"] for order in orders} == {"answered"}
            reached = {f"counselor:c-{number}" for number in numbers}
            assert {order["first_responder"] for order in orders} == reached
            assert first_come_first_served(here, orders)
    assert all(one_at_a_time(phone) for phone in phones)
    # Nobody was rung in vain, at an Asterisk where their telephone isn't.
    assert sum(phone.count("rings") for phone in phones) == len(came)


def test_what_dies_at_one_fails_its_own_calls_alone(lines: tuple[Deployment, Deployment]) -> None:
    east, west = lines
    with east.desk("8801") as at_east, west.desk("8811", talks=25.0) as at_west:
        talks = [
            line.phones.start_call(GUANGZHOU, caller, keys=LAW)
            for line, caller in ((east, "13570000421"), (west, "13570000422"))
        ]
        for desk, line, number in ((at_east, east, "8801"), (at_west, west, "8811")):
            desk.wait_for("answered")
            line.until(lambda line=line, number=number: line.state(number) == "on_call")
        waits = [
            line.phones.start_call(GUANGZHOU, caller, keys=LAW, talks=50.0)
            for line, caller in ((east, "13570000423"), (west, "13570000424"))
        ]
        west.until(lambda: len(west.store(waiting.unserved)) == 2)

        east.kill("engine")
        east.until(lambda: bool(east.said("engine_started")[1:]))
        assert at_east.count("other_hung_up") == at_west.count("hung_up") == 0
        assert len(west.store(waiting.unserved)) == 2

        east.kill("asterisk")
        for caller in ("+8613570000421", "+8613570000423"):
            assert east.order_of(caller)["outcome"] == "failed"
        assert at_west.count("hung_up") == 0
        assert [call.call_id.partition("-")[0] for call in west.store(waiting.unserved)] == ["west"]

        at_west.wait_for("answered", times=2, seconds=40.0)
        waits[1].end()
        for caller in ("+8613570000422", "+8613570000424"):
            order = west.order_of(caller)
            assert order["outcome"] == "answered"
            assert order["first_responder"] == "counselor:c-8811"
        assert west.phones.result(talks[1]).ended_by == "line"
        for phone in (talks[0], waits[0]):
            phone.end()
    assert west.keeper("engine").restarts == west.keeper("asterisk").restarts == 0
