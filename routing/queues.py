"""The queue: callers and counselors are matched inside the store's own transactions.

Whoever changes something (a call joins, a counselor frees, time passes) runs the matcher in the
same transaction, holding `one_at_a_time(connection, MATCHING)`; counselor and call are still
taken by conditional updates, and a unique index keeps any counselor to one open offer. So
nobody is rung for two calls, nobody overtakes within a priority, and a crash leaves at worst a
lease that runs out.

Nothing here logs or wakes: every function returns `Changes`, to be acted on after the commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from agents import presence, presence_log
from config.database import MATCHING, one_at_a_time
from routing import offers, waiting
from routing.care import Care
from routing.changes import Cared, Changes, Nobody, Outcome, Reserved, Waiting
from routing.expected_wait import expected_wait
from routing.matcher import Matcher
from routing.offer_ends import OfferEnds
from routing.offers import Offer
from routing.rules import FIRST_OUTER_TIER, Network
from routing.suitability import could_serve
from routing.verdicts import Verdict, explain
from routing.waiting_call import Transfer, WaitingCall

__all__ = ["Changes", "Nobody", "Outcome", "Queues", "Reserved", "Waiting"]

OFFERS_KEPT = timedelta(hours=1)
"""For the mean talk time and the state of nodes; the orders keep them for good."""
FORGOTTEN_EVERY = timedelta(minutes=1)

TALKED = ("answered", "lost")
"""Results of an offer whose counselor talked with the caller, to whichever end."""

RING_GRACE = timedelta(seconds=30)
"""A ringing offer's lease outlasts its ring time by this: its engine may die, be started again
and only then report the answer."""


class Queues:
    """The queue over a tree of stations. The store is the only truth: any number of these,
    in any number of processes, share one queue."""

    def __init__(self, places: Network) -> None:
        self._matcher = Matcher(places)
        self._care = Care(places)
        self._ends = OfferEnds(places, self._care)
        self._forgot_at: datetime | None = None

    def join(
        self,
        connection: Connection,
        *,
        call_id: str,
        order_no: str,
        topic: str,
        language: str,
        priority: int,
        home: str,
        kinds: Iterable[str],
        node: str,
        at: datetime,
        preferred: str | None = None,
        since: datetime | None = None,
        transfer: Transfer | None = None,
    ) -> Changes:
        """Enter the queue, or change wishes in it: the place is kept. A held reservation made
        for other wishes is let go first.

        :param home: station id. `kinds`: contact kinds the carrier reaches. `node`: which of the
            carrier's machines has the call. `preferred`: who handles an open order of its number.
            `since`: when the place was taken that it takes over. `transfer`: it talked with
            somebody, and is passed on.
        """
        one_at_a_time(connection, MATCHING)
        call = WaitingCall(
            call_id, order_no, topic, language, priority, home, since or at, node,
            frozenset(kinds), preferred=preferred,
        )  # fmt: skip
        place = waiting.place_of(connection, call_id)
        if place is None and transfer is not None:
            return self._passed_on(connection, call, transfer, at)
        if place is None:
            waiting.add(connection, call)
            return replace(self._answer(connection, call, at), joined=call)
        wishes = replace(place.call, topic=topic, language=language, priority=priority)
        if wishes != place.call:
            waiting.change_wishes(connection, wishes)
            if place.offer_id is not None:
                self._ends.let_go(connection, offers.parts_of(connection, place.offer_id), at)
                excluded = place.call.excluded
                waiting.back_to_queue(connection, call_id, place.offer_id, excluded, 0)
        return self.status(connection, call_id, at)

    def front(self, connection: Connection, came_at: datetime) -> datetime:
        """Since when a call would have to wait that is to stand before all others of its class.
        `came_at`: when it came, so that its help is sought as wide as for whoever waited so long.
        """
        first = waiting.first(connection)
        return came_at if first is None else min(came_at, first - timedelta(seconds=1))

    def status(self, connection: Connection, call_id: str, at: datetime) -> Changes:
        """The reservation the call holds, or one made now, or its place."""
        one_at_a_time(connection, MATCHING)
        place = waiting.place_of(connection, call_id)
        if place is None:
            return Changes(Nobody())
        if place.unclaimed:
            waiting.shown(connection, call_id)
        if place.offer_id is not None:
            parts = offers.parts_of(connection, place.offer_id)
            return Changes(Reserved.of(parts))
        return self._answer(connection, place.call, at)

    def ask_in(
        self, connection: Connection, call: WaitingCall, counselor_id: str, at: datetime
    ) -> Reserved | None:
        """Hold a counselor for a call that somebody else talks with; None where they aren't free.
        The call's own place and offer stay as they are."""
        one_at_a_time(connection, MATCHING)
        return self._matcher.ask(connection, call, counselor_id, at)

    def part_over(self, connection: Connection, part: Offer, at: datetime) -> Changes:
        """Somebody leaves a call that others go on with."""
        one_at_a_time(connection, MATCHING)
        cared: list[Cared] = []
        if part.answered_at is not None:
            outcome = self._ends.end_talk(connection, part, part.counselor_id, at, cared)
        else:
            outcome = self._ends.release(connection, part, "abandoned", at)
        woken = self._matcher.match(connection, at)
        return Changes(woken=woken, outcomes=(outcome,), cared=tuple(cared))

    def take(self, connection: Connection, call_id: str, at: datetime) -> Changes:
        """As `status`; a reservation found is leased anew, for it is about to ring."""
        changes = self.status(connection, call_id, at)
        if isinstance(changes.answer, Reserved):
            until = at + timedelta(seconds=changes.answer.ring_seconds) + RING_GRACE
            offers.extend_lease(connection, changes.answer.offer_id, until)
        return changes

    def leave(self, connection: Connection, call_id: str, at: datetime) -> Changes:
        """Give up place and reservation; nothing is held against anybody."""
        one_at_a_time(connection, MATCHING)
        self._ends.let_go(connection, offers.of_call(connection, call_id), at)
        waiting.delete(connection, call_id)
        return Changes(woken=self._matcher.match(connection, at))

    def keep(self, connection: Connection, call_id: str, new_id: str, at: datetime) -> Changes:
        """The place is kept for another call, which rests; who was held for this one is free."""
        self._to_rest(connection, call_id, at)
        waiting.rename(connection, call_id, new_id)
        return Changes(woken=self._matcher.match(connection, at))

    def rest(self, connection: Connection, call_id: str, at: datetime) -> Changes:
        """Nobody is held for the call until it is `shown`; nothing is held against anybody."""
        self._to_rest(connection, call_id, at)
        return Changes(woken=self._matcher.match(connection, at))

    def show(
        self, connection: Connection, call_id: str, at: datetime, *, anew: bool = False
    ) -> Changes:
        """The call waits again. `anew`: whoever failed it before may be asked once more."""
        one_at_a_time(connection, MATCHING)
        if anew:
            waiting.asks_anew(connection, call_id)
        else:
            waiting.shown(connection, call_id)
        return Changes(woken=self._matcher.match(connection, at))

    def ring_alone(self, connection: Connection, part: Offer, at: datetime) -> Changes:
        """Of an offer's parts only this one is to be rung: the others are free again. Once the
        offer is over the call rests, until it is `show`n."""
        one_at_a_time(connection, MATCHING)
        others = [o for o in offers.parts_of(connection, part.offer_id) if o != part]
        outcomes = [self._ends.release(connection, other, "not_first", at) for other in others]
        waiting.rest_after(connection, part.call_id, part.offer_id)
        woken = self._matcher.match(connection, at) if outcomes else ()
        return Changes(woken=woken, outcomes=tuple(outcomes))

    def not_rung(self, connection: Connection, part: Offer, at: datetime) -> None:
        """This counselor could not be rung at all: nothing is held against them, and the call is
        for somebody else."""
        one_at_a_time(connection, MATCHING)
        place = waiting.place_of(connection, part.call_id)
        excluded = place.call.excluded if place is not None else frozenset()
        self._ends.release(connection, part, "abandoned", at)
        waiting.back_to_queue(
            connection, part.call_id, part.offer_id, excluded | {part.counselor_id}, 0
        )

    def hold_longer(self, connection: Connection, offer_id: str, until: datetime) -> None:
        """Whoever rings under this offer is held until then."""
        one_at_a_time(connection, MATCHING)
        offers.extend_lease(connection, offer_id, until)

    def ringing(self, connection: Connection, offer_id: str, at: datetime) -> list[Offer]:
        """The offer is about to be dialled; its parts."""
        one_at_a_time(connection, MATCHING)
        parts = offers.parts_of(connection, offer_id)
        if parts:
            presence.ring(connection, [part.counselor_id for part in parts], parts[0].call_id, at)
            until = at + timedelta(seconds=parts[0].ring_seconds) + RING_GRACE
            offers.extend_lease(connection, offer_id, until)
        return parts

    def parts_held(self, connection: Connection, call_id: str) -> list[Offer]:
        """Who is held for a call; it stays so until the transaction ends."""
        one_at_a_time(connection, MATCHING)
        return offers.of_call(connection, call_id)

    def note_answered(
        self, connection: Connection, parts: Sequence[Offer], counselor_id: str, at: datetime
    ) -> Changes:
        """Somebody of an offer's `parts_held` picked up: the others are free again. The call keeps
        its place until the offer ends, for a telephone's pick-up isn't yet a person's."""
        outcomes = []
        for part in parts:
            if part.counselor_id == counselor_id:
                if presence.answer(connection, counselor_id, part.call_id, at):
                    offers.answered(connection, part, at)
            elif part.answered_at is None:
                outcomes.append(self._ends.release(connection, part, "not_first", at))
        woken = self._matcher.match(connection, at) if outcomes else ()
        return Changes(woken=woken, outcomes=tuple(outcomes))

    def offer_ended(
        self,
        connection: Connection,
        call_id: str,
        offer_id: str,
        result: str,
        answered_by: str | None,
        at: datetime,
    ) -> Changes:
        """How an offer ended, talk included. A second report of it changes nothing.

        :param result: a key of OFFER_RESULTS. `answered_by`: the counselor who was bridged.
        """
        one_at_a_time(connection, MATCHING)
        rung = tuple(offers.rung(connection, offer_id))
        parts = [part for part in rung if part.result is None and part.call_id == call_id]
        if not parts:
            return Changes(rung=rung)
        if result not in TALKED and result != "abandoned":
            failed = self._ends.failed(connection, parts, result, at)
            return replace(failed, woken=self._matcher.match(connection, at), rung=rung)
        cared: list[Cared] = []
        if result in TALKED:
            winner = answered_by or _who_answered(parts)
            outcomes = [self._ends.end_talk(connection, part, winner, at, cared) for part in parts]
        else:
            outcomes = self._ends.let_go(connection, parts, at)
        waiting.delete(connection, call_id)
        woken = self._matcher.match(connection, at)
        return Changes(
            woken=woken, outcomes=tuple(outcomes), rung=rung, left=True, cared=tuple(cared)
        )

    def call_ended(self, connection: Connection, call_id: str, at: datetime) -> Changes:
        """The caller is gone, whatever was going on: everybody it held is freed."""
        one_at_a_time(connection, MATCHING)
        outcomes = []
        cared: list[Cared] = []
        for part in offers.of_call(connection, call_id):
            if part.answered_at is not None:
                outcomes.append(self._ends.end_talk(connection, part, part.counselor_id, at, cared))
            else:
                outcomes.append(self._ends.release(connection, part, "abandoned", at))
        waiting.delete(connection, call_id)
        woken = self._matcher.match(connection, at)
        return Changes(woken=woken, outcomes=tuple(outcomes), cared=tuple(cared))

    def counselor_changed(self, connection: Connection, at: datetime) -> Changes:
        """After any change of presence or roster in the same transaction."""
        one_at_a_time(connection, MATCHING)
        return Changes(woken=self._matcher.match(connection, at, sweep=True))

    def tick(self, connection: Connection, at: datetime) -> Changes:
        """What only time brings about: leases, wrap-ups and pauses that end, tiers that open.
        To be called every second or two."""
        one_at_a_time(connection, MATCHING)
        outcomes = []
        for part in offers.overdue(connection, at):
            outcomes.append(self._ends.release(connection, part, "expired", at))
            place = waiting.place_of(connection, part.call_id)
            if place is not None:
                excluded = place.call.excluded
                waiting.back_to_queue(connection, part.call_id, part.offer_id, excluded, 1)
        cared = tuple(self._care.look(connection, at))
        presence.end_what_is_due(connection, at)
        if self._forgot_at is None or at >= self._forgot_at + FORGOTTEN_EVERY:
            offers.forget(connection, at - OFFERS_KEPT)
            presence_log.forget(connection, at)
            self._forgot_at = at
        woken = self._matcher.match(connection, at, sweep=True)
        return Changes(woken=woken, outcomes=tuple(outcomes), cared=cared)

    def explain(self, connection: Connection, call: WaitingCall, at: datetime) -> list[Verdict]:
        """Each candidate for a call that need not be waiting, and why; changes nothing."""
        people = presence.present(connection, at)
        conditions = self._matcher.floor(connection, at).conditions_of(call)
        return explain(call, people, self._matcher.rules_of(call.home), at, conditions)

    def _passed_on(
        self, connection: Connection, call: WaitingCall, transfer: Transfer, at: datetime
    ) -> Changes:
        """Whoever passes a caller on isn't rung for it, until somebody asked for hasn't answered:
        then before all others."""
        call = replace(
            call, preferred=transfer.by, transferred_by=transfer.by, came_at=transfer.since,
            excluded=frozenset({transfer.by}),
        )  # fmt: skip
        waiting.add(connection, call)
        if transfer.to is not None:
            held = self._matcher.ask(connection, call, transfer.to, at)
            if held is not None:
                return Changes(held, joined=call)
            call = replace(call, excluded=frozenset())
            waiting.exclude(connection, call.call_id, call.excluded)
        return replace(self._answer(connection, call, at), joined=call)

    def _answer(self, connection: Connection, call: WaitingCall, at: datetime) -> Changes:
        matched = self._matcher.match(connection, at)
        mine = next((item for item in matched if item.call_id == call.call_id), None)
        woken = tuple(item for item in matched if item is not mine)
        if mine is not None:
            return Changes(mine, woken)
        rules = self._matcher.rules_of(call.home)
        known = self._matcher.standings(connection, at).conditions(call.topic)
        dead = frozenset() if call.urgent else known.dead
        stations = [station for station in rules.tier_of if station not in dead]
        people = (
            person
            for station in stations
            for person in presence.present_at(connection, [station], at)
        )
        if next(could_serve(call, people, rules, at), None) is None:
            if call.transferred_by in call.excluded:
                # There is nobody else: whoever passed the caller on is asked again.
                call = replace(call, excluded=call.excluded - {call.transferred_by})
                waiting.exclude(connection, call.call_id, call.excluded)
                answer = self._answer(connection, call, at)
                return replace(answer, woken=(*woken, *answer.woken))
            waiting.delete(connection, call.call_id)
            return Changes(Nobody(), woken)
        expected = expected_wait(connection, call, rules, stations)
        position = 1 + waiting.ahead_at_home(connection, call)
        waited = (at - call.enqueued_at).total_seconds()
        outer = rules.open_tiers(waited, call.urgent) > FIRST_OUTER_TIER
        return Changes(Waiting(position, expected, outer), woken)

    def _to_rest(self, connection: Connection, call_id: str, at: datetime) -> None:
        one_at_a_time(connection, MATCHING)
        parts = offers.of_call(connection, call_id)
        self._ends.let_go(connection, parts, at)
        for part in parts:
            waiting.back_to_queue(connection, call_id, part.offer_id, (), 0)
        waiting.rest(connection, call_id)


def _who_answered(parts: Sequence[Offer]) -> str | None:
    if len(parts) == 1:
        return parts[0].counselor_id
    return next((part.counselor_id for part in parts if part.answered_at is not None), None)
