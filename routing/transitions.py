"""How a station's standing for a topic changes. Pure: one transition table.

    strong -> weak -> probing -> strong
              weak -> dead -> probing
    probing -> back to where it came from

Down by the figures of both windows (`routing.strength`), up by what happened since: so many
synthetic probes in a row accepted, and calls that rang there alone answered. Where several rang at
once, who was quicker says nothing. So that it never flaps:

* Weak needs the index and the calls themselves under the lower threshold: a week's mean moves
  slowly, so whoever lies well above it isn't found under it by chance. Or `weak_calls` callers in
  a row unanswered, and more than the station's own week makes likely (BY_CHANCE); where nobody is
  there, fewer after a while.
* Dead is found at leisure, for a weak station is covered: nobody was answered for A_DAY, by misses
  too many for one that answers SELDOM.
* Back: `accepted` in a row are answered. A station whose week before was not strong, or of whom
  little is known, owes more: as many as it answered by chance less often than BY_CHANCE.
* After each time that probing failed, twice as many.
* Each state but probing, which any miss ends, lasts its dwell.

Nothing here rings anybody. Dead stations are rung by synthetic probes alone, weak and probing ones
also by callers for whom a covering place rings at the same time: no child is a probe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from routing.standing import NOTHING, Happened, Standing, State, Thresholds
from routing.strength import (
    NATION_RATE,
    Figures,
    People,
    Trial,
    in_a_row_beyond_chance,
    strength,
    week_before,
)

DOUBLINGS = 4
FEW = 2
"""Calls missed that condemn nobody, whoever isn't there."""
SELDOM = 0.25
"""A weak station that may still answer this share is not dead."""
A_DAY = timedelta(days=1)
EVEN = 0.5
"""Of a station that is not strong and not known, the share it may be expected to answer."""


class _Moment(NamedTuple):
    standing: Standing
    figures: Figures
    thresholds: Thresholds
    at: datetime


Rule = Callable[[_Moment], str | None]
"""Why the state is left now; None: it isn't."""


def advance(
    standing: Standing,
    figures: Figures,
    happened: Iterable[Happened],
    at: datetime,
    thresholds: Thresholds,
) -> Standing:
    """The standing after what `happened` since it was last advanced, synthetic probes among it.

    At most one change of state at a time; `cause` then says why. A station never seen before has
    `since` None: it may change at once.
    """
    standing = _after(standing, happened)
    empty = figures.people.planned > 0 and figures.people.there == 0
    empty_since = (standing.empty_since or at) if empty else None
    if empty_since != standing.empty_since:
        standing = replace(standing, empty_since=empty_since)
    moment = _Moment(standing, figures, thresholds, at)
    for rule, state in TRANSITIONS[standing.state]:
        cause = rule(moment)
        if cause is not None:
            to = standing.before if state is None else state
            return _changed(moment, to, cause)
    return standing


def probe_due(standing: Standing, people: People, thresholds: Thresholds) -> datetime | None:
    """When the next synthetic probe of a station is due; None: not now.

    Somebody who became available since the last one is asked at once. Only people who logged in
    can accept.
    """
    if standing.state is State.STRONG or standing.since is None or not people.logged_in:
        return None
    last = standing.probed_at or standing.since
    if standing.probed_at is not None and not standing.run.probes:
        wait = thresholds.probe_again
    elif standing.state is State.WEAK:
        # It is alive, and covered: its people aren't asked more often than they must.
        wait = thresholds.probe_longest
    else:
        doubled = thresholds.probe_first * 2 ** min(max(0, standing.run.probes - 1), DOUBLINGS)
        wait = min(doubled, thresholds.probe_longest)
    due = last + wait
    if people.arrived_at is not None and people.arrived_at > last:
        due = min(due, max(people.arrived_at, last + thresholds.probe_again))
    return due


def _after(standing: Standing, happened: Iterable[Happened]) -> Standing:
    run, probed_at = standing.run, standing.probed_at
    for at, trial in sorted(happened):
        run = run.then(trial)
        if trial in (Trial.ACCEPTED, Trial.REFUSED):
            probed_at = at
    if (run, probed_at) == (standing.run, standing.probed_at):
        return standing
    return replace(standing, run=run, probed_at=probed_at)


