"""Attempts to call back, inside the transaction of whoever tells what happened: the law of them.

A counselor is rung first, and the caller's telephone only once that counselor has accepted. To ring
a counselor is an attempt, committed before a call is placed; in an attempt the caller's telephone
is rung once, committed before too, so nothing that dies or is told twice makes it ring again. What
became of the caller is no counselor's fault. A caller whom nobody reached in so many tries, or for
so long, is a task for the station. A number that was typed on a page may be anybody's: whoever has
answered there and agreed to nothing is rung no more.

The queue's turn is taken first of all, as whoever matches does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from agents.offer_results import OFFER_RESULTS
from callflows.data_dips import Priority
from callflows.verbs import Say
from config.database import MATCHING, one_at_a_time
from ivr import placed_calls
from ivr.kept_callbacks import KeptCallbacks
from ivr.order_events import notes_of_priority
from ivr.placed_calls import Result
from ivr.transaction import Transaction
from routing import callbacks, waiting
from routing.callbacks import Callback
from routing.offers import Offer
from workorders import number_flags
from workorders.number_flags import Kind
from workorders.order import orders

PURPOSE = "callback"
TYPED = "stated"
"""An order's `id_trust` where the number was typed on a page."""
NOT_PLACED_REST = timedelta(seconds=60)
"""Before whom nothing could be rung at all is asked once more."""
COUNSELOR_HELD = timedelta(seconds=90)
"""For a call that may be placed twice, ringing and acceptance included."""
CONNECTS = "1*5"
"""The keys by which whoever answers is connected: a counselor is there already, for danger too."""
REFUSES = "9"
"""Of a number that was typed on a page: whoever has it asked for nothing."""
DANGER = {"*": Priority.CRISIS, "5": Priority.SILENT_CONFIRMED}
CALLER_RINGS = 30
CALLER_AWAITED = timedelta(seconds=120)
"""Ringing, the safe-to-talk question and its answer included, and an engine that starts again."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A counselor to ring, committed. `id`: of the call to be placed."""

    id: str
    counselor_id: str


@dataclass(frozen=True, slots=True)
class Try:
    """A caller to ring, committed: E.164, and what whoever answers hears first."""

    number: str
    safe_to_talk: str
    language: str
    ring_seconds: int = CALLER_RINGS


@dataclass(frozen=True, slots=True)
class About:
    """`topic`: its id. `region`: its name, where known. `typed`: the number was, on a page."""

    order_no: str
    topic: str | None
    region: str | None
    typed: bool = False


