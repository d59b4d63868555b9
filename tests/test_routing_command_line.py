"""`run_ivr.py route`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from agents import roster
from agents.roster import Contact
from agents.roster_file import load_roster
from config.database import Store
from config.settings import Settings
from config.topics import load_topics
from routing.command_line import route
from routing.stations import Stations
from tests.routing_stand_in import log_in

CONFIG = Path("config")


@pytest.fixture(scope="module")
def stations() -> Stations:
    return Stations.load(CONFIG)


def empty(store: Store, stations: Stations) -> SimpleNamespace:
    return SimpleNamespace(store=store, stations=stations, settings=Settings(asterisk_name="gz"))


@pytest.fixture
def house(store: Store, stations: Stations) -> SimpleNamespace:
    for who in load_roster(CONFIG / "roster.yaml", stations, load_topics(CONFIG), ()):
        store.write(lambda connection, who=who: log_in(connection, who))
    return empty(store, stations)


def said(house: SimpleNamespace, *words: str) -> str:
    return CliRunner().invoke(route, words, obj=house, catch_exceptions=False).output


def test_each_candidate_is_explained(house: SimpleNamespace) -> None:
    told = said(house, "--to", "020-12355", "--topic", "law", "--explain")
    assert "home station: 440100" in told
    reasons = {line.split("│")[1].strip(): line.split("│")[5].strip() for line in rows(told)}
    assert reasons["gz-chen"] == "home, longest_idle"
    assert reasons["gz-lin"] == "topic: law"
    assert reasons["gd-liang"] == "supervisor: urgent calls only; topic: law"
    assert reasons["gd-duty"].startswith("duty_phone: urgent calls only")
    assert reasons["wh-tang"] == "tier any opens after 20 s"


def test_whose_telephone_registers_at_another_asterisk_is_not_chosen(
    house: SimpleNamespace,
) -> None:
    def register_at(asterisk: str) -> None:
        phone = Contact("sip", "8002", asterisk=asterisk)
        chen = house.store.read(lambda connection: roster.get(connection, "gz-chen"))
        moved = replace(chen, contacts=(phone,))
        house.store.write(lambda connection: roster.add(connection, moved, datetime.now(UTC)))

    law = ("--to", "020-12355", "--topic", "law")
    register_at("wuhan")
    assert [line.split("│")[1].strip() for line in rows(said(house, *law))] == ["gz-huang"]
    register_at("gz")
    assert [line.split("│")[1].strip() for line in rows(said(house, *law))] == ["gz-chen"]


def test_the_callers_number_is_a_hint_where_the_trunk_tells_no_place(
    house: SimpleNamespace,
) -> None:
    assert "home station: 420100" in said(house, "--from", "+862712345678")
    assert "home station: 100000" in said(house)


def test_a_crisis_names_all_that_ring(house: SimpleNamespace) -> None:
    told = said(house, "--to", "020-12355", "--priority", "crisis")
    ringing = [line.split("│")[1].strip() for line in rows(told)]
    assert set(ringing) == {"gz-lin", "gz-chen", "gz-huang", "gd-he", "gd-liang"}


def test_nobody(store: Store, stations: Stations) -> None:
    told = said(empty(store, stations), "--explain")
    assert told.endswith("nobody is chosen now\n")


def rows(told: str) -> list[str]:
    return [line for line in told.splitlines() if line.startswith("│")]