def _changed(moment: _Moment, to: State, cause: str) -> Standing:
    standing = moment.standing
    changed = replace(standing, state=to, since=moment.at, cause=cause, before=standing.state)
    if to is State.STRONG:
        return replace(changed, run=NOTHING, owed=0, probed_at=None, relapses=0)
    if standing.state is State.STRONG:
        changed = replace(changed, owed=_owed(moment))
    relapses = standing.relapses + (to is not State.PROBING and standing.state is State.PROBING)
    return replace(changed, run=standing.run._replace(answered=0), relapses=relapses)


def _owed(moment: _Moment) -> int:
    """Nothing by a station whose week before was strong; by others as many as their week's share
    makes by chance less often than BY_CHANCE. Where little is known, it is EVEN."""
    figures, thresholds = moment.figures, moment.thresholds
    week = week_before(figures.slow, moment.standing.run.missed, EVEN, thresholds.prior_calls)
    return in_a_row_beyond_chance(week) if week < thresholds.up else 0


def _dwelt(moment: _Moment) -> bool:
    since = moment.standing.since
    return since is None or moment.at - since >= moment.thresholds.dwell[moment.standing.state]


def _nobody_answers(moment: _Moment) -> str | None:
    standing, thresholds = moment.standing, moment.thresholds
    run, people = standing.run, moment.figures.people
    if people.talking:
        return None
    enough = run.calls >= thresholds.weak_calls
    if not people.there:
        empty = moment.at - (standing.empty_since or moment.at)
        if enough or (run.calls > FEW and empty >= thresholds.absent_after):
            return f"nobody there of {people.planned} planned, {run.calls} calls unanswered"
        return None
    week = week_before(moment.figures.slow, run.missed, NATION_RATE, thresholds.prior_calls)
    if enough and run.apart >= in_a_row_beyond_chance(1 - week):
        return f"{run.calls} calls and {run.offers} offers in a row unanswered"
    return None


def _answered_nobody(moment: _Moment) -> str | None:
    run, since = moment.standing.run, moment.standing.since
    if since is None or moment.at - since < A_DAY:
        return None
    if run.apart + run.probes < in_a_row_beyond_chance(1 - SELDOM):
        return None
    return f"{run.calls} calls and {run.probes} probes in a row unanswered"


def _answers_too_few(moment: _Moment) -> str | None:
    thresholds, figures = moment.thresholds, moment.figures
    enough = figures.fast.trials >= thresholds.weak_calls
    seen = figures.fast if enough else figures.slow
    if seen.trials < thresholds.weak_calls or seen.good >= thresholds.down * seen.trials:
        return None
    index = strength(figures, thresholds.prior_calls).index
    return f"index {index:.2f} is under {thresholds.down:g}" if index < thresholds.down else None


def _first_dwelt(rule: Rule) -> Rule:
    return lambda moment: rule(moment) if _dwelt(moment) else None


def _answers_again(moment: _Moment) -> str | None:
    standing = moment.standing
    doubled = moment.thresholds.accepted * 2 ** min(standing.relapses, DOUBLINGS)
    return _in_a_row(moment, max(standing.owed, doubled))


def _holds(moment: _Moment) -> str | None:
    return _in_a_row(moment, moment.thresholds.held)


def _in_a_row(moment: _Moment, needed: int) -> str | None:
    answered = moment.standing.run.answered
    return f"{answered} answered in a row" if answered >= needed else None


def _misses_again(moment: _Moment) -> str | None:
    run = moment.standing.run
    if run.probes:
        return "a probe was not accepted"
    return "a call was not answered" if run.missed else None


TRANSITIONS: Mapping[State, tuple[tuple[Rule, State | None], ...]] = {
    State.STRONG: (
        (_first_dwelt(_nobody_answers), State.WEAK),
        (_first_dwelt(_answers_too_few), State.WEAK),
    ),
    State.WEAK: (
        (_answered_nobody, State.DEAD),
        (_first_dwelt(_answers_again), State.PROBING),
    ),
    State.DEAD: ((_first_dwelt(_answers_again), State.PROBING),),
    State.PROBING: (
        (_misses_again, None),
        (_first_dwelt(_holds), State.STRONG),
    ),
}
"""Which rules may end a state, the first to hold wins; None: to where it came from."""
