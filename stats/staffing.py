"""How many counselors an hour needs for a service level, by Erlang C and by Erlang A.

Service level = answered within T / offered; `stats.erlang` says what else is assumed. Erlang C has
nobody hang up, so it mostly asks for more; Erlang A knows patience, and who hangs up counts as
not answered.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from stats.erlang import (
    abandoned_a,
    answered_within_a,
    answered_within_c,
    erlang_c,
    mean_wait_a,
    mean_wait_c,
    waiting_a,
)

SECOND, DAY = 1, 86_400
"""Mean times are within these."""

MOST_CALLS = 100_000
"""An hour: several days of the whole country's calls. Beyond it somebody has mistyped."""
MOST_COUNSELORS = 100_000


class BadFigures(ValueError):
    """Figures that no hour can have; one line says which, and what can be."""


@dataclass(frozen=True, slots=True)
class Aim:
    """This share of all calls answered within so many seconds. Raises BadFigures unless the level
    is between 0 and 1 and `within` from 0 to a day."""

    level: float
    within: float

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise BadFigures(f"a level of {self.level:g}: say more than 0 and less than 1, as 0.8")
        if not 0 <= self.within <= DAY:
            raise BadFigures(f"answered within {self.within:g} s: say from 0 to {DAY}")


@dataclass(frozen=True, slots=True)
class Staffed:
    """What callers meet with so many counselors: the shares answered in time, waiting at all and
    hanging up, of all calls, and the mean wait in seconds."""

    counselors: int
    answered_within: float
    waiting: float
    abandoned: float
    mean_wait: float


NOBODY = Staffed(0, answered_within=1.0, waiting=0.0, abandoned=0.0, mean_wait=0.0)
"""Of no calls, all are answered in time."""


@dataclass(frozen=True, slots=True)
class Need:
    """`load` in Erlang, and the fewest counselors that reach the aim by either model."""

    load: float
    erlang_c: Staffed
    erlang_a: Staffed


def need(calls_per_hour: float, handling: float, patience: float, aim: Aim) -> Need:
    """The fewest counselors for an hour; for no calls, nobody.

    :param handling: mean talk and wrap-up, in seconds. `patience`: its mean, in seconds.
    Raises BadFigures unless there are 0 to MOST_CALLS calls and the times are from 1 s
    to a day; and where more than MOST_COUNSELORS would be needed.
    """
    if not 0 <= calls_per_hour <= MOST_CALLS:
        raise BadFigures(f"{calls_per_hour:g} calls an hour: say from 0 to {MOST_CALLS}")
    for name, seconds in (("handling", handling), ("patience", patience)):
        if not SECOND <= seconds <= DAY:
            raise BadFigures(f"a mean {name} of {seconds:g} s: say from {SECOND} to {DAY}")
    load = calls_per_hour * handling / 3600
    if load == 0:
        return Need(load, NOBODY, NOBODY)

    def in_time_c(counselors: int) -> float:
        return answered_within_c(counselors, load, handling, aim.within)

    def in_time_a(counselors: int) -> float:
        return answered_within_a(counselors, load, handling, patience, aim.within)

    by_c = _fewest(in_time_c, load, aim.level)
    by_a = _fewest(in_time_a, load, aim.level)
    return Need(
        load,
        Staffed(
            by_c,
            in_time_c(by_c),
            erlang_c(by_c, load),
            0.0,
            mean_wait_c(by_c, load, handling),
        ),
        Staffed(
            by_a,
            in_time_a(by_a),
            waiting_a(by_a, load, handling, patience),
            abandoned_a(by_a, load, handling, patience),
            mean_wait_a(by_a, load, handling, patience),
        ),
    )


def _fewest(answered_within: Callable[[int], float], load: float, level: float) -> int:
    """The least n with `answered_within(n) >= level`, which grows with n. Nobody handles more
    than one call at a time, so fewer than level x load cannot do."""
    too_few = max(1, math.ceil(level * load)) - 1
    enough = too_few + 1
    while enough > MOST_COUNSELORS or answered_within(enough) < level:
        if enough >= MOST_COUNSELORS:
            raise BadFigures(f"a load of {load:g} Erlang: over {MOST_COUNSELORS} counselors")
        too_few, enough = enough, min(2 * enough, MOST_COUNSELORS)
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if answered_within(middle) < level:
            too_few = middle
        else:
            enough = middle
    return enough
