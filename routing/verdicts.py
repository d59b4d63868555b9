"""Why each counselor was chosen for a call or not. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agents.counselor import State
from agents.presence import HIGH_RISK_CALLS, IN_A_ROW, WRAP_UP, Person
from config.instants import PEOPLE_TIME
from routing.conditions import CALM, Conditions, keepers, why_outside
from routing.router import choose, waits_for_handler
from routing.rules import Rules, tier_name
from routing.suitability import objections, stance_of, tier_of
from routing.waiting_call import WaitingCall

RESTS = {
    HIGH_RISK_CALLS: "high-risk calls of this shift",
    IN_A_ROW: "calls in a row",
    WRAP_UP: "a wrap-up that a caller in danger cut",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why somebody was chosen or not; `tier` None where their station never serves this call."""

    counselor_id: str
    station: str
    tier: int | None
    chosen: bool
    reasons: tuple[str, ...]


def explain(
    call: WaitingCall,
    everybody: Sequence[Person],
    rules: Rules,
    at: datetime,
    conditions: Conditions = CALM,
) -> list[Verdict]:
    """Each person's verdict, the chosen first, then by tier."""
    free = [person for person in everybody if person.state == State.AVAILABLE]
    choice = choose(call, free, lambda: everybody, rules, at, conditions)
    chosen = choice.people if choice else ()
    stance = stance_of(call, rules, at)
    opened = rules.open_tiers((at - call.enqueued_at).total_seconds(), call.urgent)
    waits = not call.urgent and waits_for_handler(
        call, lambda: everybody, stance, rules, at, conditions
    )
    if not call.urgent and why_outside(call, False, rules, conditions):
        opened = rules.tiers
    handled = not call.urgent and any(one.counselor.id == call.preferred for one in chosen)
    if choice is not None and not handled:
        opened = max(opened, choice.tier + 1)
    kept = keepers(call, {one.counselor.station for one in free}, rules, conditions, at)
    verdicts = []
    for person in everybody:
        tier = tier_of(person, rules)
        reasons = list(objections(call, person, stance))
        if person.state != State.AVAILABLE:
            why = f" ({person.reason})" if person.reason else ""
            reasons.insert(0, f"{person.state}{why}")
        if person.rests_until is not None:
            reasons.append(_rests(person, call.urgent))
        station = person.counselor.station
        if station in conditions.dead and not call.urgent:
            reasons.append("its station is dead")
        elif station in conditions.weak:
            reasons.append("its station is weak")
        if station in kept and person.state == State.AVAILABLE:
            reasons.append(f"{rules.reserve_of[station]:.0%} are kept for its own callers")
        if tier is None:
            reasons.append("station doesn't serve this region")
        elif tier >= opened:
            wait = rules.opens_after(tier, call.urgent)
            reasons.append(f"tier {tier_name(tier)} opens after {wait:g} s")
        if person in chosen and choice is not None:
            reasons = [choice.reason]
        elif waits and person.counselor.id == call.preferred:
            until = f"{rules.handler_wait_seconds:g} s"
            reasons.append(f"handles an open order of this number: waited for until {until}")
        elif waits and not reasons:
            reasons = [f"{call.preferred} is waited for"]
        elif not reasons and handled:
            reasons = [f"behind {call.preferred}, who handles an open order of this number"]
        elif not reasons:
            reasons = [f"behind the chosen by {rules.strategy_name}"]
        verdicts.append(
            Verdict(
                person.counselor.id,
                person.counselor.station,
                tier,
                person in chosen,
                tuple(reasons),
            )
        )
    last = rules.tiers
    verdicts.sort(key=lambda v: (not v.chosen, last if v.tier is None else v.tier, v.counselor_id))
    return verdicts


def _rests(person: Person, urgent: bool) -> str:
    why = RESTS[person.rest_reason or IN_A_ROW]
    assert person.rests_until is not None
    until = person.rests_until.astimezone(PEOPLE_TIME)
    return f"rests until {until:%H:%M} after {why}" + (", rings last" if urgent else "")
