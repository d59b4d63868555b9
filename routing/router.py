"""Who may serve a waiting call now, who is chosen, and why: pure.

Ordinary calls go to one counselor: whoever fits the topic before whoever doesn't, then the
nearest tier, then the station's strategy. Urgent calls (silent_confirmed, crisis) relax topic
and language at once, may ring supervisors, and as the last tier duty phones; a crisis rings
several places at once. Where the filters leave an urgent call nobody in the open tiers, or only
such as have been rung for it in vain, all filters but the physical one (a phone its carrier
reaches) are dropped: no filter removes the last human.

A tier opens after its wait, or at once when nobody on duty in the open ones could ever serve.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from agents.counselor import State
from agents.presence import Person
from agents.roster import PEOPLE_TIME, Role
from routing.rules import Rules, tier_name
from routing.strategies import Candidate

SILENT_CONFIRMED = 3
CRISIS = 4
SHORTEST_RING = 5
"""Seconds: less than one ring and a hand on the phone is no offer."""
UNKNOWN_TOPIC = "unknown"
OTHER = "other"
"""In settings by topic: every topic not named."""


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """`node`: which of the carrier's machines has it. `kinds`: contact kinds the carrier reaches.
    `excluded`: counselors who have failed it."""

    call_id: str
    order_no: str
    topic: str
    language: str
    priority: int
    home: str
    enqueued_at: datetime
    node: str
    kinds: frozenset[str]
    excluded: frozenset[str] = frozenset()

    @property
    def urgent(self) -> bool:
        return self.priority >= SILENT_CONFIRMED


@dataclass(frozen=True, slots=True)
class Choice:
    """Who shall ring for a call: one, or in a crisis several at once. `tier` and `station` are
    the first one's; `reason` is for the order and the operator."""

    people: tuple[Person, ...]
    tier: int
    reason: str
    ring_seconds: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why somebody was chosen or not; `tier` None where their station never serves this call."""

    counselor_id: str
    station: str
    tier: int | None
    chosen: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Stance:
    """Which filters hold for a call at this moment."""

    urgent: bool
    any_topic: bool
    any_language: bool
    last_resort: bool
    day: date


def choose(
    call: WaitingCall,
    free: Sequence[Person],
    everybody: Callable[[], Sequence[Person]],
    rules: Rules,
    at: datetime,
) -> Choice | None:
    """Who rings for `call` now; None if it waits on.

    :param free: those who may be taken now. `everybody`: gives all present, busy ones included;
        asked only where it matters.
    """
    stance = _stance(call, rules, at)
    suitable = _suitable(call, free, stance, rules)
    waited = (at - call.enqueued_at).total_seconds()
    opened = rules.open_tiers(waited, call.urgent)
    if call.urgent and not any(
        tier < opened and person.counselor.id not in call.excluded for tier, person in suitable
    ):
        stance = replace(stance, last_resort=True)
        suitable = _suitable(call, free, stance, rules)
    if not suitable:
        return None
    nearest = min(tier for tier, _ in suitable)
    if nearest >= opened:
        if nearest != _reachable_tier(call, everybody(), rules, at):
            return None
        opened = nearest + 1
    inside = [(tier, person) for tier, person in suitable if tier < opened]
    if call.priority < CRISIS:
        tier, person = min(inside, key=lambda pair: _rank(call, pair, stance, rules))
        reason = _reason(call, tier, person, stance, rules)
        return Choice((person,), tier, reason, rules.ring_seconds)
    ranked = sorted(inside, key=lambda pair: _rank(call, pair, stance, rules))
    chosen = ranked[: rules.crisis_places]
    tier, person = chosen[0]
    wider = [tier for tier, _ in suitable if tier >= opened]
    ring = rules.ring_seconds
    if wider and len(chosen) < rules.crisis_places:
        # Ring again with the wider tier as soon as it opens.
        until_wider = round(rules.opens_after(min(wider), True) - waited)
        ring = min(ring, max(SHORTEST_RING, until_wider))
    people = tuple(person for _, person in chosen)
    return Choice(people, tier, _reason(call, tier, person, stance, rules), ring)


def could_serve(
    call: WaitingCall, everybody: Iterable[Person], rules: Rules, at: datetime
) -> Iterator[tuple[int, Person]]:
    """Everybody on duty who could take the call once free and once their tier opens."""
    stance = _Stance(call.urgent, True, True, call.urgent, _day(at))
    for person in everybody:
        tier = _tier(person, rules)
        if tier is None or person.absent:
            continue
        if next(_objections(call, person, stance), None) is None:
            yield tier, person


def explain(
    call: WaitingCall, everybody: Sequence[Person], rules: Rules, at: datetime
) -> list[Verdict]:
    """Each person's verdict, the chosen first, then by tier."""
    free = [person for person in everybody if person.state == State.AVAILABLE]
    choice = choose(call, free, lambda: everybody, rules, at)
    chosen = choice.people if choice else ()
    stance = _stance(call, rules, at)
    opened = rules.open_tiers((at - call.enqueued_at).total_seconds(), call.urgent)
    verdicts = []
    for person in everybody:
        tier = _tier(person, rules)
        reasons = list(_objections(call, person, stance))
        if person.state != State.AVAILABLE:
            why = f" ({person.reason})" if person.reason else ""
            reasons.insert(0, f"{person.state}{why}")
        if tier is None:
            reasons.append("station doesn't serve this region")
        elif tier >= opened:
            wait = rules.opens_after(tier, call.urgent)
            reasons.append(f"tier {tier_name(tier)} opens after {wait:g} s")
        if person in chosen and choice is not None:
            reasons = [choice.reason]
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


