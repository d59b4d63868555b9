"""The index: few calls don't decide, a dead number is found, and every part is told."""

from __future__ import annotations

from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st

from routing.strength import (
    COUNTED,
    NATION_RATE,
    Counts,
    Figures,
    People,
    Trial,
    in_a_row_beyond_chance,
    parent_rates,
    shrunk,
    strength,
    week_before,
)

GOOD_WEEK = Counts(answered=90, elsewhere=10)
MANY = st.integers(min_value=0, max_value=500)
SOME_COUNTS = st.builds(Counts, *(MANY for _ in COUNTED))


def test_two_calls_missed_at_night_leave_a_good_station_above_the_threshold() -> None:
    found = strength(Figures(Counts(abandoned=2), GOOD_WEEK, 0.85), 10)
    assert found.answered == 0
    assert 0.7 < found.index < 0.8


def test_five_calls_missed_by_a_station_of_which_nothing_is_known_count() -> None:
    assert strength(Figures(Counts(elsewhere=5), Counts(elsewhere=5), 0.85), 10).index < 0.5


def test_who_is_not_there_is_not_expected_to_answer() -> None:
    people = People(roster=4, planned=4, logged_in=2, absent=1)
    found = strength(Figures(Counts(), GOOD_WEEK, 0.9, people), 10)
    assert found.staffed == 0.5
    assert found.index == found.week * 0.5


def test_phones_that_cannot_be_reached_weigh_on_the_index() -> None:
    found = strength(Figures(Counts(answered=3, unreachable=1), GOOD_WEEK, 0.9), 10)
    assert found.reachable == 0.75
    assert found.rona == 0.25


def test_a_centre_that_helps_others_is_judged_by_that_too() -> None:
    alone = strength(Figures(Counts(in_vain=2)), 10).index
    assert strength(Figures(Counts(in_vain=2, helped=20)), 10).index > alone


def test_every_figure_is_kept() -> None:
    told = strength(Figures(Counts(answered=3, abandoned=1), GOOD_WEEK, 0.85), 10).as_json()
    assert told["answered"] == 0.75
    assert told["abandoned"] == 0.25
    assert told["parent"] == 0.85
    assert told["fast"] == asdict(Counts(answered=3, abandoned=1))
    assert "rona" in told


@given(SOME_COUNTS, SOME_COUNTS, st.floats(0, 1), st.integers(1, 100))
def test_the_index_is_a_share(fast: Counts, slow: Counts, parent: float, weight: int) -> None:
    assert 0 <= strength(Figures(fast, slow, parent), weight).index <= 1


@given(st.integers(0, 50), st.integers(0, 50), st.floats(0, 1), st.integers(1, 100))
def test_a_shrunk_share_lies_between_what_was_seen_and_what_was_expected(
    answered: int, missed: int, expected: float, weight: int
) -> None:
    trials = answered + missed
    seen = answered / trials if trials else expected
    low, high = sorted((seen, expected))
    assert low - 1e-9 <= shrunk(answered, trials, expected, weight) <= high + 1e-9


def test_a_station_is_shrunk_toward_its_parent_and_the_nation_above() -> None:
    above = {"440100": "440000", "440200": "440000", "440000": "100000", "100000": None}
    poor = Counts(answered=100, elsewhere=900)
    rates = parent_rates({"440100": poor}, lambda station: above[station], 10)
    assert rates("100000") == NATION_RATE
    assert rates("440200") < 0.12
    empty = parent_rates({}, lambda station: above[station], 10)
    assert empty("440200") == NATION_RATE


def test_trials_are_counted_by_name_and_probes_left_out() -> None:
    trials = [Trial.ANSWERED, Trial.ANSWERED, Trial.REFUSED, Trial.SAYS_NOTHING, Trial.LATE]
    assert Counts.of(trials) == Counts(answered=2, late=1)


def test_how_long_a_run_is_no_chance() -> None:
    assert [in_a_row_beyond_chance(rate) for rate in (0, 0.1, 0.5, 0.8)] == [1, 5, 16, 47]
    assert 0.8**47 < 3e-5 < 0.8**46


def test_a_week_is_judged_without_what_was_missed_at_its_end() -> None:
    assert week_before(Counts(), 0, 0.9, 10) == 0.9
    assert week_before(Counts(elsewhere=5), 5, 0.9, 10) == 0.9
    assert week_before(Counts(answered=900, late=50, elsewhere=55), 5, 0.5, 10) > 0.94
    assert week_before(Counts(answered=1, elsewhere=39), 0, 0.5, 10) == 0.12
