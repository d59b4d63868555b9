"""Who may serve a waiting call now, who is chosen, and why: pure.

Ordinary calls ring one counselor: whoever fits the topic before whoever doesn't, then the
nearest tier, then the station's strategy. Urgent calls (silent_confirmed, crisis) relax topic
and language at once, may ring supervisors, and as the last tier duty phones; a crisis rings
several places at once. Where the filters leave an urgent call nobody in the open tiers, or only
such as have been rung for it in vain, all filters but the physical one (a phone its carrier
reaches) are dropped: no filter removes the last human.

A tier opens after its wait, or at once when nobody on duty in the open ones could ever serve. All
open at once to whoever would wait too long at home, and to whoever's home is weak or dead; nearer
ones are taken first. Weak, home and who covers it ring at once, and the first to answer has the
call: nobody waits for a telephone that may not be answered, and home still serves those it can.
Where nobody is free to cover, home rings alone, and for a short time. Dead, nobody rings there. A
weak place elsewhere is asked after all others, a dead one not at all, and a centre keeps a share of
its people for its own callers. None of this keeps an urgent call from anybody.

Where the covering centres are full or weak, home's neighbours are asked in their order, then any
centre. A call waits in one line and is taken by whoever of these is free first, so no other centre
had a shorter wait; of several who are free it is the longest idle, whose place has the least to do.
The tiers are home's alone, and nobody's neighbours are followed: so it can't go in a circle. A
place is open while somebody is logged in there, and topic and language are looked at everywhere.

Whose number has an open order goes to the counselor who handles it, wherever in these tiers, where
they are free or may be within a configured wait; else on as usual, as where their station is weak.
Nobody else is kept waiting by it: only this call is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from agents.counselor import HELD
from agents.presence import Person
from agents.roster import Role
from routing.conditions import CALM, Conditions, keepers, why_outside
from routing.priority import CRISIS
from routing.rules import FIRST_OUTER_TIER, Rules, tier_name
from routing.strategies import Candidate
from routing.suitability import Placed, Stance, knows, somebody_nearer, stance_of, suitable_for
from routing.waiting_call import WaitingCall

SHORTEST_RING = 5
"""Seconds: less than one ring and a hand on the phone is no offer."""
WEAK_RING = 10
"""Seconds: a caller loses no more to a weak station whose telephones ring alone."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Who shall ring for a call: one; in a crisis several at once; for a weak home, somebody there
    and somebody who covers it. `tier` is the first one's; `reason` is for the order and the
    operator."""

    people: tuple[Person, ...]
    tier: int
    reason: str
    ring_seconds: int


def choose(
    call: WaitingCall,
    free: Sequence[Person],
    everybody: Callable[[], Iterable[Person]],
    rules: Rules,
    at: datetime,
    conditions: Conditions = CALM,
) -> Choice | None:
    """Who rings for `call` now; None if it waits on.

    :param free: those who may be taken now. `everybody`: gives all present, busy ones included,
        nearest first; asked only where it matters, and only until somebody is found.
    """
    if call.urgent:
        return _choose_urgent(call, free, everybody, rules, at)
    stance = stance_of(call, rules, at)
    suitable = [
        (tier, person)
        for tier, person in suitable_for(call, free, stance, rules)
        if person.counselor.station not in conditions.dead
    ]
    stations = {person.counselor.station for _, person in suitable}
    kept = keepers(call, stations, rules, conditions, at)
    suitable = [pair for pair in suitable if pair[1].counselor.station not in kept]
    if handler := _handler(call, suitable, conditions):
        tier, person = handler
        reason = f"{_place_name(tier, person, rules)}, handles an open order of this number"
        return Choice((person,), tier, reason, rules.ring_seconds)
    if not suitable or waits_for_handler(call, everybody, stance, rules, at, conditions):
        return None
    opened = rules.open_tiers((at - call.enqueued_at).total_seconds(), False)
    nearest = min(tier for tier, _ in suitable)
    why = why_outside(call, nearest >= opened, rules, conditions)
    if why:
        opened = rules.tiers
    if nearest >= opened:
        if somebody_nearer(call, nearest, everybody(), rules, at, conditions.dead):
            return None
        opened = nearest + 1
    rank = partial(_rank, call, stance=stance, rules=rules, conditions=conditions)
    open_to_it = [pair for pair in suitable if pair[0] < opened]
    if call.home in conditions.weak and (both := _home_and_cover(call, open_to_it, rank)):
        (home_tier, at_home), (tier, person) = both
        reason = f"home and {_reason(call, tier, person, stance, rules)}, {why}"
        return Choice((at_home, person), home_tier, reason, rules.ring_seconds)
    tier, person = min(open_to_it, key=rank)
    reason = _reason(call, tier, person, stance, rules)
    if why and person.counselor.station != call.home:
        reason = f"{reason}, {why}"
    alone = person.counselor.station in conditions.weak
    ring = min(rules.ring_seconds, WEAK_RING) if alone else rules.ring_seconds
    return Choice((person,), tier, reason, ring)


def _home_and_cover(
    call: WaitingCall, pairs: Sequence[Placed], rank: Callable[[Placed], tuple[Any, ...]]
) -> tuple[Placed, Placed] | None:
    """Whoever comes first at a weak home and elsewhere, where both fit the call alike."""
    at_home = [pair for pair in pairs if pair[1].counselor.station == call.home]
    elsewhere = [pair for pair in pairs if pair[1].counselor.station != call.home]
    if not at_home or not elsewhere:
        return None
    first, cover = min(at_home, key=rank), min(elsewhere, key=rank)
    return (first, cover) if rank(first)[:_FIT] == rank(cover)[:_FIT] else None


def _choose_urgent(
    call: WaitingCall,
    free: Sequence[Person],
    everybody: Callable[[], Iterable[Person]],
    rules: Rules,
    at: datetime,
) -> Choice | None:
    crisis = call.priority >= CRISIS
    stance = stance_of(call, rules, at)
    suitable = suitable_for(call, free, stance, rules)
    waited = (at - call.enqueued_at).total_seconds()
    opened = rules.open_tiers(waited, True)
    if not any(
        tier < opened and person.counselor.id not in call.excluded for tier, person in suitable
    ):
        stance = replace(stance, last_resort=True)
        suitable = suitable_for(call, free, stance, rules)
    if not suitable:
        return None
    nearest = min(tier for tier, _ in suitable)
    if nearest >= opened:
        if somebody_nearer(call, nearest, everybody(), rules, at):
            return None
        opened = nearest + 1
    ranked = sorted(
        (pair for pair in suitable if pair[0] < opened),
        key=lambda pair: _rank(call, pair, stance, rules),
    )
    chosen = _with_a_supervisor(ranked, rules.crisis_places) if crisis else ranked[:1]
    tier, person = chosen[0]
    ring = rules.ring_seconds
    wider = [tier for tier, _ in suitable if tier >= opened]
    if wider and len(chosen) < rules.crisis_places and crisis:
        # Ring again with the wider tier as soon as it opens.
        until_wider = round(rules.opens_after(min(wider), True) - waited)
        ring = min(ring, max(SHORTEST_RING, until_wider))
    people = tuple(person for _, person in chosen)
    return Choice(people, tier, _reason(call, tier, person, stance, rules), ring)


def _with_a_supervisor(ranked: Sequence[Placed], places: int) -> Sequence[Placed]:
    """The first ones, of whom the last place is a supervisor's where none of them is one."""
    first, others = ranked[:places], ranked[places:]
    if any(person.counselor.role is Role.SUPERVISOR for _, person in first):
        return first
    supervisors = [pair for pair in others if pair[1].counselor.role is Role.SUPERVISOR]
    return [*first[: max(1, places - 1)], supervisors[0]] if supervisors else first


