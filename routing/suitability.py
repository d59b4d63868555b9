"""Who could serve a call, whether free or not: the filters, and when they fall. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from agents.presence import Person
from agents.roster import PEOPLE_TIME, Counselor, Role
from routing.priority import CRISIS
from routing.rules import Rules
from routing.waiting_call import UNKNOWN_TOPIC, WaitingCall

OTHER = "other"
"""In settings by topic: every topic not named."""


Placed = tuple[int, Person]
"""Somebody suitable, and the tier they ring in."""


@dataclass(frozen=True, slots=True)
class Stance:
    """Which filters hold for a call at this moment."""

    urgent: bool
    any_topic: bool
    any_language: bool
    last_resort: bool
    day: date


def stance_of(call: WaitingCall, rules: Rules, at: datetime) -> Stance:
    """What has fallen for a call by now; of an urgent one, topic and language at once."""
    waited = (at - call.enqueued_at).total_seconds()

    def relaxed(waits: Mapping[str, float]) -> bool:
        return call.urgent or waited >= after(waits, call.topic)

    return Stance(
        urgent=call.urgent,
        any_topic=call.topic == UNKNOWN_TOPIC or relaxed(rules.relax_topic),
        any_language=relaxed(rules.relax_language),
        last_resort=False,
        day=day_of(at),
    )


def objections(call: WaitingCall, person: Person, stance: Stance) -> Iterator[str]:
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


def resting(person: Person, *, urgent: bool) -> bool:
    """Is somebody spared this call for now? Never one of danger."""
    return person.rests_until is not None and not urgent


def suitable_for(
    call: WaitingCall, people: Iterable[Person], stance: Stance, rules: Rules
) -> list[Placed]:
    """Those of `people` against whom nothing speaks, open tier or not."""
    found = []
    for person in people:
        tier = tier_of(person, rules)
        if tier is None or resting(person, urgent=stance.urgent):
            continue
        if next(objections(call, person, stance), None) is None:
            found.append((tier, person))
    return found


def tier_of(person: Person, rules: Rules) -> int | None:
    """The tier somebody rings in; a duty phone, wherever it is, in the last."""
    tier = rules.tier_of.get(person.counselor.station)
    if tier is not None and person.counselor.role is Role.DUTY_PHONE:
        return rules.tiers - 1
    return tier


def could_serve(
    call: WaitingCall, everybody: Iterable[Person], rules: Rules, at: datetime
) -> Iterator[tuple[int, Person]]:
    """Everybody on duty who could take the call once free and once their tier opens."""
    stance = Stance(call.urgent, True, True, call.urgent, day_of(at))
    for person in everybody:
        tier = tier_of(person, rules)
        if tier is None or person.absent or (person.done and not call.urgent):
            continue
        if next(objections(call, person, stance), None) is None:
            yield tier, person


def would_suit(call: WaitingCall, free: Iterable[Person], rules: Rules, at: datetime) -> bool:
    """Is one of these, wherever they are, right for the call as its filters stand now? An urgent
    call's may all fall."""
    stance = replace(stance_of(call, rules, at), last_resort=call.urgent)
    return any(
        next(objections(call, person, stance), None) is None
        for person in free
        if not resting(person, urgent=call.urgent)
    )


def somebody_nearer(
    call: WaitingCall,
    nearest: int,
    everybody: Iterable[Person],
    rules: Rules,
    at: datetime,
    dead: Container[str] = frozenset(),
) -> bool:
    """Could somebody on duty in a nearer tier ever take the call?"""
    return any(
        tier < nearest and person.counselor.station not in dead
        for tier, person in could_serve(call, everybody, rules, at)
    )


def turning_points(call: WaitingCall, rules: Rules) -> set[float]:
    """Seconds of waiting after which a tier opens to a call, a filter falls for it, or whoever
    handles an open order of the number is waited for no more."""
    points = {rules.opens_after(tier, call.urgent) for tier in range(1, rules.tiers)}
    points |= {after(waits, call.topic) for waits in (rules.relax_topic, rules.relax_language)}
    if call.preferred is not None:
        points.add(rules.handler_wait_seconds)
    return points


def after(waits: Mapping[str, float], topic: str) -> float:
    """Seconds of waiting after which a filter falls for a topic."""
    return waits.get(topic, waits.get(OTHER, 0))


def knows(counselor: Counselor, topic: str, day: date) -> bool:
    """Does somebody know a topic on a day? Of a topic that isn't known, whoever knows any."""
    topics = counselor.valid_topics(day)
    return topic in topics or (topic == UNKNOWN_TOPIC and bool(topics))


def day_of(at: datetime) -> date:
    """The day on which credentials are looked at: Shanghai's."""
    return at.astimezone(PEOPLE_TIME).date()
