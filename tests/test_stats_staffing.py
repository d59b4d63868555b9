"""How many counselors an hour needs."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.erlang import answered_within_a, answered_within_c
from stats.staffing import Aim, BadFigures, need

IN_TIME = Aim(0.8, 15)


def test_published_need() -> None:
    """README of the R package ErlangC: 100 calls in 30 minutes of 180 s, 80 % in 20 s, need 14."""
    assert need(200, 180, 90, Aim(0.8, 20)).erlang_c.counselors == 14


def test_patience_counts() -> None:
    asked = need(60, 600, 90, IN_TIME)
    assert asked.load == 10
    assert (asked.erlang_c.counselors, asked.erlang_a.counselors) == (14, 12)
    assert asked.erlang_c.abandoned == 0
    assert 0.09 < asked.erlang_a.abandoned < 0.1


def test_no_calls_need_nobody_and_one_needs_somebody() -> None:
    nobody = need(0, 600, 90, IN_TIME)
    assert (nobody.load, nobody.erlang_c.counselors, nobody.erlang_a.counselors) == (0, 0, 0)
    rare = need(0.01, 600, 90, IN_TIME)
    assert (rare.erlang_c.counselors, rare.erlang_a.counselors) == (1, 1)


@given(
    st.floats(0.01, 500),
    st.floats(1, 3000),
    st.floats(1, 1000),
    st.floats(0.01, 0.999),
    st.floats(0, 120),
)
def test_enough_and_not_one_more(
    calls: float, handling: float, patience: float, level: float, within: float
) -> None:
    asked = need(calls, handling, patience, Aim(level, within))
    assert asked.erlang_c.answered_within >= level
    assert asked.erlang_a.answered_within >= level
    fewer = asked.erlang_c.counselors - 1
    if fewer:
        assert answered_within_c(fewer, asked.load, handling, within) < level
    fewer = asked.erlang_a.counselors - 1
    if fewer:
        assert answered_within_a(fewer, asked.load, handling, patience, within) < level


@pytest.mark.parametrize(
    ("level", "within", "said"),
    [
        (1, 15, "a level of 1: say more than 0 and less than 1, as 0.8"),
        (0, 15, "a level of 0: say more than 0 and less than 1, as 0.8"),
        (80, 15, "a level of 80: say more than 0 and less than 1, as 0.8"),
        (math.nan, 15, "a level of nan: say more than 0 and less than 1, as 0.8"),
        (0.8, -1, "answered within -1 s: say from 0 to 86400"),
    ],
)
def test_an_aim_that_cannot_be(level: float, within: float, said: str) -> None:
    with pytest.raises(BadFigures) as refused:
        Aim(level, within)
    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("calls", "handling", "patience", "said"),
    [
        (-1, 600, 90, "-1 calls an hour: say from 0 to 100000"),
        (math.nan, 600, 90, "nan calls an hour: say from 0 to 100000"),
        (1e9, 600, 90, "1e+09 calls an hour: say from 0 to 100000"),
        (60, 0, 90, "a mean handling of 0 s: say from 1 to 86400"),
        (60, 600, -90, "a mean patience of -90 s: say from 1 to 86400"),
        (60, 600, math.inf, "a mean patience of inf s: say from 1 to 86400"),
        (100_000, 4000, 90, "a load of 111111 Erlang: over 100000 counselors"),
        (200_000 / 2, 3599, 90, "a load of 99972.2 Erlang: over 100000 counselors"),
    ],
)
def test_an_hour_that_cannot_be(calls: float, handling: float, patience: float, said: str) -> None:
    with pytest.raises(BadFigures) as refused:
        need(calls, handling, patience, Aim(0.99, 0))
    assert str(refused.value) == said
