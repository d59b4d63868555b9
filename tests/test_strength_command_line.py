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
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()
WEAK = (
    "override", HOME, "--topic", "law", "--state", "weak", "--until", TOMORROW,
    "--reason", "moving house", "--by", "li",
)  # fmt: skip


@pytest.fixture
def house(store: Store, tmp_path: Path) -> SimpleNamespace:
    plan = tmp_path / "shifts.yaml"
    plan.write_text("shifts: []\n", encoding="utf-8")
    shifts = Shifts.load(plan, (), STATIONS)
    return SimpleNamespace(store=store, stations=STATIONS, settings=Settings(), shifts=shifts)


def done(house: SimpleNamespace, *words: str) -> Result:
    return CliRunner().invoke(strength, words, obj=house)


def test_an_empty_log_is_one_line(house: SimpleNamespace) -> None:
    assert done(house).output == "nothing to judge yet\n"
    assert done(house, "changes").output == "no state has changed yet\n"


def test_a_managers_word_is_shown_with_its_reason_and_end(house: SimpleNamespace) -> None:
    told = done(house, *WEAK)
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
    ("old", "new", "told"),
    [
        (HOME, "440109", "no station 440109 (did you mean 44"),
        ("law", "laws", "no topic laws (did you mean law?)"),
        ("weak", "probing", "'probing' is not one of 'strong', 'weak', 'dead'"),
        (TOMORROW, "soon", "'soon' is not a time: write 2026-06-07T21:00+08:00"),
        (TOMORROW, "2020-01-01T00:00+08:00", "an override ends in the future"),
        (TOMORROW, "2099-01-01T00:00+08:00", "an override ends within 7 days"),
        ("moving house", " ", "an override needs a reason"),
    ],
)
def test_bad_input_is_one_clear_line(house: SimpleNamespace, old: str, new: str, told: str) -> None:
    result = done(house, *(new if word == old else word for word in WEAK))
    assert result.exit_code != 0
    assert told in result.output.splitlines()[-1]
    assert done(house).output == "nothing to judge yet\n"


def test_changes_of_an_unknown_station(house: SimpleNamespace) -> None:
    assert "no station 440109" in done(house, "changes", "440109").output
