"""`run_ivr.py route --explain ORDER`: what a manager reads of an order's decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agents import presence, presence_log, roster
from callflows.events import DialEnded, DialResult, DigitsCollected, Event
from config.settings import CONFIG, Settings
from ivr.assembly import Assembly
from ivr.pending import OfferedCall, Pending
from routing import standings
from routing.command_line import route
from routing.decisions import CannotReplay, story_of
from routing.standing import State
from routing.strength import Counts, Figures, strength
from tests.routing_stand_in import StandIn

BEGAN = datetime(2026, 6, 7, 13, 0, tzinfo=UTC)
NUMBER = "13570001234"
HOME = "440100"


class House:
    """An engine on a store of its own, where everybody is there."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(data_directory=folder, sister_lines_directory=CONFIG / "demo")
        self.assembly = Assembly.open(settings)
        self.assembly.import_roster(BEGAN)
        self.engine = self.assembly.controller("one", lambda woken: None)
        for person in self.assembly.store.read(roster.everybody):
            if person.role is not roster.Role.DUTY_PHONE:
                self.does(presence.log_in, person.id, -60)

    def does(self, change: Callable[..., Any], *given: Any) -> None:
        """The last of `given`: so many seconds after BEGAN."""
        *what, seconds = given
        self.engine.counselors_changed(lambda c: change(c, *what, at(seconds)), at(seconds))

    def calls(self, seconds: float = 0) -> Pending:
        call = OfferedCall("gz-1", "asterisk", "PJSIP/x", "020-12355", NUMBER)
        return self.engine.offered(call, at(seconds))

    def goes_on(self, pending: Pending, event: Event) -> Pending:
        return self.engine.advanced(pending.call_id, pending.turn, event)

    def call_for_law(self) -> str:
        """It rings one after the other in vain, then is answered; its order's number."""
        pending = self.goes_on(self.calls(), DigitsCollected(at(3), "1"))
        pending = self.goes_on(pending, DialEnded(at(18), DialResult.NO_ANSWER))
        answered = DialEnded(at(80), DialResult.ANSWERED, "gz-huang", 60)
        self.goes_on(pending, answered)
        self.engine.hung_up(pending.call_id, at(81))
        return pending.order_no

    def told(self, *words: str) -> str:
        return CliRunner().invoke(route, words, obj=self.assembly).output


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def rows(told: str) -> list[list[str]]:
    lines = (line for line in told.splitlines() if line.startswith("│"))
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.assembly.store.close()


def test_each_decision_and_what_came_of_it(house: House) -> None:
    house.does(presence.pause, "gd-he", "meal", 0)
    house.does(presence.log_out, "wh-zhou", 0)
    told = house.told("--explain", house.call_for_law())
    assert told.splitlines()[0].startswith("order 20260607-000001, home station 440100 ")
    assert "roster, stations and settings of today" in told
    first, second = told.split("queued, offer 1")[1].split("after offer 1, offer 2")
    assert "Waited 0 s; topic law, language zh-CN, priority 1" in first
    assert "result: gz-chen no_answer" in first
    why = {row[0]: row[1:] for row in rows(first)}
    assert rows(first)[0] == ["gz-chen", HOME, "home", "yes", "home, longest_idle"]
    assert why["gz-huang"][-1] == "behind the chosen by longest_idle"
    assert why["gz-lin"][-1] == "topic: law"
    assert why["gd-he"][-1] == "paused (meal)"
    assert why["wh-zhou"][-1] == "logged out"
    assert why["wh-tang"][-1] == "tier any opens after 20 s"
    assert "Waited 15 s" in second
    assert "result: gz-huang answered" in second
    why = {row[0]: row[1:] for row in rows(second)}
    assert why["gz-chen"][-1] == "paused (rona); did not take this call before"
    assert second.rstrip().endswith("end: 21:01:20 answered")


def test_nothing_of_the_caller_is_told(house: House) -> None:
    order_no = house.call_for_law()
    assert NUMBER[-4:] not in house.told("--explain", order_no)


def test_whoever_changed_since_is_told_beside_what_is_recorded(house: House) -> None:
    order_no = house.call_for_law()
    assert "recorded" not in house.told("--explain", order_no)

    def another_topic(connection: Any, when: datetime) -> None:
        chen = roster.get(connection, "gz-chen")
        assert chen is not None
        roster.add(connection, replace(chen, topics=frozenset({"psychology"})), when)

    house.does(another_topic, 100)
    recorded = "recorded: gz-chen (home, longest_idle); replayed: gz-huang (home, longest_idle)"
    assert recorded in house.told("--explain", order_no)


def test_how_stations_stood_is_told_with_the_figures_of_the_change(house: House) -> None:
    seen = strength(Figures(Counts(answered=1, abandoned=9), Counts(answered=50), 0.9), 10)

    def turns(connection: Any, topic: str, before: State, after: State, when: datetime) -> None:
        place = (HOME, topic)
        standings.write_down(connection, place, when, before, after, "few are answered", seen)

    house.does(turns, "law", State.STRONG, State.WEAK, -300)
    house.does(turns, "psychology", State.STRONG, State.DEAD, -200)
    house.does(turns, "law", State.WEAK, State.STRONG, 10)
    told = house.told("--explain", house.call_for_law())
    first, second = told.split("after offer 1, offer 2")
    [line] = [line for line in first.splitlines() if line.startswith(HOME)]
    assert "weak since 2026-06-07 20:55 (change 1: few are answered; index" in line
    assert "change" not in second


def test_an_order_that_cannot_be_explained_says_why(house: House) -> None:
    assert house.told("--explain", "20260607-000009") == (
        "Error: there is no order 20260607-000009\n"
    )
    pending = house.calls()
    assert house.told("--explain", pending.order_no) == (
        f"Error: {pending.order_no} never waited for a counselor\n"
    )
    house.engine.hung_up(pending.call_id, at(1))
    assert house.told("--explain", pending.order_no) == (
        f"Error: {pending.order_no} never waited for a counselor: abandoned_in_menu\n"
    )


def test_an_order_older_than_the_log_of_presence(house: House) -> None:
    order_no = house.call_for_law()
    store = house.assembly.store
    store.write(lambda c: presence_log.forget(c, at(50) + presence_log.KEPT))
    assert house.told("--explain", order_no) == (
        f"Error: {order_no} is older than the log of counselors' presence,"
        " which begins 2026-06-07 21:01\n"
    )


def test_an_order_of_a_station_that_is_none_any_more(house: House) -> None:
    class Closed(StandIn):
        def tiers(self, station_id: str) -> Any:
            raise KeyError(station_id)

    order_no = house.call_for_law()
    with pytest.raises(CannotReplay, match=f"{order_no}: {HOME} is no station any more"):
        house.assembly.store.read(lambda c: story_of(c, Closed(), order_no, at(90)))


def test_without_an_order_it_explains_who_would_be_offered_a_call(house: House) -> None:
    told = house.told("--explain", "--to", "020-12355", "--topic", "law")
    assert {"gz-chen", "gz-lin"} <= {row[0] for row in rows(told)}


def test_what_an_orders_call_was_is_not_said_again(house: House) -> None:
    told = house.told("--topic", "law", "--explain", "20260607-000001")
    assert told.splitlines()[-1] == "Error: --topic says nothing about an order: leave it out"
