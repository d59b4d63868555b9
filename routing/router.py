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

import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from agents.counselor import HELD, State
from agents.presence import Person
from agents.roster import PEOPLE_TIME, Counselor, Role
from routing.priority import Place, place_of
from routing.rules import FIRST_OUTER_TIER, Rules, tier_name
from routing.strategies import Candidate

SILENT_CONFIRMED = 3
CRISIS = 4
SHORTEST_RING = 5
"""Seconds: less than one ring and a hand on the phone is no offer."""
WEAK_RING = 10
"""Seconds: a caller loses no more to a weak station whose telephones ring alone."""
UNKNOWN_TOPIC = "unknown"
OTHER = "other"
"""In settings by topic: every topic not named."""


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """`node`: which of the carrier's machines has it. `kinds`: contact kinds the carrier reaches.
    `excluded`: counselors who have failed it. `preferred`: the counselor who handles an open order
    of the caller's number."""

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
    preferred: str | None = None

    @property
    def urgent(self) -> bool:
        return self.priority >= SILENT_CONFIRMED

    @property
    def place(self) -> Place:
        return place_of(self.priority, self.enqueued_at, self.call_id)


@dataclass(frozen=True, slots=True)
class Choice:
    """Who shall ring for a call: one; in a crisis several at once; for a weak home, somebody there
    and somebody who covers it. `tier` is the first one's; `reason` is for the order and the
    operator."""

    people: tuple[Person, ...]
    tier: int
    reason: str
    ring_seconds: int


def _never_told(_call: WaitingCall) -> float | None:
    return None


def _no_more(_station: str, _share: float) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is known of the stations at this moment, for a call's topic. `weak`, `dead`: station
    ids; a probing one is weak for this. `home_wait`: seconds that a call may expect to wait at
    home, endless where nobody there could take it, None where nothing is known; asked only where
    home has nobody free. `spares`: has a
    station more people free than this share of those there?"""

    weak: frozenset[str] = frozenset()
    dead: frozenset[str] = frozenset()
    home_wait: Callable[[WaitingCall], float | None] = field(default=_never_told)
    spares: Callable[[str, float], bool] = field(default=_no_more)


CALM = Conditions()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why somebody was chosen or not; `tier` None where their station never serves this call."""

    counselor_id: str
    station: str
    tier: int | None
    chosen: bool
    reasons: tuple[str, ...]


_Placed = tuple[int, Person]
"""Somebody suitable, and the tier they ring in."""


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
    stance = _stance(call, rules, at)
    suitable = [
        (tier, person)
        for tier, person in _suitable(call, free, stance, rules)
        if person.counselor.station not in conditions.dead
    ]
    suitable = _beyond_reserve(call, suitable, rules, conditions, at)
    if handler := _handler(call, suitable, conditions):
        tier, person = handler
        reason = f"{_place_name(tier, person, rules)}, handles an open order of this number"
        return Choice((person,), tier, reason, rules.ring_seconds)
    if not suitable or _waits_for_handler(call, everybody, stance, rules, at, conditions):
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
    call: WaitingCall, pairs: Sequence[_Placed], rank: Callable[[_Placed], tuple[Any, ...]]
) -> tuple[_Placed, _Placed] | None:
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
    stance = _stance(call, rules, at)
    suitable = _suitable(call, free, stance, rules)
    waited = (at - call.enqueued_at).total_seconds()
    opened = rules.open_tiers(waited, True)
    if not any(
        tier < opened and person.counselor.id not in call.excluded for tier, person in suitable
    ):
        stance = replace(stance, last_resort=True)
        suitable = _suitable(call, free, stance, rules)
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


def _with_a_supervisor(ranked: Sequence[_Placed], places: int) -> Sequence[_Placed]:
    """The first ones, of whom the last place is a supervisor's where none of them is one."""
    first, others = ranked[:places], ranked[places:]
    if any(person.counselor.role is Role.SUPERVISOR for _, person in first):
        return first
    supervisors = [pair for pair in others if pair[1].counselor.role is Role.SUPERVISOR]
    return [*first[: max(1, places - 1)], supervisors[0]] if supervisors else first


def _handler(
    call: WaitingCall, suitable: Iterable[_Placed], conditions: Conditions
) -> _Placed | None:
    """Whoever handles an open order of the number, but never alone at a weak station."""
    if call.preferred is None:
        return None
    for pair in suitable:
        counselor = pair[1].counselor
        if counselor.id == call.preferred:
            well = counselor.station not in conditions.weak | conditions.dead
            return pair if well else None
    return None


