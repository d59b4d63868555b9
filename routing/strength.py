"""How strong a station is for a topic: figures in, one number and its parts out. Pure.

The share of its callers that a station answers within the service level is seen over a fast window
(FAST, 15 minutes) and a slow one (SLOW, 7 days). Few calls must not decide, so each share is
shrunk toward a rate expected before, as the mean of a beta-binomial posterior:

    shrunk(x, n, p, m) = (x + m p) / (n + m)

x of n calls answered, p the rate expected, m the weight of that expectation in calls (Efron and
Morris, "Data analysis using Stein's estimator and its generalizations", JASA 70, 1975; Gelman et
al., Bayesian Data Analysis, 3rd edition, chapters 2 and 5). A week is shrunk toward the parent's
rate, the parent's toward its own parent's, the nation's toward NATION_RATE. The index is the fast
window shrunk toward that week, less the share of people and phones that are not there:

    index = shrunk(x_fast, n_fast, week * staffed * reachable, m)

Whoever is paused for not answering is logged in all the same: each miss counts once, as an offer.

Beside its own callers count each offer that rang in vain (RONA) and each caller of another station
that it answered.

m is the setting `strength_prior_calls`. It was chosen by the method of moments for a beta prior,
m + 1 = p (1 - p) / sd^2: stations whose rates lie about p = 0.85 with sd = 0.11 give m = 10. So two
calls missed at night leave a good station at (0 + 10 * 0.85) / 12 = 0.71, above the threshold.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum

FAST = timedelta(minutes=15)
SLOW = timedelta(days=7)
NATION_RATE = 0.9
"""Expected where nothing is known at all; GB/T 33358-2016 asks for 0.95."""
BY_CHANCE = 3e-5
"""A run of calls as unlikely as this, by what is known of the station, is no chance: five missed in
a row, of a station that answers seven of eight."""


class Trial(StrEnum):
    """What one call, offer or synthetic probe says of a station."""

    ANSWERED = "answered"
    """A caller of the station, answered by it within the service level."""
    LATE = "late"
    """Answered by it, after the service level."""
    ABANDONED = "abandoned"
    """Left unanswered, later than a short abandon."""
    ELSEWHERE = "elsewhere"
    """Answered by another station: nobody at this one was free or talking, or was rung in vain."""
    HELPED = "helped"
    """Another station's caller, answered by this one's counselor."""
    IN_VAIN = "in_vain"
    """An offer that a counselor of the station didn't take (RONA, declined, busy)."""
    UNREACHABLE = "unreachable"
    """An offer whose phone couldn't be reached."""
    ACCEPTED = "accepted"
    """A synthetic probe: somebody pressed 1."""
    REFUSED = "refused"
    """A synthetic probe that nobody accepted."""
    SAYS_NOTHING = "says_nothing"
    """Seen, and no sign either way: a short abandon, a closed station, a call kept from it, or
    passed on while its people talked (load is no weakness: the router's overflow is for that), or
    rung at several places at once: who was quicker there says little of either."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many of each trial a window holds; the names are Trial's."""

    answered: int = 0
    late: int = 0
    abandoned: int = 0
    elsewhere: int = 0
    helped: int = 0
    in_vain: int = 0
    unreachable: int = 0

    @classmethod
    def of(cls, trials: Iterable[Trial]) -> Counts:
        """Probes and what says nothing are left out."""
        found = dict.fromkeys(COUNTED, 0)
        for trial in trials:
            if trial in found:
                found[trial] += 1
        return cls(**found)

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, name) + getattr(other, name) for name in COUNTED))

    def and_one(self, trial: Trial) -> Counts:
        """With one more of a trial that is COUNTED."""
        return replace(self, **{trial.value: getattr(self, trial.value) + 1})

    @property
    def offered(self) -> int:
        """Callers of the station who waited for it."""
        return self.answered + self.late + self.abandoned + self.elsewhere

    @property
    def offers(self) -> int:
        """How often its counselors were rung."""
        return self.answered + self.late + self.helped + self.missed

    @property
    def missed(self) -> int:
        """Offers that rang in vain."""
        return self.in_vain + self.unreachable

    @property
    def good(self) -> int:
        """What speaks for the station."""
        return self.answered + self.helped

    @property
    def trials(self) -> int:
        """What speaks for it or against it."""
        return self.offered + self.helped + self.missed


COUNTED = tuple(item.name for item in fields(Counts))