def _objections(call: WaitingCall, person: Person, stance: _Stance) -> Iterator[str]:
    """What speaks against somebody serving this call, whether free or not."""
    counselor = person.counselor
    if not call.kinds & counselor.kinds:
        yield f"no contact this carrier reaches ({', '.join(sorted(call.kinds))})"
    if counselor.role is not Role.COUNSELOR and not stance.urgent:
        yield f"{counselor.role}: urgent calls only"
    if stance.last_resort:
        return
    if counselor.id in call.excluded and call.priority < CRISIS:
        yield "did not take this call before"
    topics = counselor.valid_topics(stance.day)
    if not topics and counselor.role is Role.COUNSELOR:
        yield "no credential in force"
    elif not stance.any_topic and call.topic not in topics:
        what = "credential expired" if call.topic in counselor.topics else "topic"
        yield f"{what}: {call.topic}"
    if not stance.any_language and call.language not in counselor.languages:
        yield f"language: {call.language}"


def _stance(call: WaitingCall, rules: Rules, at: datetime) -> _Stance:
    waited = (at - call.enqueued_at).total_seconds()

    def relaxed(waits: Mapping[str, float]) -> bool:
        return call.urgent or waited >= waits.get(call.topic, waits.get(OTHER, 0))

    return _Stance(
        urgent=call.urgent,
        any_topic=call.topic == UNKNOWN_TOPIC or relaxed(rules.relax_topic),
        any_language=relaxed(rules.relax_language),
        last_resort=False,
        day=_day(at),
    )


def _suitable(
    call: WaitingCall, people: Iterable[Person], stance: _Stance, rules: Rules
) -> list[tuple[int, Person]]:
    found = []
    for person in people:
        tier = _tier(person, rules)
        if tier is not None and next(_objections(call, person, stance), None) is None:
            found.append((tier, person))
    return found


def _tier(person: Person, rules: Rules) -> int | None:
    """The tier somebody rings in; a duty phone, wherever it is, in the last."""
    tier = rules.tier_of.get(person.counselor.station)
    if tier is not None and person.counselor.role is Role.DUTY_PHONE:
        return rules.tiers - 1
    return tier


def _reachable_tier(
    call: WaitingCall, everybody: Iterable[Person], rules: Rules, at: datetime
) -> int | None:
    """The nearest tier in which somebody on duty could ever take the call."""
    return min((tier for tier, _ in could_serve(call, everybody, rules, at)), default=None)


def _rank(
    call: WaitingCall, pair: tuple[int, Person], stance: _Stance, rules: Rules
) -> tuple[Any, ...]:
    tier, person = pair
    counselor = person.counselor
    fits = _fits_topic(call, person, stance)
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
    # Whoever has been rung for it in vain comes after whoever hasn't.
    in_vain = counselor.id in call.excluded
    if call.priority >= CRISIS:
        return in_vain, tier, not fits, *key
    return in_vain, not fits, not candidate.language_fits, tier, *key


def _fits_topic(call: WaitingCall, person: Person, stance: _Stance) -> bool:
    topics = person.counselor.valid_topics(stance.day)
    return call.topic in topics or (call.topic == UNKNOWN_TOPIC and bool(topics))


def _reason(call: WaitingCall, tier: int, person: Person, stance: _Stance, rules: Rules) -> str:
    """A few words: which tier, how chosen, what was relaxed."""
    words = [tier_name(tier), "all at once" if call.priority >= CRISIS else rules.strategy_name]
    if not _fits_topic(call, person, stance):
        words.append("topic relaxed")
    if call.language not in person.counselor.languages:
        words.append("language relaxed")
    if stance.last_resort:
        words.append("last human")
    return ", ".join(words)


def _day(at: datetime) -> date:
    return at.astimezone(PEOPLE_TIME).date()