def _handler(
    call: WaitingCall, suitable: Iterable[Placed], conditions: Conditions
) -> Placed | None:
    """Whoever handles an open order of the number, but never alone at a weak station."""
    if call.preferred is None:
        return None
    for pair in suitable:
        counselor = pair[1].counselor
        if counselor.id == call.preferred:
            well = counselor.station not in conditions.weak | conditions.dead
            return pair if well else None
    return None


def waits_for_handler(
    call: WaitingCall,
    everybody: Callable[[], Iterable[Person]],
    stance: Stance,
    rules: Rules,
    at: datetime,
    conditions: Conditions,
) -> bool:
    """May whoever handles an open order of the number, busy now, be free within the time that this
    is waited for? A talk may end at any moment, a wrap-up or a pause has its end."""
    until = call.enqueued_at + timedelta(seconds=rules.handler_wait_seconds)
    if call.preferred is None or at >= until:
        return False
    there = next(([person] for person in everybody() if person.counselor.id == call.preferred), ())
    handler = _handler(call, suitable_for(call, there, stance, rules), conditions)
    if handler is None:
        return False
    _, person = handler
    return person.state in HELD or (person.until is not None and person.until <= until)


_FIT = 3
"""So many parts of a rank tell how well somebody fits a call; the others, where they are."""


def _rank(
    call: WaitingCall,
    pair: Placed,
    stance: Stance,
    rules: Rules,
    conditions: Conditions = CALM,
) -> tuple[Any, ...]:
    tier, person = pair
    counselor = person.counselor
    fits = knows(counselor, call.topic, stance.day)
    since = person.available_since
    candidate = Candidate(
        id=counselor.id,
        idle_since=since.timestamp() if since else 0.0,
        calls_today=person.calls_today,
        topic_fits=fits,
        language_fits=call.language in counselor.languages,
        skills=len(counselor.topics) + len(counselor.languages),
    )
    key = rules.strategy(candidate)
    # Whoever has been rung for it in vain comes after whoever hasn't; whoever rests, after whoever
    # doesn't: only a caller in danger is offered to them.
    last = counselor.id in call.excluded, person.rests_until is not None
    if call.priority >= CRISIS:
        return last, tier, not fits, *key
    place = tier, float(rules.neighbours.get(counselor.station, 0))
    if counselor.station in conditions.weak:
        # A weak home comes after its centres, a weak place elsewhere after all others.
        home = counselor.station == call.home
        place = (FIRST_OUTER_TIER, 0.5) if home else (rules.tiers + tier, place[1])
    return last, not fits, not candidate.language_fits, place, *key


def _place_name(tier: int, person: Person, rules: Rules) -> str:
    return "neighbour" if person.counselor.station in rules.neighbours else tier_name(tier)


def _reason(call: WaitingCall, tier: int, person: Person, stance: Stance, rules: Rules) -> str:
    """A few words: which tier, how chosen, what was relaxed."""
    place = _place_name(tier, person, rules)
    words = [place, "all at once" if call.priority >= CRISIS else rules.strategy_name]
    if not knows(person.counselor, call.topic, stance.day):
        words.append("topic relaxed")
    if call.language not in person.counselor.languages:
        words.append("language relaxed")
    if stance.last_resort:
        words.append("last human")
    return ", ".join(words)
