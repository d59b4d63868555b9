"""`run_ivr.py strength`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from agents.shifts import Shifts
from config.database import Store
from config.settings import Settings
from routing import standings
from routing.stations import Stations
from routing.strength_command_line import strength
from tests.routing_stand_in import HOME

CONFIG = Path("config")
STATIONS = Stations.load(CONFIG)
NOTHING_YET = "nothing to judge yet: no call, offer or probe in the log has come to its end\n"


def weak(**changed: str) -> tuple[str, ...]:
    """A manager's word until tomorrow, with some of it said otherwise."""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    said = {"topic": "law", "state": "weak", "until": tomorrow, "reason": "moving house"} | changed
    station = said.pop("station", HOME)
    options = (word for name, value in said.items() for word in (f"--{name}", value))
    return ("override", station, *options, "--by", "li")


@pytest.fixture
def house(store: Store, tmp_path: Path) -> SimpleNamespace:
    plan = tmp_path / "shifts.yaml"
    plan.write_text("shifts: []\n", encoding="utf-8")
    shifts = Shifts.load(plan, (), STATIONS)
    return SimpleNamespace(store=store, stations=STATIONS, settings=Settings(), shifts=shifts)


def done(house: SimpleNamespace, *words: str) -> Result:
    return CliRunner().invoke(strength, words, obj=house)


def test_an_empty_log_is_one_line(house: SimpleNamespace) -> None:
    assert done(house).output == NOTHING_YET
    assert done(house, "changes").output == "no state has changed yet\n"


def test_a_managers_word_is_shown_with_its_reason_and_end(house: SimpleNamespace) -> None:
    told = done(house, *weak())
    assert told.output.startswith(f"{HOME} law: weak until ")
    shown = done(house).output
    assert "广东省广州市12355" in shown
    assert "moving house" in shown
    assert "weak" in shown
    changed = done(house, "changes", HOME).output
    assert "strong" in changed
    assert "index 0.9" in changed
    now = datetime.now(UTC)
    assert len(house.store.read(lambda connection: standings.current(connection, now))) == 1


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"station": "440109"}, "no station 440109 (did you mean 44"),
        ({"topic": "laws"}, "no topic laws (did you mean law?)"),
        ({"state": "probing"}, "'probing' is not one of 'strong', 'weak', 'dead'"),
        ({"until": "soon"}, "'soon' is not a time: write 2026-06-07T21:00+08:00"),
        ({"until": "2020-01-01T00:00+08:00"}, "an override ends in the future"),
        ({"until": "2099-01-01T00:00+08:00"}, "an override ends within 7 days"),
        ({"reason": " "}, "an override needs a reason"),
    ],
)
def test_bad_input_is_one_clear_line(
    house: SimpleNamespace, changed: dict[str, str], told: str
) -> None:
    result = done(house, *weak(**changed))
    assert result.exit_code != 0
    assert told in result.output.splitlines()[-1]
    assert done(house).output == NOTHING_YET


def test_changes_of_an_unknown_station(house: SimpleNamespace) -> None:
    assert "no station 440109" in done(house, "changes", "440109").output
