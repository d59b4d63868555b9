"""Calls that we place, as the store keeps them: one attempt a row, which only goes forward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from config.database import Store
from ivr import placed_calls
from ivr.attempts import Attempts
from ivr.placed_calls import AGAIN_WITHIN, AlreadyRinging, PlacedCall, Result, attempt_id
from ivr.placing import Wanted

T = TypeVar("T")
Do = Callable[[Callable[[Connection], T]], T]

NOON = datetime(2026, 6, 7, 4, 0, tzinfo=UTC)
LATER = NOON + timedelta(seconds=70)
FIRST = PlacedCall("test:gz-chen-1:1", "twilio", "gz-chen", b"a telephone", NOON)


@pytest.fixture
def do(store: Store) -> Do[T]:
    """Work in a transaction, the first attempt being committed."""
    store.write(lambda connection: placed_calls.commit(connection, FIRST))
    return store.write


def test_an_attempt_goes_forward(do: Do[object]) -> None:
    assert do(lambda c: placed_calls.live(c, "twilio")) == [FIRST]
    assert do(lambda c: placed_calls.placed(c, FIRST.id, "CA1", LATER))
    placed = replace(FIRST, channel="CA1", placed_at=LATER)
    assert do(lambda c: placed_calls.live(c, "twilio")) == [placed]
    assert do(lambda c: placed_calls.ended(c, FIRST.id, Result.BUSY, LATER))
    over = replace(placed, ended_at=LATER, result="busy")
    assert do(lambda c: placed_calls.load(c, FIRST.id)) == over
    assert do(lambda c: placed_calls.live(c, "twilio")) == []


def test_whoever_tells_it_again_or_otherwise_changes_nothing(do: Do[object]) -> None:
    assert do(lambda c: placed_calls.placed(c, FIRST.id, "CA1", NOON))
    assert do(lambda c: placed_calls.placed(c, FIRST.id, "CA1", LATER))
    assert not do(lambda c: placed_calls.placed(c, FIRST.id, "CA2", LATER))
    assert not do(lambda c: placed_calls.placed(c, "test:nobody:1", "CA3", LATER))
    assert do(lambda c: placed_calls.ended(c, FIRST.id, Result.NO_ANSWER, NOON))
    assert not do(lambda c: placed_calls.ended(c, FIRST.id, Result.BUSY, LATER))
    assert not do(lambda c: placed_calls.ended(c, FIRST.id, Result.ACCEPTED, LATER))
    found = do(lambda c: placed_calls.load(c, FIRST.id))
    assert found == replace(FIRST, channel="CA1", placed_at=NOON, ended_at=NOON, result="no_answer")


def test_a_key_that_was_pressed_counts_even_after_the_end(do: Do[object]) -> None:
    do(lambda c: placed_calls.placed(c, FIRST.id, "CA1", NOON))
    do(lambda c: placed_calls.ended(c, FIRST.id, Result.NOT_ACCEPTED, NOON))
    assert do(lambda c: placed_calls.ended(c, FIRST.id, Result.ACCEPTED, LATER))
    assert not do(lambda c: placed_calls.ended(c, FIRST.id, Result.NOT_ACCEPTED, LATER))


@pytest.mark.parametrize("told", [Result.NO_ANSWER, Result.UNREACHABLE, Result.NOT_PLACED])
def test_what_is_being_given_up_ends_so_whatever_is_told(do: Do[object], told: Result) -> None:
    do(lambda c: placed_calls.give_up(c, FIRST.id))
    assert do(lambda c: placed_calls.live(c, "twilio")) == [replace(FIRST, result="given_up")]
    do(lambda c: placed_calls.placed(c, FIRST.id, "CA1", NOON))
    assert not do(lambda c: placed_calls.ended(c, FIRST.id, Result.ACCEPTED, LATER))
    assert do(lambda c: placed_calls.ended(c, FIRST.id, told, LATER))
    found = do(lambda c: placed_calls.load(c, FIRST.id))
    over = replace(FIRST, channel="CA1", placed_at=NOON, ended_at=LATER, result="given_up")
    assert found == over
    do(lambda c: placed_calls.give_up(c, FIRST.id))
    assert do(lambda c: placed_calls.load(c, FIRST.id)) == over


def test_a_destination_has_one_live_attempt(do: Do[object]) -> None:
    other = replace(FIRST, id="test:gz-chen-2:1")
    with pytest.raises(AlreadyRinging):
        do(lambda c: placed_calls.commit(c, other))
    do(lambda c: placed_calls.commit(c, replace(other, destination=b"another")))
    do(lambda c: placed_calls.ended(c, FIRST.id, Result.BUSY, LATER))
    do(lambda c: placed_calls.commit(c, replace(FIRST, id="test:gz-chen-3:1")))


@pytest.fixture
def over() -> list[PlacedCall]:
    """Calls for a test that are over, as their purpose was told."""
    return []


@pytest.fixture
def attempts(store: Store, over: list[PlacedCall]) -> Attempts:
    """The first attempt being committed; all is told LATER."""

    def is_over(connection: Connection, call: PlacedCall, at: datetime) -> None:
        assert at == LATER
        over.append(call)

    attempts = Attempts(store, lambda: LATER, {"test": is_over})
    store.write(lambda connection: placed_calls.commit(connection, FIRST))
    return attempts


def test_what_the_carrier_does_not_have_is_tried_once_more(
    store: Store, attempts: Attempts, over: list[PlacedCall]
) -> None:
    again = attempts.never_placed(FIRST, "no answer")
    assert again == replace(FIRST, id="test:gz-chen-1:2", committed_at=LATER)
    assert attempts.never_placed(FIRST, "no answer") is None
    assert store.read(lambda c: placed_calls.latest(c, "test", "gz-chen-1")) == again
    assert over == []
    assert attempts.never_placed(again, "no answer") is None
    assert [(call.id, call.result, call.reason) for call in over] == [
        ("test:gz-chen-1:2", "not_placed", "no answer")
    ]


def test_what_is_being_given_up_is_not_tried_again(
    attempts: Attempts, over: list[PlacedCall]
) -> None:
    attempts.give_up(FIRST.id)
    assert attempts.never_placed(FIRST, "no answer") is None
    assert [call.result for call in over] == ["given_up"]


def test_what_nobody_waits_for_any_more_is_not_tried_again(
    store: Store, over: list[PlacedCall]
) -> None:
    late = NOON + AGAIN_WITHIN + timedelta(seconds=1)
    attempts = Attempts(store, lambda: late)
    store.write(lambda connection: placed_calls.commit(connection, FIRST))
    assert attempts.never_placed(FIRST, "no answer") is None
    ended = store.read(lambda c: placed_calls.latest(c, "test", "gz-chen-1"))
    assert ended is not None
    assert ended.ended_at == late


def test_its_purpose_hears_of_the_end_once_and_of_a_key_that_came_late(
    attempts: Attempts, over: list[PlacedCall]
) -> None:
    attempts.placed(FIRST.id, "CA1")
    attempts.end(FIRST.id, Result.NOT_ACCEPTED)
    attempts.end(FIRST.id, Result.BUSY)
    attempts.end(FIRST.id, Result.ACCEPTED)
    assert [call.result for call in over] == ["not_accepted", "accepted"]


def test_what_goes_with_a_commit_fails_with_it(store: Store) -> None:
    def fails(_connection: Connection) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Attempts(store, lambda: NOON).begin(Wanted(FIRST.id, "gz-chen", also=fails), "twilio", b"")
    assert store.read(lambda c: placed_calls.load(c, FIRST.id)) is None


@pytest.mark.parametrize("reference", ["+8613900001111", "", "a:b", "陈"])
def test_an_id_is_fit_for_an_address_and_a_log(reference: str) -> None:
    assert attempt_id("test", "gz-chen-1") == "test:gz-chen-1:1"
    with pytest.raises(ValueError, match="small letters"):
        attempt_id("test", reference)
