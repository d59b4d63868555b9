"""A station's standing for a topic: strong, weak, dead or probing, and what it is made of. Pure.
How one follows from another: `routing.transitions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from routing.strength import Trial

LONGEST_OVERRIDE = timedelta(days=7)


class State(StrEnum):
    STRONG = "strong"
    WEAK = "weak"
    """It answers too few: who covers it rings beside it, and it still takes those it can."""
    DEAD = "dead"
    """Nobody answers 空号: only synthetic probes ring it."""
    PROBING = "probing"
    """It answered its probes, and is covered until it holds."""


class Settings(Protocol):
    """What thresholds are made of."""

    def setting(self, station_id: str, name: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class Thresholds:
    """One station's settings. `down`, `up`: of the index. `prior_calls`: see `routing.strength`.
    `probe_again`, `probe_first`, `probe_longest`: between synthetic probes, after an accepted one,
    after the first refused one, at most. `accepted`, `held`: answered in a row until probing, and
    then until strong. Times other than these in seconds where they say so."""

    down: float
    up: float
    prior_calls: float
    service_level_seconds: int
    short_abandon_seconds: int
    weak_calls: int
    absent_after: timedelta
    dwell: Mapping[State, timedelta]
    probe_again: timedelta
    probe_first: timedelta
    probe_longest: timedelta
    accepted: int
    held: int

    @classmethod
    def of(cls, settings: Settings, station: str) -> Thresholds:
        def setting(name: str) -> Any:
            return settings.setting(station, name)

        down, up = setting("strength_thresholds")
        again, first, longest = (timedelta(seconds=s) for s in setting("probe_seconds"))
        accepted, held = setting("probes_accepted")
        dwell: Iterable[tuple[str, int]] = setting("standing_seconds")
        return cls(
            down=down,
            up=up,
            prior_calls=setting("strength_prior_calls"),
            service_level_seconds=setting("service_level_seconds"),
            short_abandon_seconds=setting("short_abandon_seconds"),
            weak_calls=setting("weak_after_calls"),
            absent_after=timedelta(seconds=setting("absent_after_seconds")),
            dwell={State(name): timedelta(seconds=least) for name, least in dwell},
            probe_again=again,
            probe_first=first,
            probe_longest=longest,
            accepted=accepted,
            held=held,
        )


def trial_of_call(
    thresholds: Thresholds,
    waited: float,
    *,
    answered: bool,
    at_home: bool,
    excused: bool,
    rung: bool,
    here: bool,
    together: bool,
) -> Trial:
    """What a call says of its home station.

    :param waited: seconds in the queue. `at_home`: answered there. `excused`: nobody there is to
        blame for a call that wasn't. `rung`: somebody there was, alone and in vain. `here`: others
        there were free or talking. `together`: answered where several rang at once.
    """
    if answered and together:
        return Trial.SAYS_NOTHING
    if answered and at_home:
        return Trial.ANSWERED if waited <= thresholds.service_level_seconds else Trial.LATE
    if excused:
        return Trial.SAYS_NOTHING
    if answered:
        return Trial.SAYS_NOTHING if here and not rung else Trial.ELSEWHERE
    return Trial.SAYS_NOTHING if waited < thresholds.short_abandon_seconds else Trial.ABANDONED


class Run(NamedTuple):
    """What happened in a row. `answered`: since the last miss and the last change of state.
    Since anybody answered: `calls` that were not, `offers` that rang in vain, synthetic `probes`
    that nobody accepted."""

    answered: int = 0
    calls: int = 0
    offers: int = 0
    probes: int = 0

    def then(self, trial: Trial) -> Run:
        match trial:
            case Trial.ANSWERED | Trial.HELPED | Trial.ACCEPTED:
                return Run(answered=self.answered + 1)
            case Trial.LATE:
                return Run()
            case Trial.ABANDONED | Trial.ELSEWHERE:
                return self._replace(answered=0, calls=self.calls + 1)
            case Trial.IN_VAIN | Trial.UNREACHABLE:
                return self._replace(answered=0, offers=self.offers + 1)
            case Trial.REFUSED:
                return self._replace(answered=0, probes=self.probes + 1)
            case Trial.SAYS_NOTHING:
                return self

    @property
    def missed(self) -> int:
        return self.calls + self.offers

    @property
    def apart(self) -> int:
        """Misses that don't hang together: a caller whose offer rang in vain was missed once."""
        return max(self.calls, self.offers)


NOTHING = Run()


class Happened(NamedTuple):
    """A trial and its instant."""

    at: datetime
    trial: Trial


@dataclass(frozen=True, slots=True)
class Override:
    """A manager's word, which wins until `until`."""

    state: State
    reason: str
    by: str
    until: datetime

    def __post_init__(self) -> None:
        if self.state is State.PROBING:
            raise ValueError("a manager says strong, weak or dead: probing is found out")
        if not self.reason.strip():
            raise ValueError("an override needs a reason")

    def check(self, at: datetime) -> None:
        """Raises ValueError where its end isn't within LONGEST_OVERRIDE of `at`."""
        if self.until <= at:
            raise ValueError("an override ends in the future")
        if self.until > at + LONGEST_OVERRIDE:
            raise ValueError(f"an override ends within {LONGEST_OVERRIDE.days} days")


@dataclass(frozen=True, slots=True)
class Standing:
    """`state` as measured, since `since`, for `cause`; `before`: the state left last.
    `empty_since`: nobody has been there since, while somebody is planned. Since it was strong:
    `owed`, how many in a row it is to answer until probing; `probed_at`, the last synthetic probe;
    `relapses`, how often probing failed. `change_id`: the recorded change in force, for the orders
    that are routed by it."""

    state: State = State.STRONG
    since: datetime | None = None
    cause: str = ""
    before: State = State.STRONG
    run: Run = NOTHING
    empty_since: datetime | None = None
    owed: int = 0
    probed_at: datetime | None = None
    relapses: int = 0
    override: Override | None = None
    change_id: int | None = None

    def in_force(self, at: datetime) -> State:
        """What routing goes by."""
        if self.override is not None and at < self.override.until:
            return self.override.state
        return self.state