def _waits_for_handler(
    call: WaitingCall,
    everybody: Callable[[], Iterable[Person]],
    stance: _Stance,
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
    handler = _handler(call, _suitable(call, there, stance, rules), conditions)
    if handler is None:
        return False
    _, person = handler
    return person.state in HELD or (person.until is not None and person.until <= until)


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


def _beyond_reserve(
    call: WaitingCall,
    suitable: list[_Placed],
    rules: Rules,
    conditions: Conditions,
    at: datetime,
) -> list[_Placed]:
    """Without those who are kept from the call."""
    stations = {person.counselor.station for _, person in suitable}
    kept = _kept_back(call, stations, rules, conditions, at)
    return [pair for pair in suitable if pair[1].counselor.station not in kept]


def _kept_back(
    call: WaitingCall,
    stations: Iterable[str],
    rules: Rules,
    conditions: Conditions,
    at: datetime,
) -> set[str]:
    """The centres that keep for their own callers whom they have left."""
    return {station for station in stations if kept_from(call, station, rules, conditions, at)}


def would_suit(call: WaitingCall, free: Iterable[Person], rules: Rules, at: datetime) -> bool:
    """Is one of these, wherever they are, right for the call as its filters stand now? An urgent
    call's may all fall."""
    stance = replace(_stance(call, rules, at), last_resort=call.urgent)
    return any(next(_objections(call, person, stance), None) is None for person in free)


def turning_points(call: WaitingCall, rules: Rules) -> set[float]:
    """Seconds of waiting after which a tier opens to a call, a filter falls for it, or whoever
    handles an open order of the number is waited for no more."""
    points = {rules.opens_after(tier, call.urgent) for tier in range(1, rules.tiers)}
    points |= {after(waits, call.topic) for waits in (rules.relax_topic, rules.relax_language)}
    if call.preferred is not None:
        points.add(rules.handler_wait_seconds)
    return points


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
    stance = _stance(call, rules, at)
    opened = rules.open_tiers((at - call.enqueued_at).total_seconds(), call.urgent)
    waits = not call.urgent and _waits_for_handler(
        call, lambda: everybody, stance, rules, at, conditions
    )
    if not call.urgent and why_outside(call, False, rules, conditions):
        opened = rules.tiers
    handled = not call.urgent and any(one.counselor.id == call.preferred for one in chosen)
    if choice is not None and not handled:
        opened = max(opened, choice.tier + 1)
    kept = _kept_back(call, {one.counselor.station for one in free}, rules, conditions, at)
    verdicts = []
    for person in everybody:
        tier = _tier(person, rules)
        reasons = list(_objections(call, person, stance))
        if person.state != State.AVAILABLE:
            why = f" ({person.reason})" if person.reason else ""
            reasons.insert(0, f"{person.state}{why}")
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
        return call.urgent or waited >= after(waits, call.topic)

    return _Stance(
        urgent=call.urgent,
        any_topic=call.topic == UNKNOWN_TOPIC or relaxed(rules.relax_topic),
        any_language=relaxed(rules.relax_language),
        last_resort=False,
        day=_day(at),
    )


def after(waits: Mapping[str, float], topic: str) -> float:
    """Seconds of waiting after which a filter falls for a topic."""
    return waits.get(topic, waits.get(OTHER, 0))


def _suitable(
    call: WaitingCall, people: Iterable[Person], stance: _Stance, rules: Rules
) -> list[_Placed]:
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


_FIT = 3
"""So many parts of a rank tell how well somebody fits a call; the others, where they are."""


def _rank(
    call: WaitingCall,
    pair: _Placed,
    stance: _Stance,
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
    # Whoever has been rung for it in vain comes after whoever hasn't.
    in_vain = counselor.id in call.excluded
    if call.priority >= CRISIS:
        return in_vain, tier, not fits, *key
    place = tier, float(rules.neighbours.get(counselor.station, 0))
    if counselor.station in conditions.weak:
        # A weak home comes after its centres, a weak place elsewhere after all others.
        home = counselor.station == call.home
        place = (FIRST_OUTER_TIER, 0.5) if home else (rules.tiers + tier, place[1])
    return in_vain, not fits, not candidate.language_fits, place, *key


def knows(counselor: Counselor, topic: str, day: date) -> bool:
    """Does somebody know a topic on a day? Of a topic that isn't known, whoever knows any."""
    topics = counselor.valid_topics(day)
    return topic in topics or (topic == UNKNOWN_TOPIC and bool(topics))


def _place_name(tier: int, person: Person, rules: Rules) -> str:
    return "neighbour" if person.counselor.station in rules.neighbours else tier_name(tier)


def _reason(call: WaitingCall, tier: int, person: Person, stance: _Stance, rules: Rules) -> str:
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


def _day(at: datetime) -> date:
    return at.astimezone(PEOPLE_TIME).date()
