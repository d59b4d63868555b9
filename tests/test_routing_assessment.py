"""Stations assessed from the orders and offers of the store: found, covered, back, explained."""

from __future__ import annotations

import itertools
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

import config.statements
from agents import presence
from agents.roster import Counselor
from config.database import Store
from routing import offers, standings, trials
from routing.assessment import Assessment, Look
from routing.offers import Offer
from routing.standing import Override, State
from routing.standings import Change, standing_changes
from routing.stations import Stations
from routing.strength import Counts, Figures, People, Trial
from routing.transitions import probe_due
from routing.trials import Place
from tests.orders import open_order
from tests.routing_stand_in import CENTRE, HOME, NOON, counselor, log_in
from workorders.log import Entry, Log

STATIONS = Stations.load(Path("config"))
LAW: Place = (HOME, "law")
NUMBERS = itertools.count()


class Day:
    """A store, a clock, and what happens to callers."""

    def __init__(self, store: Store, log: Log) -> None:
        self.store, self.log = store, log
        self.assessment = Assessment(STATIONS)
        self.at = NOON

    def staff(self, *people: Counselor) -> None:
        for who in people:
            self.store.write(partial(log_in, who=who, at=self.at))

    def call(
        self,
        waited: float = 10,
        answering: str | None = None,
        outcome: str = "abandoned",
        home: str = HOME,
        offered_to: str | None = None,
        result: str = "no_answer",
        priority: int = 1,
        together: bool = False,
    ) -> None:
        """A caller who waited so long, and was answered by a station, or left; perhaps after the
        phone of a counselor rang."""
        call_id = f"call-{next(NUMBERS)}"
        queued, at = self.at, self.at + timedelta(seconds=waited)
        fields = {"station_home": home, "topic": "law", "priority": priority}
        entries = [Entry("queued", queued, "engine", {})]
        if answering is not None:
            columns = {"station_answering": answering}
            entries.append(Entry("answered", at, "counselor:somebody", {}, columns))
        else:
            entries.append(Entry.closing(at, outcome, "caller"))

        def work(connection: Connection) -> None:
            order_no = open_order(
                self.log, connection, call_id=call_id, at=queued, channel="asterisk",
                access_number="020-12355", caller_id=None, id_trust="withheld", fields=fields,
            )  # fmt: skip
            self.log.append_all(connection, order_no, entries)
            if offered_to is not None:
                part = Offer(
                    f"offer-{call_id}", offered_to, call_id, HOME, "asterisk-1", 0, "", 15,
                    together, queued, None,
                )  # fmt: skip
                offers.add(connection, [part], at)
                offers.end(connection, part, result, at)

        self.store.write(work)
        self.at = at

    def probe(self, accepted: bool) -> None:
        """Of HOME, by a synthetic call."""
        probe_id = str(next(NUMBERS))
        self.store.write(
            lambda connection: trials.note_probe(connection, probe_id, *LAW, accepted, self.at)
        )

    def look(self, planned: tuple[str, ...] = ()) -> list[Change]:
        self.at += timedelta(seconds=15)
        look = self.see(planned)
        return self.store.write(lambda connection: self.assessment.reassess(connection, look))

    def see(self, planned: tuple[str, ...] = ()) -> Look:
        return self.store.read(
            lambda connection: self.assessment.look(connection, planned, self.at)
        )

    def counted(self, place: Place = LAW) -> Counts:
        found = self.store.read(lambda connection: trials.slow(connection, self.at))
        return found.get(place, Counts())

    def in_force(self, place: Place = LAW) -> State:
        current = self.store.read(lambda connection: standings.current(connection, self.at))
        return current[place].in_force(self.at) if place in current else State.STRONG


@pytest.fixture
def day(store: Store, log: Log) -> Day:
    return Day(store, log)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ({"answering": HOME}, Counts(answered=1)),
        ({"answering": HOME, "waited": 15}, Counts(answered=1)),
        ({"answering": HOME, "waited": 16}, Counts(late=1)),
        ({"answering": CENTRE}, Counts(elsewhere=1)),
        ({"waited": 5}, Counts(abandoned=1)),
        ({"waited": 4}, Counts()),
        ({"outcome": "voicemail"}, Counts(abandoned=1)),
        ({"outcome": "failed"}, Counts()),
        ({"answering": CENTRE, "priority": 4}, Counts()),
        ({"offered_to": "chen"}, Counts(abandoned=1, in_vain=1)),
        ({"offered_to": "chen", "result": "unreachable"}, Counts(abandoned=1, unreachable=1)),
        ({"offered_to": "chen", "result": "congestion"}, Counts(abandoned=1)),
        ({"offered_to": "chen", "result": "expired"}, Counts(abandoned=1)),
        ({"offered_to": "chen", "result": "abandoned"}, Counts(abandoned=1)),
        ({"offered_to": "chen", "together": True}, Counts(abandoned=1)),
        ({"home": "440300", "answering": HOME, "offered_to": "chen", "result": "answered"},
         Counts(helped=1)),
        # Who was quicker says little of either.
        ({"answering": HOME, "offered_to": "chen", "result": "answered", "together": True},
         Counts()),
        ({"home": "440300", "answering": HOME, "offered_to": "chen", "result": "answered",
          "together": True}, Counts()),
    ],
)  # fmt: skip
def test_what_a_call_says_of_a_station(day: Day, call: dict[str, Any], expected: Counts) -> None:
    day.staff(counselor("chen"))
    day.store.write(lambda c: presence.pause(c, "chen", "break", day.at))
    day.call(**call)
    day.look()
    assert day.counted() == expected


def test_a_call_passed_on_while_somebody_was_free_at_home_says_nothing(day: Day) -> None:
    day.staff(counselor("chen"))
    day.call(answering=CENTRE)
    day.look()
    assert day.counted() == Counts()


