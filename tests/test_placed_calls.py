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
from ivr.placed_calls import AGAIN_WITHIN, AlreadyRinging, PlacedCall, Result, attempt_id

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


def test_a_destination_has_one_live_attempt(do: Do[object]) -> None:
    other = replace(FIRST, id="test:gz-chen-2:1")
    with pytest.raises(AlreadyRinging):
        do(lambda c: placed_calls.commit(c, other))
    do(lambda c: placed_calls.commit(c, replace(other, destination=b"another")))
    do(lambda c: placed_calls.ended(c, FIRST.id, Result.BUSY, LATER))
    do(lambda c: placed_calls.commit(c, replace(FIRST, id="test:gz-chen-3:1")))


def test_what_the_carrier_does_not_have_is_tried_once_more(do: Do[PlacedCall | None]) -> None:
    again = do(lambda c: placed_calls.never_placed(c, FIRST, LATER, "no answer"))
    assert again == replace(FIRST, id="test:gz-chen-1:2", committed_at=LATER)
    assert do(lambda c: placed_calls.never_placed(c, FIRST, LATER, "no answer")) is None
    assert do(lambda c: placed_calls.latest(c, "test", "gz-chen-1")) == again
    assert again is not None
    assert do(lambda c: placed_calls.never_placed(c, again, LATER, "no answer")) is None
    latest = do(lambda c: placed_calls.latest(c, "test", "gz-chen-1"))
    assert latest is not None
    assert (latest.result, latest.reason) == ("not_placed", "no answer")


def test_what_nobody_waits_for_any_more_is_not_tried_again(do: Do[PlacedCall | None]) -> None:
    late = NOON + AGAIN_WITHIN + timedelta(seconds=1)
    assert do(lambda c: placed_calls.never_placed(c, FIRST, late, "no answer")) is None
    ended = do(lambda c: placed_calls.latest(c, "test", "gz-chen-1"))
    assert ended is not None
    assert ended.ended_at == late


@pytest.mark.parametrize("reference", ["+8613900001111", "", "a:b", "陈"])
def test_an_id_is_fit_for_an_address_and_a_log(reference: str) -> None:
    assert attempt_id("test", "gz-chen-1") == "test:gz-chen-1:1"
    with pytest.raises(ValueError, match="small letters"):
        attempt_id("test", reference)