@dataclass(frozen=True, slots=True)
class People:
    """A station's counselors for a topic at this moment.

    `roster`: all there are. `planned`: on duty by the plan of shifts. `logged_in`: there, whatever
    they do. `absent`: logged in, but paused for not answering until they log in again. `free`:
    available. `talking`: on a call or in its wrap-up. `arrived_at`: when somebody last became
    available.
    """

    roster: int = 0
    planned: int = 0
    logged_in: int = 0
    absent: int = 0
    free: int = 0
    talking: int = 0
    arrived_at: datetime | None = None

    @property
    def there(self) -> int:
        """Logged in and not absent."""
        return self.logged_in - self.absent

    @property
    def closed(self) -> bool:
        """Out of hours: there are counselors, nobody is planned and nobody has logged in."""
        return self.roster > 0 and not self.planned and not self.logged_in


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of a station for a topic. `fast` and `slow`: its windows, both only since it
    was last found strong again; `parent_rate`: what its parent answers, shrunk."""

    fast: Counts = Counts()
    slow: Counts = Counts()
    parent_rate: float = NATION_RATE
    people: People = People()


@dataclass(frozen=True, slots=True)
class Strength:
    """The index in [0, 1] and the parts it is made of, each a share in [0, 1].

    `answered`, `abandoned`: of the fast window's calls, and `rona`: of its offers; None where
    there were none. `week`: the slow window's share answered, shrunk toward `parent`. `staffed`:
    logged in of planned. `reachable`: phones of those rung.
    """

    index: float
    answered: float | None
    abandoned: float | None
    rona: float | None
    week: float
    parent: float
    staffed: float
    reachable: float
    figures: Figures = field(repr=False)

    def as_json(self) -> dict[str, object]:
        """Every figure, for the record of a change."""
        parts = {
            name: round(value, 3) for name in PARTS if (value := getattr(self, name)) is not None
        }
        people = asdict(self.figures.people)
        del people["arrived_at"]
        return {
            **parts,
            "fast": asdict(self.figures.fast),
            "slow": asdict(self.figures.slow),
            "people": people,
        }


PARTS = (
    "index", "answered", "abandoned", "rona", "week", "parent", "staffed", "reachable",
)  # fmt: skip


def shrunk(answered: float, trials: float, expected: float, prior_calls: float) -> float:
    """The posterior mean: `answered` of `trials`, beside `prior_calls` at the rate `expected`."""
    return (answered + prior_calls * expected) / (trials + prior_calls)


def strength(figures: Figures, prior_calls: float) -> Strength:
    """:param prior_calls: m of the formula above, over 0."""
    fast, slow, people = figures.fast, figures.slow, figures.people
    week = shrunk(slow.good, slow.trials, figures.parent_rate, prior_calls)
    staffed = min(1.0, people.logged_in / people.planned) if people.planned else 1.0
    reachable = 1 - fast.unreachable / fast.offers if fast.offers else 1.0
    return Strength(
        index=shrunk(fast.good, fast.trials, week * staffed * reachable, prior_calls),
        answered=_share(fast.answered, fast.offered),
        abandoned=_share(fast.abandoned, fast.offered),
        rona=_share(fast.missed, fast.offers),
        week=week,
        parent=figures.parent_rate,
        staffed=staffed,
        reachable=reachable,
        figures=figures,
    )


def parent_rates(
    slow: Mapping[str, Counts], parent_of: Callable[[str], str | None], prior_calls: float
) -> Callable[[str], float]:
    """For one topic: a function from a station to the rate its parent answers, that of all
    stations under it. `slow`: the slow window by station."""
    good: Counter[str] = Counter()
    trials: Counter[str] = Counter()
    for station, counts in slow.items():
        above: str | None = station
        while above is not None:
            good[above] += counts.good
            trials[above] += counts.trials
            above = parent_of(above)
    rates: dict[str | None, float] = {None: NATION_RATE}

    def rate(station: str | None) -> float:
        if station not in rates:
            below = station or ""
            expected = rate(parent_of(below))
            rates[station] = shrunk(good[below], trials[below], expected, prior_calls)
        return rates[station]

    return lambda station: rate(parent_of(station))


def week_before(slow: Counts, missed: int, expected: float, prior_calls: float) -> float:
    """The share of its calls and offers that a station took, however late, in the slow window
    without the `missed` at its end; shrunk toward `expected`."""
    alive = slow.good + slow.late
    return shrunk(alive, max(alive, slow.trials - missed), expected, prior_calls)


def in_a_row_beyond_chance(rate: float) -> int:
    """How many in a row come out alike by chance less often than BY_CHANCE, if one does with the
    probability `rate`, under 1."""
    return math.ceil(math.log(BY_CHANCE) / math.log(rate)) if rate > 0 else 1


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