@dataclass(frozen=True, slots=True)
class CallbackAttempts(KeptCallbacks):
    def begin(self, tx: Transaction, name: str, at: datetime) -> Attempt | None:
        """Ring whom is held for the callback of this name: committed with this transaction, then
        to be placed. None: nobody is held, or another attempt goes on."""
        one_at_a_time(tx.connection, MATCHING)
        kept = callbacks.waiting_as(tx.connection, name)
        part = self._held(tx.connection, kept) if kept else None
        if kept is None or part is None or kept.unsettled:
            return None
        if self.house.log.caller_id(tx.connection, kept.order_no) is None:
            self._number_gone(tx, kept, at)
            return None
        number = kept.attempts + 1
        if not callbacks.begin_attempt(tx.connection, kept.order_no, number):
            return None
        self.house.applied(tx, self.house.queues.ring_alone(tx.connection, part, at))
        self.house.offers.note_ringing(tx, kept.order_no, part.offer_id, at)
        self.house.queues.hold_longer(tx.connection, part.offer_id, at + COUNSELOR_HELD)
        return Attempt(attempt_id(kept.order_no, number), part.counselor_id)

    def stands(self, connection: Connection, attempt: Attempt) -> bool:
        """Is its counselor still held for it?"""
        return self._going_on(connection, attempt.id) is not None

    def safe_to_talk(self, connection: Connection, call_id: str) -> Say | None:
        """What whoever answers at the caller's hears first; None: nobody is to be asked."""
        order_no, number = order_of(call_id)
        kept = callbacks.of_order(connection, order_no)
        if kept is None or kept.tried_attempt != number:
            return None
        return Say(kept.safe_to_talk, kept.language, "safe_to_talk")

    def talks(self, connection: Connection, call_id: str) -> bool:
        """Has the key been pressed?"""
        kept = callbacks.of_order(connection, order_of(call_id)[0])
        return kept is not None and kept.connected_at is not None

    def lives(self, connection: Connection, call_id: str) -> bool:
        """Is there a callback still that this call was placed for?"""
        order_no, number = order_of(call_id)
        kept = callbacks.of_order(connection, order_no)
        return kept is not None and kept.attempts == number and kept.newer_order is None

    def not_placed(self, tx: Transaction, attempt: Attempt, at: datetime) -> None:
        """It could not be, and nothing rings."""
        one_at_a_time(tx.connection, MATCHING)
        self._settle(tx, attempt.id, Result.NOT_PLACED, at, None)

    def accepted(self, tx: Transaction, call_id: str, at: datetime) -> Try | None:
        """The counselor is on the line and accepts: the caller to ring, once. None: not any more,
        or not again."""
        one_at_a_time(tx.connection, MATCHING)
        going_on = self._going_on(tx.connection, call_id)
        if going_on is None:
            return None
        kept, part = going_on
        order_no, number = kept.order_no, kept.attempts
        caller = self.house.log.caller_id(tx.connection, order_no)
        if caller is None:
            self._number_gone(tx, kept, at)
            return None
        if not callbacks.begin_try(tx.connection, order_no, number):
            return None
        self.house.queues.hold_longer(tx.connection, part.offer_id, at + CALLER_AWAITED)
        self._note(tx, kept, at, "callback_tried", number=kept.tries + 1)
        return Try(caller, kept.safe_to_talk, kept.language)

    def about(self, connection: Connection, call_id: str) -> About:
        """What the counselor is told of it."""
        order_no, _ = order_of(call_id)
        c = orders.c
        row = connection.execute(
            select(
                c.topic,
                c.region_source,
                c.region_access,
                c.region_number,
                c.region_stated,
                c.id_trust,
            ).where(c.order_no == order_no)
        ).one()
        code = getattr(row, f"region_{row.region_source}") if row.region_source else None
        name = self.house.stations.regions.name(code) if code else None
        return About(order_no, row.topic, name, row.id_trust == TYPED)

    def connected(self, tx: Transaction, call_id: str, at: datetime, key: str = "1") -> bool:
        """Whoever answered has pressed a key of CONNECTS: they talk. False: not any more, and the
        two are not to be joined."""
        one_at_a_time(tx.connection, MATCHING)
        going_on = self._going_on(tx.connection, call_id)
        if going_on is None:
            return False
        kept, part = going_on
        if kept.tried_attempt != kept.attempts:
            return False
        if not callbacks.connected(tx.connection, kept.order_no, at):
            return True
        parts = self.house.queues.parts_held(tx.connection, kept.waits_as)
        changes = self.house.queues.note_answered(tx.connection, parts, part.counselor_id, at)
        self.house.applied(tx, changes)
        self._note(tx, kept, at, "callback_connected", number=kept.tries)
        if key in DANGER:
            place = waiting.place_of(tx.connection, kept.waits_as)
            before = Priority(place.call.priority) if place else Priority.NORMAL
            tx.notes.add(kept.order_no, at, notes_of_priority(before, DANGER[key]))
        self.house.offers.note_answered(tx, kept.order_no, part, at)
        return True

    def refused(self, tx: Transaction, call_id: str, at: datetime) -> None:
        """Whoever answered has pressed REFUSES. Of a callback that was agreed to in a call this
        says no more than any other key."""
        one_at_a_time(tx.connection, MATCHING)
        going_on = self._going_on(tx.connection, call_id)
        if going_on is None or not self._typed(tx.connection, going_on[0]):
            return
        number_flags.refuses_calls(tx.connection, going_on[0].caller_hash, at)
        self._note(tx, going_on[0], at, "callback_refused", actor="callee")

    def ended(
        self,
        tx: Transaction,
        call_id: str,
        result: Result,
        at: datetime,
        hung_up_by: str | None = None,
    ) -> None:
        """The placed call is over. `result`: how the caller's telephone ended where it was rung,
        else the counselor's. A second report changes nothing."""
        one_at_a_time(tx.connection, MATCHING)
        placed_calls.ended(tx.connection, call_id, result, at)
        self._settle(tx, call_id, result, at, hung_up_by)

    def to_look_at(self, connection: Connection, at: datetime) -> list[str]:
        """Orders for whose callback there is something to do by now."""
        unsettled = callbacks.unsettled(connection)
        ended = [kept for kept in unsettled if self._end_of(connection, kept) is not None]
        due = [
            kept
            for kept in callbacks.due(connection, at)
            if not (kept.unsettled and self._held(connection, kept) is not None)
        ]
        return list(dict.fromkeys(kept.order_no for kept in (*ended, *due)))

    def look_at(self, tx: Transaction, order_no: str, at: datetime) -> None:
        one_at_a_time(tx.connection, MATCHING)
        kept = callbacks.of_order(tx.connection, order_no)
        end = self._end_of(tx.connection, kept) if kept is not None else None
        if kept is not None and end is not None:
            self._settle(tx, attempt_id(order_no, kept.attempts), end, at, None)
            kept = callbacks.of_order(tx.connection, order_no)
        if kept is None or kept.due_at is None or kept.due_at > at or kept.connected_at is not None:
            return
        if kept.unsettled and self._held(tx.connection, kept) is not None:
            return
        within = timedelta(seconds=self._setting(kept, "callback_within_seconds"))
        if at >= kept.agreed_at + within:
            self._give_up(tx, kept, at)
        elif kept.newer_order is None and not kept.unsettled:
            self._show(tx, kept, at, anew=True)
        else:
            callbacks.rest_until(tx.connection, order_no, at + self._every(kept))

    def _end_of(self, connection: Connection, kept: Callback) -> Result | None:
        """How an attempt ended that nobody has seen to: as a carrier told, or never placed."""
        if not kept.unsettled:
            return None
        call = placed_calls.latest(connection, PURPOSE, _reference(kept.order_no, kept.attempts))
        if call is None:
            return Result.NOT_PLACED if self._held(connection, kept) is None else None
        return Result(call.result) if call.ended_at is not None and call.result else None

    def _settle(
        self, tx: Transaction, call_id: str, result: Result, at: datetime, by: str | None
    ) -> None:
        order_no, number = order_of(call_id)
        kept = callbacks.of_order(tx.connection, order_no)
        if kept is None or not callbacks.settle(tx.connection, order_no, number):
            return
        part = self._held(tx.connection, kept)
        if kept.connected_at is not None:
            self._talk_over(tx, kept, part, at, by)
        elif kept.tried_attempt == number:
            how = result.value
            self._note(tx, kept, at, "callback_not_answered", number=kept.tries, result=how)
            self._rest(tx, kept, at, self._every(kept))
            flags = number_flags.in_force(tx.connection, kept.caller_hash, at)
            declined = result is Result.NOT_ACCEPTED and self._typed(tx.connection, kept)
            if declined and Kind.NOT_CALLED in flags:
                # Nobody is to call there, people neither.
                self._cancelled(tx, kept, at, reason="refused")
                self._close(tx, kept, at, "callback_failed", None)
            elif (declined or self._tried_enough(kept)) and kept.newer_order is None:
                self._give_up(tx, kept, at)
        elif part is None:
            self._rest(tx, kept, at, NOT_PLACED_REST)
        elif result is Result.NOT_PLACED:
            self._note(tx, kept, at, "callback_not_placed", counselor=part.counselor_id)
            self.house.queues.not_rung(tx.connection, part, at)
            self._show(tx, kept, at)
            callbacks.rest_until(tx.connection, kept.order_no, at + NOT_PLACED_REST)
        else:
            self._counselor_missed(tx, kept, part, result, at)

    def _talk_over(
        self, tx: Transaction, kept: Callback, part: Offer | None, at: datetime, by: str | None
    ) -> None:
        if part is not None:
            changes = self.house.queues.offer_ended(
                tx.connection, kept.waits_as, part.offer_id, "answered", part.counselor_id, at
            )
            self.house.applied(tx, changes)
        self._close(tx, kept, at, "answered", by)

    def _counselor_missed(
        self, tx: Transaction, kept: Callback, part: Offer, result: Result, at: datetime
    ) -> None:
        """As any offer's end: the next counselor is looked for at once."""
        # Who picks up and doesn't accept has not answered; nor who accepts too late.
        how = result.value if result.value in OFFER_RESULTS else "no_answer"
        changes = self.house.queues.offer_ended(
            tx.connection, kept.waits_as, part.offer_id, how, None, at
        )
        self.house.applied(tx, changes)
        failed = [(part.counselor_id, how)]
        self.house.offers.note_failed(tx, kept, part.offer_id, failed, at)
        self._show(tx, kept, at)

    def _typed(self, connection: Connection, kept: Callback) -> bool:
        found = select(orders.c.id_trust).where(orders.c.order_no == kept.order_no)
        return connection.execute(found).scalar() == TYPED

    def _number_gone(self, tx: Transaction, kept: Callback, at: datetime) -> None:
        """It was deleted from the order, for whatever reason: there is nobody to ring."""
        self._cancelled(tx, kept, at, reason="number_deleted")
        self._close(tx, kept, at, "callback_failed", None)

    def _going_on(self, connection: Connection, call_id: str) -> tuple[Callback, Offer] | None:
        """The callback that a call was placed for, and whom it rings; None: not any more."""
        order_no, number = order_of(call_id)
        kept = callbacks.of_order(connection, order_no)
        part = self._held(connection, kept) if kept else None
        if kept is None or part is None or not kept.attempts == number > kept.settled:
            return None
        return kept, part


def attempt_id(order_no: str, number: int) -> str:
    return placed_calls.attempt_id(PURPOSE, _reference(order_no, number))


def order_of(call_id: str) -> tuple[str, int]:
    """The order of a placed call, and which of its attempts it is."""
    reference = call_id.split(":")[1]
    order_no, _, number = reference.rpartition("-")
    return order_no, int(number)


def _reference(order_no: str, number: int) -> str:
    return f"{order_no}-{number}"
