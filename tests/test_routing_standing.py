"""Standings: each change of state and each that is refused; no flapping; found and back in time."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from routing.standing import Happened, Override, Run, Standing, State, Thresholds
from routing.stations import Stations
from routing.strength import FAST, Counts, Figures, People, Trial
from routing.transitions import TRANSITIONS, advance, probe_due

THRESHOLDS = Thresholds.of(Stations.load(Path("config")), "440100")
NOON = datetime(2026, 6, 8, 4, 0, tzinfo=UTC)
LONG_AGO = NOON - timedelta(hours=6)
HERE = People(roster=3, planned=3, logged_in=3, free=3)
NO_CALLS = Counts()
GOOD, POOR = Counts(answered=900, elsewhere=50), Counts(answered=60, elsewhere=40)


def stood(state: State, since: datetime = LONG_AGO, **known: object) -> Standing:
    return replace(Standing(state, since), **known)  # type: ignore[arg-type]


def figures(fast: Counts = NO_CALLS, slow: Counts = GOOD, people: People = HERE) -> Figures:
    return Figures(fast, slow, 0.9, people)


def happened(*trials: Trial) -> list[Happened]:
    return [Happened(NOON - timedelta(seconds=len(trials) - n), t) for n, t in enumerate(trials)]


BAD_QUARTER = Counts(answered=1, elsewhere=29)
FIVE_LOST = [Trial.ELSEWHERE] * 5
ACCEPTED = [Trial.ACCEPTED] * 4
TABLE: list[tuple[str, Standing, Figures, Sequence[Trial], State]] = [
    # What is done.
    ("few answered", stood(State.STRONG), figures(BAD_QUARTER), (), State.WEAK),
    ("a bad week", stood(State.STRONG), figures(slow=Counts(1, elsewhere=40)), (), State.WEAK),
    ("never seen before", Standing(), figures(BAD_QUARTER), (), State.WEAK),
    ("five lost in a row", stood(State.STRONG), figures(), FIVE_LOST, State.WEAK),
    (
        "nobody answered for a day",
        stood(State.WEAK, NOON - timedelta(days=1), run=Run(calls=2, probes=30)),
        figures(),
        FIVE_LOST,
        State.DEAD,
    ),
    (
        "planned and not there",
        stood(State.STRONG, empty_since=NOON - timedelta(hours=2)),
        figures(people=People(roster=3, planned=2)),
        [Trial.ELSEWHERE] * 3,
        State.WEAK,
    ),
    (
        "nobody there, poor week",
        stood(State.STRONG),
        figures(slow=POOR, people=People(roster=3, planned=2)),
        FIVE_LOST,
        State.WEAK,
    ),
    (
        "nobody there or planned, poor week",
        stood(State.STRONG),
        figures(slow=POOR, people=People(roster=3)),
        FIVE_LOST,
        State.WEAK,
    ),
    ("probes accepted", stood(State.DEAD), figures(), ACCEPTED, State.PROBING),
    ("a strong week's return", stood(State.WEAK), figures(), ACCEPTED, State.PROBING),
    (
        "a poor week's return",
        stood(State.WEAK, owed=21),
        figures(slow=POOR),
        [Trial.ANSWERED] * 21,
        State.PROBING,
    ),
    ("one more accepted", stood(State.PROBING), figures(), [Trial.ACCEPTED], State.STRONG),
    ("a caller answered", stood(State.PROBING), figures(), [Trial.ANSWERED], State.STRONG),
    (
        "a probe refused",
        stood(State.PROBING, before=State.DEAD),
        figures(),
        [Trial.REFUSED],
        State.DEAD,
    ),
    (
        "a call missed",
        stood(State.PROBING, before=State.WEAK),
        figures(),
        [Trial.IN_VAIN],
        State.WEAK,
    ),
    # What is refused.
    ("nothing", stood(State.STRONG), figures(), (), State.STRONG),
    ("two missed", stood(State.STRONG), figures(Counts(abandoned=2)), (), State.STRONG),
    (
        "two missed at night that rang five phones",
        stood(State.STRONG),
        figures(Counts(abandoned=2, in_vain=5)),
        [Trial.IN_VAIN] * 5 + [Trial.ABANDONED] * 2,
        State.STRONG,
    ),
    ("four lost", stood(State.STRONG), figures(), FIVE_LOST[:4], State.STRONG),
    (
        "five lost by a poor station",
        stood(State.STRONG),
        figures(slow=POOR),
        FIVE_LOST,
        State.STRONG,
    ),
    (
        "five lost while colleagues talk",
        stood(State.STRONG),
        figures(people=replace(HERE, talking=1)),
        FIVE_LOST,
        State.STRONG,
    ),
    ("five lost, weak", stood(State.WEAK), figures(), FIVE_LOST, State.WEAK),
    (
        "nobody answered for nearly a day",
        stood(State.WEAK, NOON - timedelta(hours=23), run=Run(calls=100, probes=100)),
        figures(),
        FIVE_LOST,
        State.WEAK,
    ),
    (
        "few missed in a day",
        stood(State.WEAK, NOON - timedelta(days=2), run=Run(probes=31)),
        figures(),
        FIVE_LOST,
        State.WEAK,
    ),
    (
        "five lost that rang five phones of a poor station",
        stood(State.STRONG),
        figures(slow=Counts(answered=70, elsewhere=40)),
        [Trial.IN_VAIN, Trial.ELSEWHERE] * 5,
        State.STRONG,
    ),
    (
        "late at the desk, no calls",
        stood(State.STRONG, empty_since=NOON - timedelta(hours=3)),
        figures(people=People(roster=3, planned=2)),
        (),
        State.STRONG,
    ),
    (
        "two missed while nobody was there",
        stood(State.STRONG, empty_since=NOON - timedelta(hours=3)),
        figures(people=People(roster=3, planned=2)),
        [Trial.ELSEWHERE] * 2,
        State.STRONG,
    ),
    (
        "two hours late",
        stood(State.STRONG, empty_since=NOON - timedelta(minutes=119)),
        figures(people=People(roster=3, planned=2)),
        [Trial.ELSEWHERE] * 4,
        State.STRONG,
    ),
    (
        "strong just now",
        stood(State.STRONG, NOON - timedelta(minutes=4)),
        figures(BAD_QUARTER),
        FIVE_LOST,
        State.STRONG,
    ),
    ("three accepted", stood(State.DEAD), figures(), ACCEPTED[:3], State.DEAD),
    (
        "refused between",
        stood(State.DEAD),
        figures(),
        [*ACCEPTED[:2], Trial.REFUSED, *ACCEPTED[:3]],
        State.DEAD,
    ),
    (
        "dead just now",
        stood(State.DEAD, NOON - timedelta(minutes=1)),
        figures(),
        ACCEPTED,
        State.DEAD,
    ),
    (
        "probing failed before",
        stood(State.DEAD, relapses=1),
        figures(),
        ACCEPTED,
        State.DEAD,
    ),
    ("a good quarter alone", stood(State.DEAD), figures(Counts(answered=20)), (), State.DEAD),
    (
        "a poor week's early return",
        stood(State.WEAK, owed=21),
        figures(slow=POOR),
        [Trial.ANSWERED] * 20,
        State.WEAK,
    ),
    (
        "weak just now",
        stood(State.WEAK, NOON - timedelta(minutes=9)),
        figures(),
        ACCEPTED,
        State.WEAK,
    ),
    ("late again", stood(State.PROBING), figures(), [Trial.LATE], State.PROBING),
    ("no sign", stood(State.PROBING), figures(), [Trial.SAYS_NOTHING], State.PROBING),
]


@pytest.mark.parametrize(
    ("before", "seen", "trials", "expected"),
    [row[1:] for row in TABLE],
    ids=[f"{row[1].state}: {row[0]}" for row in TABLE],
)
def test_table(before: Standing, seen: Figures, trials: Sequence[Trial], expected: State) -> None:
    after = advance(before, seen, happened(*trials), NOON, THRESHOLDS)
    assert after.state is expected
    if expected is not before.state:
        assert after.since == NOON
        assert after.cause
        assert after.before is before.state


def test_the_table_covers_every_way_out_of_every_state() -> None:
    ways = {
        (state, to) for state, rules in TRANSITIONS.items() for _, to in rules if to is not None
    } | {(State.PROBING, State.DEAD), (State.PROBING, State.WEAK)}
    shown = {(row[1].state, row[4]) for row in TABLE if row[1].state is not row[4]}
    assert shown == ways


@pytest.mark.parametrize(
    ("week", "owed"),
    [
        (GOOD, 0),
        (Counts(elsewhere=500), 3),
        (Counts(answered=2, elsewhere=7), 16),
        (Counts(answered=40, elsewhere=65), 12),
        (Counts(answered=75, elsewhere=30), 33),
    ],
)
def test_what_is_owed_by_a_station_of_this_week(week: Counts, owed: int) -> None:
    """What was missed in a row before it was found out, five calls, is no part of its week."""
    alone = People(roster=1)
    after = advance(
        stood(State.STRONG),
        figures(slow=week, people=alone),
        happened(*FIVE_LOST),
        NOON,
        THRESHOLDS,
    )
    assert after.state is State.WEAK
    assert after.owed == owed


@pytest.mark.parametrize(
    ("week", "owed"), [(GOOD, 0), (Counts(answered=1, elsewhere=8), 10), (POOR, 20)]
)
def test_what_is_owed_by_a_weak_station_of_this_week(week: Counts, owed: int) -> None:
    after = advance(stood(State.STRONG), figures(BAD_QUARTER, week), (), NOON, THRESHOLDS)
    assert after.state is State.WEAK
    assert after.owed == owed


def test_a_station_comes_back_with_a_clean_slate() -> None:
    probing = stood(State.PROBING, run=Run(answered=3), probed_at=NOON, relapses=2)
    back = advance(probing, figures(), happened(Trial.ACCEPTED), NOON, THRESHOLDS)
    assert (back.run, back.probed_at, back.relapses) == (Run(), None, 0)


def test_somebody_who_logs_in_ends_the_wait_for_a_planned_counselor() -> None:
    empty = advance(Standing(), figures(people=People(2, planned=1)), (), NOON, THRESHOLDS)
    assert empty.empty_since == NOON
    assert advance(empty, figures(), (), NOON, THRESHOLDS).empty_since is None


@pytest.mark.parametrize(
    ("standing", "people", "minutes"),
    [
        (stood(State.STRONG), HERE, None),
        (stood(State.DEAD), People(roster=3, planned=3), None),
        (stood(State.DEAD, NOON), HERE, 2),
        (stood(State.DEAD, probed_at=NOON, run=Run(probes=1)), HERE, 2),
        (stood(State.DEAD, probed_at=NOON, run=Run(probes=2)), HERE, 4),
        (stood(State.DEAD, probed_at=NOON, run=Run(probes=3)), HERE, 5),
        (stood(State.DEAD, probed_at=NOON, run=Run(probes=300)), HERE, 5),
        (stood(State.DEAD, probed_at=NOON, run=Run(answered=1)), HERE, 1),
        (stood(State.PROBING, probed_at=NOON, run=Run(answered=1)), HERE, 1),
        (stood(State.WEAK, NOON), HERE, 5),
        (stood(State.WEAK, probed_at=NOON, run=Run(probes=1)), HERE, 5),
        (stood(State.WEAK, probed_at=NOON, run=Run(answered=1)), HERE, 1),
        (
            stood(State.DEAD, probed_at=NOON, run=Run(probes=9)),
            replace(HERE, arrived_at=NOON + timedelta(seconds=1)),
            1,
        ),
        (
            stood(State.DEAD, probed_at=NOON, run=Run(probes=9)),
            replace(HERE, arrived_at=NOON + timedelta(minutes=3)),
            3,
        ),
    ],
)
def test_when_the_next_synthetic_probe_is_due(
    standing: Standing, people: People, minutes: float | None
) -> None:
    due = probe_due(standing, people, THRESHOLDS)
    assert due == (None if minutes is None else NOON + timedelta(minutes=minutes))


def test_an_override_wins_until_its_end() -> None:
    word = Override(State.WEAK, "moving house", "manager:li", NOON + timedelta(hours=2))
    word.check(NOON)
    standing = replace(stood(State.STRONG), override=word)
    assert standing.in_force(NOON) is State.WEAK
    assert standing.in_force(NOON + timedelta(hours=2)) is State.STRONG


@pytest.mark.parametrize(
    ("state", "reason", "until", "told"),
    [
        (State.WEAK, " ", timedelta(hours=1), "needs a reason"),
        (State.PROBING, "why", timedelta(hours=1), "strong, weak or dead"),
        (State.WEAK, "why", timedelta(0), "in the future"),
        (State.DEAD, "why", timedelta(days=7, seconds=1), "within 7 days"),
    ],
)
def test_an_override_that_is_refused(
    state: State, reason: str, until: timedelta, told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        Override(state, reason, "manager:li", NOON + until).check(NOON)


LOOK = timedelta(seconds=15)
MIDNIGHT = datetime(2026, 6, 7, 16, 0, tzinfo=UTC)


def one_day(
    quality: Callable[[datetime], float], calls_a_day: int, chance: random.Random
) -> tuple[list[tuple[datetime, State]], list[datetime]]:
    """A station whose calls and probes are each answered by the chance `quality`, after a week of
    the same as it begins with: its changes of state, and when it missed calls."""
    week = [chance.random() < quality(MIDNIGHT) for _ in range(7 * calls_a_day)]
    lost = 0
    while lost < len(week) and not week[-1 - lost]:
        lost += 1
    slow = Counts(answered=sum(week), elsewhere=len(week) - sum(week))
    standing = Standing(run=Run(calls=lost))
    fast: deque[Happened] = deque()
    changes, missed = [], []
    at = MIDNIGHT
    call_at = at + timedelta(days=chance.expovariate(calls_a_day))
    while at < MIDNIGHT + timedelta(days=1):
        at += LOOK
        new = []
        while call_at <= at:
            answered = chance.random() < quality(call_at)
            new.append(Happened(call_at, Trial.ANSWERED if answered else Trial.ELSEWHERE))
            missed += [] if answered else [call_at]
            call_at += timedelta(days=chance.expovariate(calls_a_day))
        due = probe_due(standing, HERE, THRESHOLDS)
        if due is not None and due <= at:
            accepted = chance.random() < quality(at)
            new.append(Happened(at, Trial.ACCEPTED if accepted else Trial.REFUSED))
        fast.extend(new)
        while fast and fast[0].at <= at - FAST:
            fast.popleft()
        slow += Counts.of(trial for _, trial in new)
        seen = Figures(Counts.of(trial for _, trial in fast), slow, 0.85, HERE)
        after = advance(standing, seen, new, at, THRESHOLDS)
        if after.state is not standing.state:
            changes.append((at, after.state))
            if after.state is State.STRONG:
                slow = Counts()
                fast.clear()
        standing = after
    return changes, missed


@pytest.mark.parametrize(
    "quality", [0, 0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1]
)
def test_constant_load_changes_a_station_at_most_once_a_day(quality: float) -> None:
    """Also at both thresholds, 0.3 and 0.8."""
    for calls_a_day in (20, 60, 150, 400):
        chance = random.Random(f"{quality} {calls_a_day}")
        changes, _ = one_day(lambda at: quality, calls_a_day, chance)
        assert len(changes) <= 1, changes


@pytest.mark.parametrize("calls_a_day", [60, 150, 400, 5000])
def test_a_station_that_dies_is_found_and_is_back_within_a_quarter_of_an_hour(
    calls_a_day: int,
) -> None:
    """It answers all but one in a hundred; dead from 10:00 to 14:00."""
    dies, returns = MIDNIGHT + timedelta(hours=10), MIDNIGHT + timedelta(hours=14)

    def quality(at: datetime) -> float:
        return 0.0 if dies <= at < returns else 0.99

    for seed in range(5):
        changes, missed = one_day(quality, calls_a_day, random.Random(seed))
        assert [state for _, state in changes] == [State.WEAK, State.PROBING, State.STRONG]
        weak, _, strong = (at for at, _ in changes)
        fifth = [at for at in missed if at >= dies][4]
        assert weak <= fifth + LOOK
        assert returns < strong <= returns + timedelta(minutes=15)