def test_out_of_hours_nothing_is_held_against_a_station(day: Day) -> None:
    day.staff(counselor("chen"))
    day.store.write(lambda c: presence.log_out(c, "chen", day.at))
    for _ in range(8):
        day.call()
    assert day.look() == []
    assert day.counted() == Counts()


def test_each_call_counts_once_whoever_looks(day: Day) -> None:
    for _ in range(3):
        day.call(answering=HOME)
        day.look()
        day.assessment = Assessment(STATIONS)
        day.look()
    assert day.counted() == Counts(answered=3)


def test_an_outcome_that_comes_late_still_counts(day: Day) -> None:
    day.call(answering=HOME)
    day.at += timedelta(minutes=30)
    day.look()
    assert day.counted() == Counts(answered=1)


def test_a_station_that_stops_answering_is_weak_after_five_calls_and_a_probe_brings_it_back(
    day: Day,
) -> None:
    day.staff(counselor("chen"))
    for _ in range(20):
        day.call(answering=HOME)
    assert day.look() == []
    for _ in range(4):
        day.call(answering=CENTRE, offered_to="chen")
        day.store.write(lambda c: presence.pause(c, "chen", "rona", day.at))
        assert day.look() == []
    day.call(answering=CENTRE, offered_to="chen")
    [found] = day.look()
    assert (found.station, found.topic, found.to_state) == (HOME, "law", State.WEAK)
    assert found.cause == "nobody there of 0 planned, 5 calls unanswered"
    assert found.figures["fast"]["elsewhere"] == 5
    assert day.in_force() is State.WEAK

    states = []
    thresholds = day.assessment.thresholds(HOME)
    for _ in range(60):
        current = day.store.read(lambda c: standings.current(c, day.at))
        if LAW in current:
            due = probe_due(current[LAW], People(logged_in=1), thresholds)
            if due is not None and due <= day.at:
                day.probe(accepted=True)
        states += [change.to_state for change in day.look()]
    assert states == [State.PROBING, State.STRONG]
    assert day.in_force() is State.STRONG
    assert day.counted() == Counts()

    told = day.store.read(lambda c: standings.changes(c, HOME, 10))
    assert [change.to_state for change in told] == [State.STRONG, State.PROBING, State.WEAK]
    assert day.store.read(lambda c: standings.changes(c, CENTRE, 10)) == []


def test_the_change_in_force_can_be_named_by_an_order(day: Day) -> None:
    for _ in range(5):
        day.call(answering=CENTRE)
    [change] = day.look()
    current = day.store.read(lambda c: standings.current(c, day.at))
    assert current[LAW].change_id == change.id


def test_nobody_there_who_was_planned(day: Day) -> None:
    day.staff(counselor("chen"))
    day.store.write(lambda c: presence.log_out(c, "chen", day.at))
    for _ in range(3):
        day.call()
    assert day.look(planned=("chen",)) == []
    day.at += timedelta(hours=2)
    [change] = day.look(planned=("chen",))
    assert change.to_state is State.WEAK
    assert change.cause == "nobody there of 1 planned, 3 calls unanswered"


def test_a_managers_word_wins_until_its_end_and_both_are_recorded(day: Day) -> None:
    word = Override(State.DEAD, "moving house", "li", day.at + timedelta(hours=1))
    look = day.see()
    change = day.store.write(lambda c: day.assessment.override(c, *LAW, word, look))
    assert change.cause.startswith("li, until ")
    assert change.cause.endswith(": moving house")
    assert day.in_force() is State.DEAD
    for _ in range(5):
        day.call(answering=CENTRE)
        assert day.look() == []
    assert day.in_force() is State.DEAD
    day.at = word.until
    assert day.in_force() is State.WEAK
    [ended] = day.look()
    assert (ended.from_state, ended.to_state) == (State.DEAD, State.WEAK)
    assert ended.cause == "the override ended"


def test_no_change_can_be_altered(day: Day) -> None:
    for _ in range(5):
        day.call(answering=CENTRE)
    assert day.look()
    for statement in (standing_changes.delete(), standing_changes.update().values(cause="x")):
        alter = partial(Connection.execute, statement=statement)
        with pytest.raises(DatabaseError, match="standing_changes refuses this change"):
            day.store.write(alter)


def test_a_week_is_forgotten_day_by_day(day: Day) -> None:
    day.call(answering=HOME)
    day.look()
    day.at += timedelta(days=6)
    assert day.counted() == Counts(answered=1)
    day.at += timedelta(days=1)
    assert day.counted() == Counts()


def test_a_look_asks_no_more_of_the_store_for_more_stations(
    store: Store, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    day, asked = Day(store, log), []
    run = config.statements._run

    def counted(connection: Connection, text: str, parameters: Any) -> Any:
        asked.append(text.startswith("SELECT"))
        return run(connection, text, parameters)

    monkeypatch.setattr(config.statements, "_run", counted)
    looks = []
    for stations in ([HOME], list(STATIONS)[1:40]):
        for home in stations:
            day.call(answering=CENTRE, home=home)
        asked.clear()
        day.look()
        looks.append(sum(asked))
    assert looks[0] == looks[1] <= 8


def test_the_parts_of_an_assessment(day: Day) -> None:
    day.staff(counselor("chen"))
    day.call(answering=HOME)
    day.look()
    [found] = day.assessment.assessed(day.see(("chen",)))
    assert found.standing.state is State.STRONG
    assert found.strength.figures == Figures(
        Counts(answered=1), Counts(answered=1), found.strength.parent,
        found.strength.figures.people,
    )  # fmt: skip
    assert found.strength.figures.people.planned == 1
    assert Trial.ANSWERED in found.strength.as_json()["fast"]  # type: ignore[operator]
