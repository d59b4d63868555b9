"""`run_ivr.py staffing`, and what it reads in the log."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Connection

from config.database import Store
from routing.stations import Stations
from stats.command_line import staffing
from stats.traffic import NoCalls, traffic
from tests.orders import open_order
from workorders.canonical import SHANGHAI
from workorders.log import Log

GUANGZHOU, SHENZHEN = "440100", "440300"
SUNDAY = datetime(2026, 11, 22, tzinfo=SHANGHAI)
MONDAY_MORNING = SUNDAY + timedelta(days=1, hours=9, minutes=30)

Calls = Callable[..., None]


@pytest.fixture
def calls(store: Store, log: Log) -> Calls:
    """So many alike calls: waited, then answered and talked for `talk` seconds, or ended."""
    numbers = iter(range(1_000_000))

    def write(
        count: int,
        at: datetime,
        *,
        waited: float = 0,
        talk: float = 0,
        outcome: str = "answered",
        station: str = GUANGZHOU,
        queued: bool = True,
    ) -> None:
        def work(connection: Connection) -> None:
            for _ in range(count):
                order_no = open_order(
                    log,
                    connection,
                    call_id=f"call-{next(numbers)}",
                    at=at,
                    channel="phone",
                    access_number="12355",
                    caller_id=None,
                    id_trust="withheld",
                    fields={"station_home": station},
                )
                over = at + timedelta(seconds=waited)
                if queued:
                    log.append(connection, order_no, "queued", at, "engine", {})
                if outcome == "answered":
                    log.append(connection, order_no, "answered", over, "counselor:gz-chen", {})
                    over += timedelta(seconds=talk)
                log.close(connection, order_no, over, outcome, "caller")

        store.write(work)

    return write


def seen(store: Store, now: datetime, station: str = GUANGZHOU, weeks: int = 4) -> Any:
    return store.read(lambda connection: traffic(connection, station, weeks, now))


def by_hour(store: Store, now: datetime) -> dict[tuple[str, int], tuple[int, int]]:
    return {
        (hour.kind_of_day, hour.hour): (hour.calls, hour.days)
        for hour in seen(store, now).hours
        if hour.calls
    }


def test_calls_are_counted_by_hours_of_shanghai_on_whole_days(store: Store, calls: Calls) -> None:
    monday = MONDAY_MORNING
    calls(1, monday - timedelta(weeks=5))
    calls(3, monday, talk=60)
    calls(2, SUNDAY + timedelta(minutes=5), talk=60)
    calls(7, monday + timedelta(days=1))
    now = monday + timedelta(days=1, hours=3)
    assert by_hour(store, now) == {("weekday", 9): (3, 20), ("weekend", 0): (2, 8)}
    assert len(seen(store, now).hours) == 48


def test_a_young_log_counts_from_its_first_day(store: Store, calls: Calls) -> None:
    calls(1, SUNDAY, station=SHENZHEN)
    calls(4, MONDAY_MORNING)
    assert by_hour(store, SUNDAY + timedelta(days=3)) == {("weekday", 9): (4, 2)}
    calls(1, MONDAY_MORNING)
    assert {hour.kind_of_day for hour in seen(store, SUNDAY + timedelta(days=2)).hours} == {
        "weekday", "weekend",
    }  # fmt: skip


def test_other_stations_calls_and_those_that_asked_for_nobody_are_not_counted(
    store: Store, calls: Calls
) -> None:
    calls(1, MONDAY_MORNING)
    calls(1, MONDAY_MORNING, station=SHENZHEN)
    calls(1, MONDAY_MORNING, queued=False, outcome="abandoned_in_menu")
    assert seen(store, MONDAY_MORNING + timedelta(days=2)).calls == 1


def test_patience_counts_the_waits_of_those_who_were_answered(store: Store, calls: Calls) -> None:
    now = MONDAY_MORNING + timedelta(days=2)
    calls(29, MONDAY_MORNING, waited=40, outcome="abandoned_in_queue")
    calls(60, MONDAY_MORNING, waited=10, talk=300)
    calls(5, MONDAY_MORNING, waited=600, outcome="voicemail")
    assert seen(store, now).patience is None
    calls(1, MONDAY_MORNING, waited=40, outcome="abandoned_in_queue")
    told = seen(store, now)
    assert told.patience == pytest.approx((30 * 40 + 60 * 10) / 30)
    assert told.talk == pytest.approx(300)
    assert told.calls == 95


def test_an_empty_log(store: Store) -> None:
    with pytest.raises(NoCalls, match=r"^nobody called 440100 in the 4 weeks before 2026-11-22$"):
        seen(store, SUNDAY)


Command = Callable[..., Result]


@pytest.fixture(scope="module")
def stations() -> Stations:
    return Stations.load(Path("config"))


@pytest.fixture
def command(store: Store, stations: Stations) -> Command:
    house = SimpleNamespace(store=store, stations=stations)
    return lambda *words: CliRunner().invoke(staffing, list(words), obj=house)


def last_week(hour: int) -> datetime:
    today = datetime.now(UTC).astimezone(SHANGHAI).date()
    return datetime.combine(today - timedelta(days=7), time(hour), SHANGHAI)


def test_a_station_hour_by_hour(command: Command, calls: Calls) -> None:
    calls(100, last_week(9), waited=10, talk=570)
    calls(20, last_week(9), waited=60, outcome="abandoned_in_queue")
    told = command(GUANGZHOU).output
    assert "440100 广东省广州市12355, " in told
    assert "120 calls asked for a counselor, 100 were answered, 20 hung up waiting" in told
    assert "handling 600 s: 570 s of talk, 30 s of wrap-up" in told
    assert "patience 90 s: the default: fewer than 30 hung up waiting, too few to tell" in told
    assert "80% of all calls are answered within 15 s" in told
    assert len([line for line in told.splitlines() if line.startswith("│")]) == 24


def test_the_same_for_programs(command: Command, calls: Calls) -> None:
    calls(100, last_week(9), waited=10, talk=570)
    calls(40, last_week(9), waited=65, outcome="abandoned_in_queue")
    told = json.loads(command(GUANGZHOU, "--json", "--level", "0.9", "--within", "20").output)
    assert (told["station"], told["answered"], told["abandoned"]) == (GUANGZHOU, 100, 40)
    assert (told["level"], told["within"]) == (0.9, 20)
    assert told["patience"] == {
        "seconds": 90,
        "source": "estimated from all waits and the 40 who hung up",
    }
    assert told["handling"]["seconds"] == 600
    busy = [hour for hour in told["hours"] if hour["calls"]]
    assert [(hour["hour"], hour["calls"]) for hour in busy] == [(9, 140)]
    assert busy[0]["load"] == pytest.approx(140 / busy[0]["days"] / 6)
    assert busy[0]["erlang_c"]["counselors"] > busy[0]["load"]
    assert busy[0]["erlang_a"]["answered_within"] >= 0.9
    quiet = next(hour for hour in told["hours"] if not hour["calls"])
    assert quiet["erlang_a"]["counselors"] == quiet["erlang_c"]["counselors"] == 0


def test_a_station_that_answers_nobody_is_planned_with_what_one_says(
    command: Command, calls: Calls
) -> None:
    calls(10, last_week(9), waited=30, outcome="abandoned_in_queue")
    assert one_line(command(GUANGZHOU)) == "no call of 440100 was answered: say --handling"
    told = command(GUANGZHOU, "--handling", "600", "--patience", "60").output
    assert "handling 600 s: as you say" in told
    assert "patience 60 s: as you say" in told


@pytest.mark.parametrize(
    ("hung_up_after", "answered_after", "patience"), [(0, 0, 1), (50_000, 50_000, 86_400)]
)
def test_patience_is_from_a_second_to_a_day(
    command: Command, calls: Calls, hung_up_after: float, answered_after: float, patience: float
) -> None:
    calls(30, last_week(9), waited=hung_up_after, outcome="abandoned_in_queue")
    calls(60, last_week(9), waited=answered_after, talk=60)
    told = json.loads(command(GUANGZHOU, "--json").output)
    assert told["patience"]["seconds"] == patience


def test_what_if_asks_for_no_log() -> None:
    words = ["--calls-per-hour", "60", "--handling", "600", "--patience", "90"]
    told = CliRunner().invoke(staffing, words, obj=None)
    rows = [line.split("│")[1:3] for line in told.output.splitlines() if line.startswith("│")]
    assert [(model.strip(), number.strip()) for model, number in rows] == [
        ("Erlang C", "14"),
        ("Erlang A", "12"),
    ]
    as_json = json.loads(CliRunner().invoke(staffing, [*words, "--json"], obj=None).output)
    assert (as_json["load"], as_json["erlang_a"]["counselors"]) == (10, 12)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "name a station, or say --calls-per-hour and --handling"),
        ("--calls-per-hour 60", "name a station, or say --calls-per-hour and --handling"),
        ("440100 --calls-per-hour 60 --handling 600",
         "name a station, or say --calls-per-hour and --handling"),
        ("44010", "there is no station 44010 (did you mean 440100?)"),
        ("440100 --level 1.2", "a level of 1.2: say more than 0 and less than 1, as 0.8"),
        ("440100 --within -5", "answered within -5 s: say from 0 to 86400"),
        ("--calls-per-hour -1 --handling 600", "-1 calls an hour: say from 0 to 100000"),
        ("--calls-per-hour 60 --handling -600",
         "a mean handling of -600 s: say from 1 to 86400"),
        ("--calls-per-hour 60 --handling 600 --patience 0",
         "a mean patience of 0 s: say from 1 to 86400"),
    ],
)  # fmt: skip
def test_what_is_said_wrongly_gets_one_line(command: Command, words: str, said: str) -> None:
    assert one_line(command(*words.split())) == said


def test_weeks_that_cannot_be(command: Command) -> None:
    result = command(GUANGZHOU, "--weeks", "-1")
    assert result.exit_code == 2
    assert "-1 is not in the range 1<=x<=520" in result.output


def test_nobody_called(command: Command) -> None:
    told = one_line(command(GUANGZHOU))
    assert told.startswith("nobody called 440100 in the 4 weeks before ")
    assert told.endswith("or --calls-per-hour and --handling in place of the station")


def one_line(result: Result) -> str:
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    return line.removeprefix("Error: ")
