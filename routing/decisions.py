"""An order's decisions once more: who was taken for its call, who wasn't, and why.

The call's wishes and what came of its offers are the order's own events; who was taken, and what
everybody else did then, is in the log of presence; how stations stood, in their changes. The
router explains each of these moments again. Roster, stations and settings are those of today:
where they have changed, or something wasn't recorded, it may choose otherwise, and both are told.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby, zip_longest

from sqlalchemy import Connection, select

from agents import presence_log, roster
from agents.counselor import State
from agents.presence import Person
from agents.presence_log import PresenceChange
from agents.presence_past import Past
from config.instants import PEOPLE_TIME
from routing import standings
from routing.conditions import Conditions
from routing.rules import Places, Rules, tier_name
from routing.standing import State as Standing
from routing.standings import Change
from routing.stays import Stay, Told, stays_of
from routing.suitability import after
from routing.verdicts import Verdict, explain
from routing.waiting import UNCLAIMED_LIMIT
from routing.waiting_call import UNKNOWN_TOPIC, WaitingCall
from workorders.order import orders

SOON = timedelta(seconds=5)
"""Within this time the matcher sees that a tier has opened: whoever is taken then is by that, and
whoever left before it looked was offered to nobody."""
SEEN_WITHIN = timedelta(seconds=2)
"""A change of a station's standing is told with the time of the look that found it; by then it is
committed, and known to every matcher."""
_AT_HOME = re.compile(r"\b(?:(\d+) s|nobody) at home\b")
"""In the reason of an offer: the wait at home that was expected then."""


class CannotReplay(Exception):
    """Why an order's decisions can't be told, in one line."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One moment. `taken`: who was reserved; nobody where the call waited on. `reason`: as the
    order has it, None where no telephone rang. `replayed`: whom the router would take.
    `standings`: of the stations that weren't strong. `results`: counselor and result."""

    at: datetime
    what: str
    call: WaitingCall
    taken: tuple[str, ...]
    reason: str | None
    replayed: tuple[str, ...]
    verdicts: Sequence[Verdict]
    standings: Sequence[Change]
    results: Sequence[tuple[str, str]]

    @property
    def replayed_reason(self) -> str | None:
        return next((verdict.reasons[0] for verdict in self.verdicts if verdict.chosen), None)

    @property
    def agrees(self) -> bool:
        """The same would be taken, and for the same reason."""
        same_reason = self.reason in (None, self.replayed_reason)
        return set(self.taken) == set(self.replayed) and same_reason


@dataclass(frozen=True, slots=True)
class Story:
    """`ended_at`, `outcome`: None while the call goes on."""

    order_no: str
    home: str
    decisions: Sequence[Decision]
    ended_at: datetime | None
    outcome: str | None


def story_of(connection: Connection, places: Places, order_no: str, now: datetime) -> Story:
    """What was decided for an order's call, in order. Raises CannotReplay."""
    o = orders.c
    query = select(o.call_id, o.t_queue, o.t_end, o.outcome).where(o.order_no == order_no)
    order = connection.execute(query).first()
    if order is None:
        raise CannotReplay(f"there is no order {order_no}")
    if order.t_queue is None:
        outcome = f": {order.outcome}" if order.outcome else ""
        raise CannotReplay(f"{order_no} never waited for a counselor{outcome}")
    began = presence_log.began(connection)
    if began is None or order.t_queue < began:
        since = f", which begins {began.astimezone(PEOPLE_TIME):%Y-%m-%d %H:%M}" if began else ""
        raise CannotReplay(f"{order_no} is older than the log of counselors' presence{since}")
    try:
        stays = stays_of(connection, order_no, order.call_id, now)
    except KeyError as missing:
        raise CannotReplay(f"{order_no} doesn't tell its call's {missing}") from None
    replays = [_Replay(connection, places, stay) for stay in stays]
    decided = [decision for replay in replays for decision in replay.decisions()]
    return Story(order_no, stays[0].call.home, decided, order.t_end, order.outcome)


