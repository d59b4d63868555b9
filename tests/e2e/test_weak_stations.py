"""A station whose counselors stop answering, on real Asterisk: covered, probed, back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from agents import presence
from config.settings import CONFIG
from ivr import placed_calls
from routing import standings, trials
from routing.standing import Standing, State
from routing.strength import COUNTED
from tests.e2e.line import WUHAN, Deployment
from tests.e2e.scenarios import Behaviour
from tests.e2e.short_flow import write_short_flows

pytestmark = pytest.mark.e2e

LAW = (1.0, "1")
CRISIS = (1.0, "*")
HOME, CENTRE = "420100", "centre-wuhan"
AT_HOME, AT_CENTRE = "8301", "8202"
SHORT = {
    "ring_seconds: 15": "ring_seconds: 5",
    "wrap_up_seconds: 30": "wrap_up_seconds: 0",
    "standing_seconds: {strong: 300, weak: 600, dead: 120, probing: 60}":
        "standing_seconds: {strong: 0, weak: 0, dead: 0, probing: 0}",
    "probes_accepted: [4, 1]": "probes_accepted: [1, 1]",
    "probe_seconds: [60, 120, 300]": "probe_seconds: [30, 30, 300]",
    "last_counselor_returns: 2": "last_counselor_returns: 0",
    # So that five callers in a row decide, not an index between.
    "strength_thresholds: [0.3, 0.8]": "strength_thresholds: [0.2, 0.8]",
}  # fmt: skip
ROSTER = """
counselors:
  - id: wh-li
    name: 李
    number: "8301"
    station: "420100"
    topics: [law]
    credentials: {law: 2030-12-31}
    contacts: [{kind: sip}]
  - id: wh-tang
    name: 唐
    number: "8202"
    station: centre-wuhan
    topics: [law]
    credentials: {law: 2030-12-31}
    contacts: [{kind: sip}]
"""


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Deployment]:
    """One counselor in the city of Wuhan, one at the centre that covers it."""
    stations = tmp_path / "stations"
    stations.mkdir()
    for name in ("regions.yaml", "topics.yaml"):
        (stations / name).symlink_to(CONFIG / name)
    text = (CONFIG / "stations.yaml").read_text("utf-8")
    for shipped, short in SHORT.items():
        assert shipped in text
        text = text.replace(shipped, short)
    (stations / "stations.yaml").write_text(text, "utf-8")
    roster = tmp_path / "roster.yaml"
    roster.write_text(ROSTER, "utf-8")
    (tmp_path / "l").mkdir()
    deployment = Deployment(
        tmp_path / "l",
        stations_directory=stations,
        roster_file=roster,
        flows_directory=write_short_flows(stations / "flows"),
    )
    deployment.start()
    yield deployment
    deployment.stop()


def state(line: Deployment) -> State:
    now = datetime.now(UTC)
    found = line.store(lambda c: standings.current(c, now)).get((HOME, "law"))
    return found.in_force(now) if found is not None else State.STRONG


def a_good_week(connection: Connection) -> None:
    """A station that was strong owes no more than the probes."""
    counts = dict.fromkeys(COUNTED, 0) | {"answered": 100}
    about = {"day": datetime.now(UTC).date(), "station": HOME, "topic": "law"}
    connection.execute(trials.station_days.insert().values(**about, **counts))


def routed(line: Deployment, caller: str) -> tuple[str, dict[str, Any]]:
    """Who answered a caller, and what their order says of the last offer."""
    order = line.order_of(caller)
    made = [event["data"] for event in order["events"] if event["kind"] == "offer_made"]
    return order["station_answering"], made[-1]


def test_a_station_that_stops_answering_is_covered_probed_and_back(line: Deployment) -> None:
    phones, secret = line.phones, line.secret(AT_HOME)
    line.rooms.store.write(a_good_week)
    line.presence(AT_HOME, presence.log_in)
    with line.desk(AT_CENTRE, answers_after=0.5):
        with phones.counselor(f"sip-{AT_HOME}", secret, Behaviour(answers_after=None)) as silent:
            numbers = [f"1357000060{n}" for n in range(5)]
            calls = [
                phones.start_call(WUHAN, number, keys=[LAW], talks=8.0 + 0.8 * n)
                for n, number in enumerate(numbers)
            ]
            for call in calls:
                phones.result(call)
            assert silent.count("rings") == 1
            line.until(lambda: state(line) is State.WEAK)

            # Nobody is rung there: whoever didn't answer is paused, though logged in.
            rings = silent.count("rings")
            phones.call(WUHAN, "13570000610", keys=[LAW], talks=2.5)
            station, offer = routed(line, "+8613570000610")
            assert station == CENTRE
            assert offer["reason"].endswith("home weak")
            assert offer["standing"]["state"] == "weak"
            assert "5 calls unanswered" in offer["standing"]["cause"]
            assert silent.count("rings") == rings

        answers = Behaviour(answers_after=0.2, keys=((4.0, "1"),))
        with phones.counselor(f"sip-{AT_HOME}", secret, answers) as back:
            line.presence(AT_HOME, presence.log_in)
            back.wait_for("rings", seconds=60)
            line.until(lambda: state(line) is State.PROBING)

            # Both ring, and home is faster.
            phones.call(WUHAN, "13570000611", keys=[LAW], talks=3.0)
            station, offer = routed(line, "+8613570000611")
            assert (station, set(offer["stations"])) == (HOME, {HOME, CENTRE})
            assert offer["standing"]["state"] == "probing"
            # Who was quicker says nothing: one more probe does.
            line.until(lambda: state(line) is State.STRONG, seconds=60)

            phones.call(WUHAN, "13570000612", keys=[LAW], talks=2.5)
            station, offer = routed(line, "+8613570000612")
            assert (station, offer["stations"]) == (HOME, [HOME])
            assert "standing" not in offer
            line.until(lambda: line.state(AT_HOME) == "available")
    changes = line.store(lambda c: standings.changes(c, HOME, 9))
    assert [change.to_state for change in reversed(changes)] == ["weak", "probing", "strong"]
    assert len(line.said("standing_changed")) == 3
    assert line.log_verifies() == []


def test_a_probe_gives_way_to_a_caller_who_rings_an_idle_telephone(line: Deployment) -> None:
    phones, secret = line.phones, line.secret(AT_HOME)
    dead = Standing(State.DEAD, datetime.now(UTC) - timedelta(hours=1), "so")
    line.rooms.store.write(lambda c: standings.save(c, {(HOME, "law"): dead}))
    behaviour = Behaviour(answers_after=4.0)
    with phones.counselor(f"sip-{AT_HOME}", secret, behaviour) as phone:
        line.presence(AT_HOME, presence.log_in)
        phone.wait_for("rings", seconds=60)
        # In danger: served there all the same.
        phones.call(WUHAN, "13570000620", keys=[CRISIS], talks=7.0)
        station, offer = routed(line, "+8613570000620")
    assert (station, offer["stations"]) == (HOME, [HOME])
    happened = [event.what for event in phone.happened]
    first, second = (n for n, what in enumerate(happened) if what == "rings")
    assert {"cancelled", "other_hung_up"} & set(happened[first:second])
    table = placed_calls.placed_calls
    results = line.store(lambda c: c.execute(select(table.c.result)).scalars().all())
    assert results == ["given_up"]
    assert line.kinds("+8613570000620").count("offer_made") == 1
