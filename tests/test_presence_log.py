"""What the log tells of counselors is what they did, in both stores."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, update
from sqlalchemy.exc import DBAPIError

from agents import presence, presence_log, roster
from agents.presence_log import KEPT, PresenceChange, presence_changes
from agents.roster import Role
from config.database import Store
from tests.routing_stand_in import NOON, counselor, log_in
from workorders import guards

assert guards


class Day:
    """A counselor, and a clock that each change moves on by a second."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.at = NOON

    def does(self, change: Callable[..., object], *given: object) -> None:
        self.at += timedelta(seconds=1)
        self.store.write(lambda connection: change(connection, *given, self.at))

    def told(self, since: datetime = NOON) -> list[PresenceChange]:
        until = self.at
        return self.store.read(lambda c: presence_log.between(c, ["a"], since, until))

    def states(self) -> list[tuple[str, str | None, str | None]]:
        return [(change.state, change.reason, change.call_id) for change in self.told()]


@pytest.fixture
def day(store: Store) -> Day:
    store.write(lambda connection: log_in(connection, counselor("a")))
    return Day(store)


def ring(connection: Connection, who: str, call_id: str, at: datetime) -> None:
    presence.ring(connection, [who], call_id, at)


def end_call(connection: Connection, who: str, call_id: str, at: datetime) -> None:
    presence.end_call(connection, who, call_id, timedelta(seconds=5), at)


def miss(connection: Connection, who: str, call_id: str, at: datetime) -> None:
    presence.miss(connection, who, call_id, presence.RONA, None, at)


def test_each_change_is_told_once(day: Day) -> None:
    day.does(presence.reserve, "a", "1")
    day.does(ring, "a", "1")
    day.does(presence.answer, "a", "1")
    day.does(end_call, "a", "1")
    day.at += timedelta(seconds=10)
    day.does(presence.end_what_is_due)
    day.does(presence.reserve, "a", "2")
    day.does(miss, "a", "2")
    day.does(presence.log_in, "a")
    day.does(presence.pause, "a", "meal")
    day.does(roster.remove, "a")
    assert day.states() == [
        ("logged_out", None, None),
        ("available", None, None),
        ("reserved", None, "1"),
        ("ringing", None, "1"),
        ("on_call", None, "1"),
        ("wrap_up", None, None),
        ("available", None, None),
        ("reserved", None, "2"),
        ("paused", "rona", None),
        ("available", None, None),
        ("paused", "meal", None),
        ("logged_out", "removed", None),
    ]
    assert [change.until is not None for change in day.told()].index(True) == 5


def test_what_changes_nothing_is_not_told(day: Day) -> None:
    day.does(presence.reserve, "a", "1")
    before = day.states()
    day.does(presence.reserve, "a", "2")
    day.does(presence.answer, "a", "2")
    day.does(end_call, "a", "1")
    day.does(presence.end_what_is_due)
    day.does(presence.log_out, "a")  # a wish, granted after the call
    assert day.states() == before
    day.does(presence.release, "a", "1")
    assert day.states()[len(before) :] == [("logged_out", None, None)]


def test_a_duty_phone_is_there_from_the_first(store: Store) -> None:
    day = Day(store)
    day.does(roster.add, counselor("a", role=Role.DUTY_PHONE))
    assert day.states() == [("available", None, None)]
    day.does(roster.add, counselor("a"))
    day.does(roster.add, counselor("a", topics=["law"]))
    assert day.states() == [("available", None, None), ("logged_out", None, None)]


def test_the_last_change_before_a_time(day: Day) -> None:
    day.does(presence.pause, "a", "meal")
    day.does(presence.log_in, "a")

    def state(before: datetime) -> str:
        [change] = day.store.read(lambda c: presence_log.latest(c, ["a", "nobody"], before))
        return change.state

    assert state(day.at) == "paused"
    assert state(day.at + timedelta(seconds=1)) == "available"


def test_the_oldest_is_forgotten(day: Day) -> None:
    day.does(presence.pause, "a", "meal")
    assert day.store.read(presence_log.began) == NOON
    day.store.write(lambda c: presence_log.forget(c, NOON + KEPT))
    assert len(day.states()) == 3
    day.store.write(lambda c: presence_log.forget(c, day.at + KEPT))
    assert [state for state, *_ in day.states()] == ["paused"]
    assert day.store.read(presence_log.began) == day.at


def test_no_change_is_altered(day: Day) -> None:
    with pytest.raises(DBAPIError, match="presence_changes refuses this change"):
        day.store.write(lambda c: c.execute(update(presence_changes).values(state="available")))
