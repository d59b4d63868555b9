"""What is known of the stations at a moment, and what follows for a call: whether it may leave home
at once, and whom others keep from it. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from routing.rules import Rules
from routing.suitability import after
from routing.waiting_call import WaitingCall


def _never_told(_call: WaitingCall) -> float | None:
    return None


def _no_more(_station: str, _share: float) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Conditions:
    """For a call's topic. `weak`, `dead`: station ids; a probing one is weak for this. `home_wait`:
    seconds that a call may expect to wait at home, endless where nobody there could take it, None
    where nothing is known; asked only where home has nobody free. `spares`: has a station more
    people free than this share of those there?"""

    weak: frozenset[str] = frozenset()
    dead: frozenset[str] = frozenset()
    home_wait: Callable[[WaitingCall], float | None] = field(default=_never_told)
    spares: Callable[[str, float], bool] = field(default=_no_more)


CALM = Conditions()


def why_outside(
    call: WaitingCall, nobody_near: bool, rules: Rules, conditions: Conditions
) -> str | None:
    """Why every tier is open to a call at once; None: it isn't."""
    if call.home in conditions.dead:
        return "home dead"
    if call.home in conditions.weak:
        return "home weak"
    if nobody_near:
        wait = conditions.home_wait(call)
        if wait is not None and wait > rules.overflow_seconds:
            return f"{wait:.0f} s at home" if math.isfinite(wait) else "nobody at home"
    return None


def kept_from(
    call: WaitingCall, station: str, rules: Rules, conditions: Conditions, at: datetime
) -> bool:
    """Does a centre keep whom it has free for its own callers? From no urgent call, and from nobody
    who has waited so long that filters relax."""
    share = rules.reserve_of.get(station)
    if not share or call.urgent:
        return False
    waited = (at - call.enqueued_at).total_seconds()
    return waited < after(rules.relax_topic, call.topic) and not conditions.spares(station, share)


def keepers(
    call: WaitingCall,
    stations: Iterable[str],
    rules: Rules,
    conditions: Conditions,
    at: datetime,
) -> set[str]:
    """Those of the stations that a call is `kept_from`."""
    return {station for station in stations if kept_from(call, station, rules, conditions, at)}