@dataclass(frozen=True, slots=True)
class _Taken:
    """Who was reserved for the call at one moment, and until when any of them was held. `rang`:
    the event by which their telephones rang."""

    changes: tuple[PresenceChange, ...]
    until: datetime
    rang: Told | None
    results: tuple[tuple[str, str], ...]

    @property
    def at(self) -> datetime:
        return self.changes[0].at

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(change.counselor for change in self.changes)

    @property
    def unclaimed(self) -> bool:
        """Nobody came to the call for them, or nobody told what came of it."""
        return self.rang is None or "expired" in dict(self.results).values()


class _Replay:
    """The decisions of one stay in the queue."""

    def __init__(self, connection: Connection, places: Places, stay: Stay) -> None:
        self._connection = connection
        self._stay = stay
        self._rules = _rules(places, stay)
        named = stay.named()
        people = [
            person
            for person in roster.everybody(connection)
            if person.station in self._rules.tier_of or person.id in named
        ]
        self._tiers = {self._rules.tier_of.get(person.station, 0) for person in people}
        self._past = Past(connection, people, stay.began, stay.until)
        self._taken = self._all_taken()

    def decisions(self) -> list[Decision]:
        found = []
        changed, opened = self._changed(), self._opened()
        offers = {taken.at: number for number, taken in enumerate(self._taken)}
        for at in sorted({*changed, *opened, *offers}):
            what = (*changed.get(at, ()), *opened.get(at, ()))
            if at in offers:
                number = offers[at]
                found.append(self._decided(at, (*what, f"offer {number + 1}"), self._taken[number]))
            elif not any(taken.at <= at < taken.until for taken in self._taken):
                found += self._waited(at, what, by_time=at not in changed)
        return found

    def _all_taken(self) -> list[_Taken]:
        """Without whom was let go in the same instant, as the call wished for something else."""
        stay = self._stay
        held = [
            (change, end.at if end is not None else stay.until)
            for change in self._past.changes
            if change.call_id == stay.call.call_id
            and change.state == State.RESERVED
            and stay.began <= change.at <= stay.until
            for end in (self._past.next_of(change),)
        ]
        lasting = [pair for pair in held if pair[1] > pair[0].at]
        groups = [list(group) for _, group in groupby(lasting, key=lambda pair: pair[0].at)]
        found = []
        for group, later in zip_longest(groups, groups[1:]):
            changes = tuple(change for change, _ in group)
            ids = [change.counselor for change in changes]
            rang = stay.rang(ids, changes[0].at, later[0][0].at if later else None)
            results = tuple(stay.results(rang.data["offer"])) if rang is not None else ()
            found.append(_Taken(changes, max(until for _, until in group), rang, results))
        return found

    def _changed(self) -> Mapping[datetime, list[str]]:
        """When something changed for the call, and what, in a few words."""
        stay = self._stay
        found: dict[datetime, list[str]] = defaultdict(list)
        if stay.is_callback:
            return {stay.began: ["the callback waits"]}
        found[stay.began].append("queued")
        for at, words in stay.wishes_changed():
            found[at].append(words)
        for number, taken in enumerate(self._taken):
            if taken.until < stay.until:
                found[taken.until].append(f"after offer {number + 1}")
        for words in stay.left_because():
            found[stay.until].append(words)
        return found

    def _opened(self) -> Mapping[datetime, list[str]]:
        """When time alone brought somebody else within the call's reach."""
        stay, rules, topic = self._stay, self._rules, self._stay.call.topic
        opens: list[tuple[float, bool, str]] = [
            (rules.opens_after(tier, urgent), urgent, f"tier {tier_name(tier)} opens")
            for tier in sorted(self._tiers)
            for urgent in (False, True)
        ]
        if topic != UNKNOWN_TOPIC:
            opens.append((after(rules.relax_topic, topic), False, "any topic will do"))
        opens.append((after(rules.relax_language, topic), False, "any language will do"))
        if stay.call.preferred is not None:
            no_more = f"{stay.call.preferred} is waited for no more"
            opens.append((rules.handler_wait_seconds, False, no_more))
        found: dict[datetime, list[str]] = defaultdict(list)
        if stay.is_callback:
            return found
        for waited, urgent, words in opens:
            at = stay.call.enqueued_at + timedelta(seconds=waited)
            if stay.began < at < stay.until and stay.call_at(at).urgent is urgent:
                found[at].append(words)
        return found

    def _waited(self, at: datetime, what: Sequence[str], *, by_time: bool) -> list[Decision]:
        """The call waited on at a moment, if that was decided then. `by_time`: nobody looked at
        it in that very moment."""
        decision = self._decided(at, what)
        if not decision.replayed:
            return [decision]
        looks = (*(taken.at for taken in self._taken), self._stay.until)
        if by_time and any(at <= look <= at + SOON for look in looks):
            return []
        last = [taken for taken in self._taken if taken.until <= at][-UNCLAIMED_LIMIT:]
        if len(last) == UNCLAIMED_LIMIT and all(taken.unclaimed for taken in last):
            unseen = f"{decision.what}: nobody is held for it until it shows itself again"
            return [replace(decision, what=unseen, replayed=(), verdicts=())]
        return [decision]

    def _decided(self, at: datetime, what: Sequence[str], taken: _Taken | None = None) -> Decision:
        known = self._known(at, what, taken, standings_of=at)
        if known.agrees:
            return known
        earlier = self._known(at, what, taken, standings_of=at - SEEN_WITHIN)
        return earlier if earlier.agrees else known

    def _known(
        self, at: datetime, what: Sequence[str], taken: _Taken | None, standings_of: datetime
    ) -> Decision:
        call = self._stay.call_at(at)
        everybody = self._past.everybody(at, taken.changes[0] if taken is not None else None)
        there = [person for person in everybody if person.state != State.LOGGED_OUT]
        stood = [
            change
            for change in standings.in_force(self._connection, standings_of).values()
            if change.topic == call.topic
            and change.station in self._rules.tier_of
            and change.to_state is not Standing.STRONG
        ]
        reason = taken.rang.data["reason"] if taken is not None and taken.rang is not None else None
        verdicts = explain(call, there, self._rules, at, _conditions(stood, there, reason))
        replayed = tuple(verdict.counselor_id for verdict in verdicts if verdict.chosen)
        away = (one.counselor for one in everybody if one.state == State.LOGGED_OUT)
        for who in away:
            tier = self._rules.tier_of.get(who.station)
            verdicts.append(Verdict(who.id, who.station, tier, False, ("logged out",)))
        return Decision(
            at,
            ", ".join(what),
            call,
            taken.ids if taken is not None else (),
            reason,
            replayed,
            verdicts,
            stood,
            taken.results if taken is not None else (),
        )


def _rules(places: Places, stay: Stay) -> Rules:
    try:
        return Rules.of(places, stay.call.home)
    except KeyError:
        home = stay.call.home
        raise CannotReplay(f"{stay.call.order_no}: {home} is no station any more") from None


def _conditions(stood: Sequence[Change], there: Sequence[Person], reason: str | None) -> Conditions:
    """As they were; the wait at home is the one that the offer names."""
    at_home = _AT_HOME.search(reason or "")
    seconds = float(at_home[1] or math.inf) if at_home is not None else None

    def spares(station: str, share: float) -> bool:
        present = [person for person in there if person.counselor.station == station]
        free = sum(1 for person in present if person.state == State.AVAILABLE)
        return free > share * len(present)

    def in_state(*states: Standing) -> frozenset[str]:
        return frozenset(change.station for change in stood if change.to_state in states)

    return Conditions(
        weak=in_state(Standing.WEAK, Standing.PROBING),
        dead=in_state(Standing.DEAD),
        home_wait=lambda _call: seconds,
        spares=spares,
    )
