"""The log's own calls under another policy."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from sqlalchemy import Connection

from config.database import Store
from config.settings import Settings
from routing.priority import CRISIS
from routing.simulation.command_line import PROFILE, simulate
from routing.simulation.profile import Profile
from routing.simulation.replay import LoggedCall, Replay, logged_calls
from routing.stations import NATION, Stations
from tests.orders import open_order
from workorders.log import Log

NOON = datetime(2026, 6, 8, 4, 0, tzinfo=UTC)
SECONDS = timedelta(seconds=1)


@pytest.fixture(scope="module")
def stations() -> Stations:
    return Stations.load(Path("config"))


class Writer:
    """Writes calls into the log as an engine would."""

    def __init__(self, store: Store, log: Log) -> None:
        self._store = store
        self._log = log

    def call(
        self,
        name: str,
        home: str | None,
        after: int,
        answered: int | None = None,
        ended: int | None = None,
        priority: int = 1,
    ) -> None:
        """Queued `after` seconds from noon; answered and ended so long after that."""
        queued = NOON + after * SECONDS

        def write(connection: Connection) -> None:
            order = open_order(
                self._log, connection, call_id=name, at=NOON, channel="simulator",
                access_number="12355", caller_id=None, id_trust="withheld",
                fields={"station_home": home, "topic": "law"},
            )  # fmt: skip
            append = self._log.append
            append(connection, order, "queued", queued, "engine", {}, priority=priority)
            if answered is not None:
                at = queued + answered * SECONDS
                append(connection, order, "answered", at, "counselor:chen", {})
            if ended is not None:
                self._log.close(connection, order, queued + ended * SECONDS, "answered", "caller")

        self._store.write(write)


@pytest.fixture
def writer(store: Store, log: Log) -> Writer:
    return Writer(store, log)


def test_the_log_gives_arrivals_talks_and_patience(
    writer: Writer, store: Store, stations: Stations
) -> None:
    writer.call("later", "440100", after=60, ended=30)
    writer.call("first", "440100", after=0, answered=10, ended=70)
    writer.call("no station now", "no-such-place", after=90, ended=20, priority=CRISIS)
    writer.call("still going on", "440100", after=95)
    found = store.read(lambda connection: logged_calls(connection, stations))
    assert found == [
        LoggedCall(NOON, "440100", "law", 1, 10.0, 60.0),
        LoggedCall(NOON + 60 * SECONDS, "440100", "law", 1, 30.0, None),
        LoggedCall(NOON + 90 * SECONDS, NATION, "law", CRISIS, 20.0, None),
    ]
    profile = Profile.load(PROFILE, stations)
    replay = Replay.of(found, profile, 30)
    # All waiting, 60 s, over the two who gave up.
    assert replay.mean_patience == pytest.approx(30)
    day = replay(date(2026, 6, 8), seed=1)
    answered, gave_up, crisis = day.calls
    assert [answered.at, answered.talk] == [pytest.approx(43_200), 60.0]
    assert answered.patience > 10
    assert [gave_up.patience, gave_up.talk] == [30.0, 60.0]
    assert [crisis.home, crisis.priority] == [NATION, CRISIS]
    assert replay(date(2026, 6, 8), seed=1) == day
    assert day.seats


def test_a_day_of_the_log_is_played(writer: Writer, store: Store, tmp_path: Path) -> None:
    for number in range(5):
        writer.call(f"call-{number}", "440100", after=number, answered=5, ended=50)
    house = SimpleNamespace(store=store, settings=Settings(asterisk_name="gz"))
    words = ["--replay", "--seeds", "1", "--policy", "ours"]
    result = CliRunner().invoke(simulate, words, obj=house, catch_exceptions=False)
    [offered] = [line for line in result.output.splitlines() if "来电 " in line][:1]
    assert offered.split("│")[2].strip() == "5"


def test_an_empty_log_is_told_in_one_line(store: Store) -> None:
    house = SimpleNamespace(store=store, settings=Settings(asterisk_name="gz"))
    result = CliRunner().invoke(simulate, ["--replay"], obj=house)
    assert result.exit_code == 1
    assert result.output.strip() == (
        "Error: no call in the log has queued and ended yet: leave out --replay"
    )


def test_a_day_without_calls_is_told_in_one_line(writer: Writer, store: Store) -> None:
    writer.call("first", "440100", after=0, answered=10, ended=70)
    house = SimpleNamespace(store=store, settings=Settings(asterisk_name="gz"))
    words = ["--replay", "--date", "2026-06-01", "--days", "2"]
    result = CliRunner().invoke(simulate, words, obj=house)
    assert result.exit_code == 1
    told = "no call in the log queued from 2026-06-01 to 2026-06-02"
    assert result.output.strip() == f"Error: {told}"
