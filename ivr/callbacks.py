"""Callbacks, inside the transaction of whoever tells what happened: the law of them.

A counselor is rung first, and the caller's telephone only once that counselor has accepted. Each
time a counselor is rung is an attempt, a row of `placed_calls` that is committed before anything
rings; in an attempt the caller's telephone is rung once, committed before too, so nothing that
dies or is told twice makes it ring again. What became of the caller is no counselor's fault. A
caller whom nobody reached in so many tries, or so long, is a task for the station.

Whoever calls again isn't called back. A call in danger has no callback: it is never put in another
place than its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from callflows.data_dips import KeepCallback
from ivr import placed_calls
from ivr.caller_number import own_telephone
from ivr.order_events import Note
from ivr.placed_calls import AlreadyRinging, PlacedCall, Result
from ivr.sessions import CallRow
from ivr.transaction import Transaction
from routing import callbacks, offers, waiting
from routing.callbacks import Callback
from routing.offers import Offer
from routing.router import SILENT_CONFIRMED
from workorders.log import Entry
from workorders.personal import caller_hash

if TYPE_CHECKING:
    from ivr.house import House

PURPOSE = "callback"
OUTCOME = "callback"
"""Of a call that ends with an agreement: its order stays open."""
TASK = "回拨未通"
"""The unified fields' word for a caller whom nobody reached."""
NOT_PLACED_REST = timedelta(seconds=60)
"""Where nothing could be rung at all."""
SAFE_SECONDS = 30
"""The safe-to-talk question and the time for its answer, at the most."""
CALLER_RINGS = 30


@dataclass(frozen=True, slots=True)
class Attempt:
    """A counselor to ring, committed. `id` is the attempt's; `offer_id` tells the telephones."""

    id: str
    order_no: str
    waits_as: str
    counselor_id: str
    offer_id: str
    ring_seconds: int


@dataclass(frozen=True, slots=True)
class Try:
    """A caller to ring, committed: E.164, and what whoever answers hears first."""

    number: str
    safe_to_talk: str
    language: str
    ring_seconds: int = CALLER_RINGS


@dataclass(frozen=True, slots=True)
class Callbacks:
    house: House

    # What the first call asks and does.

    def possible(self, tx: Transaction, row: CallRow) -> bool:
        """Out on a trunk of ours, to a telephone of the caller's own, for a call that waits."""
        house = self.house
        place = waiting.place_of(tx.connection, row.call_id)
        if place is None or place.call.priority >= SILENT_CONFIRMED:
            return False
        if "national" not in house.numbers[row.carrier]:
            return False
        number = house.log.caller_id(tx.connection, row.order_no)
        return number is not None and own_telephone(number) and not house.directory.has(number)

    def keep(self, tx: Transaction, row: CallRow, dip: KeepCallback, at: datetime) -> bool:
        """The caller agreed. False: it has become impossible meanwhile."""
        if not self.possible(tx, row):
            return False
        number = self.house.log.caller_id(tx.connection, row.order_no)
        assert number is not None
        name = callbacks.waits_as(row.call_id)
        self.house.applied(tx, self.house.queues.keep(tx.connection, row.call_id, name, at))
        kept = Callback(
            row.order_no, name, row.carrier, caller_hash(self.house.log.keys, number),
            dip.safe_to_talk, dip.language, at,
        )  # fmt: skip
        callbacks.add(tx.connection, kept)
        self._note(tx, kept, at, "callback_agreed", actor="caller")
        return True

    def caller_left(self, tx: Transaction, row: CallRow, at: datetime) -> bool:
        """The first call is over: from now on its callback waits. False: there is none."""
        kept = callbacks.of_order(tx.connection, row.order_no)
        if kept is None:
            return False
        self._note(tx, kept, at, "callback_waits")
        self._show(tx, kept, at)
        return True

    def taken_back(self, tx: Transaction, order_no: str, at: datetime) -> datetime | None:
        """The caller waits on the line again; since when, None where there is no callback."""
        kept = callbacks.of_order(tx.connection, order_no)
        return self._cancelled(tx, kept, at, reason="waits_on_the_line") if kept else None

    def called_again(
        self, tx: Transaction, number: str, order_no: str, at: datetime
    ) -> datetime | None:
        """A call from this number has come, whose order is `order_no`: it takes the place of the
        callback that was to go there. Since when that waits; None where there is none."""
        since = None
        hashed = caller_hash(self.house.log.keys, number)
        for kept in callbacks.of_caller(tx.connection, hashed):
            if kept.connected_at is None:
                took = self._cancelled(tx, kept, at, reason="called_again", order=order_no)
                since = since or took
                self._close(tx, kept, at, "called_again", "caller")
                taken = Note("callback_taken_over", "engine", {"order": kept.order_no})
                self.house.note(tx, order_no, at, [taken])
        return since

    # What time brings.

    def tick(self, tx: Transaction, at: datetime) -> None:
        for kept in callbacks.due(tx.connection, at):
            if self._live_attempt(tx, kept) is not None:
                continue
            within = self._setting(tx, kept, "callback_within_seconds")
            if within is None or at >= kept.agreed_at + timedelta(seconds=within):
                self._give_up(tx, kept, at)
            else:
                self._show(tx, kept, at)

    # What the carrier does, and what comes of it.

    def begin(self, tx: Transaction, name: str, at: datetime) -> Attempt | None:
        """The attempt to place for whom a counselor is held, committed with this transaction.
        None: there is nobody held, or another attempt lives."""
        kept = callbacks.waiting_as(tx.connection, name)
        part = self._held(tx, kept) if kept else None
        if kept is None or part is None or self._live_attempt(tx, kept) is not None:
            return None
        number = kept.attempts + 1
        attempt_id = placed_calls.attempt_id(PURPOSE, kept.order_no, number)
        destination = caller_hash(self.house.log.keys, part.counselor_id)
        call = PlacedCall(attempt_id, kept.carrier, part.counselor_id, destination, at)
        try:
            placed_calls.commit(tx.connection, call)
        except AlreadyRinging:
            return None
        callbacks.begin_attempt(tx.connection, kept.order_no, number)
        self.house.note_ringing(tx, kept.order_no, part.offer_id, at)
        return Attempt(
            attempt_id, kept.order_no, name, part.counselor_id, part.offer_id, part.ring_seconds
        )

    def accepted(self, tx: Transaction, attempt_id: str, at: datetime) -> Try | None:
        """The counselor is on the line and accepts: the caller to ring, once. None: not any more,
        or not again."""
        kept, attempt = self._of(tx, attempt_id)
        part = self._held(tx, kept) if kept else None
        if kept is None or part is None or attempt != kept.attempts:
            return None
        number = self.house.log.caller_id(tx.connection, kept.order_no)
        if number is None or not callbacks.begin_try(tx.connection, kept.order_no, attempt):
            return None
        # Whoever is on the line was placed, even if nobody heard the carrier say so.
        placed_calls.placed(tx.connection, attempt_id, attempt_id, at)
        until = at + timedelta(seconds=CALLER_RINGS + 2 * SAFE_SECONDS)
        self.house.queues.hold_longer(tx.connection, part.offer_id, until)
        self._note(tx, kept, at, "callback_tried", number=kept.tries + 1)
        return Try(number, kept.safe_to_talk, kept.language)

    def connected(self, tx: Transaction, attempt_id: str, at: datetime) -> None:
        """Whoever answered has pressed the key: they talk."""
        kept, attempt = self._of(tx, attempt_id)
        part = self._held(tx, kept) if kept else None
        if kept is None or part is None or kept.tried_attempt != attempt:
            return
        if not callbacks.connected(tx.connection, kept.order_no, at):
            return
        queues = self.house.queues
        changes = queues.note_answered(tx.connection, [part], part.counselor_id, at)
        self.house.applied(tx, changes)
        self._note(tx, kept, at, "callback_connected", number=kept.tries)
        self.house.note_answered(tx, kept.order_no, part, at)

    def ended(
        self,
        tx: Transaction,
        attempt_id: str,
        result: Result,
        at: datetime,
        hung_up_by: str | None = None,
    ) -> None:
        """An attempt is over. `result`: how the caller's telephone ended where it was rung, else
        the counselor's. A second report changes nothing."""
        if not placed_calls.ended(tx.connection, attempt_id, result, at):
            return
        kept, attempt = self._of(tx, attempt_id)
        if kept is None or attempt != kept.attempts:
            return
        part = self._held(tx, kept)
        if kept.connected_at is not None:
            self._talk_over(tx, kept, part, at, hung_up_by)
        elif kept.tried_attempt == attempt:
            how = result.value
            self._note(tx, kept, at, "callback_not_answered", number=kept.tries, result=how)
            self._rest(tx, kept, at, self._every(tx, kept))
            tries = self._setting(tx, kept, "callback_tries")
            if tries is None or kept.tries >= tries:
                self._give_up(tx, kept, at)
        elif part is None or result is Result.NOT_PLACED:
            self._rest(tx, kept, at, NOT_PLACED_REST)
        else:
            self._counselor_missed(tx, kept, part, result, at)

    # Pieces.

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
        # Who picks up and doesn't accept has not answered.
        how = "no_answer" if result is Result.NOT_ACCEPTED else result.value
        changes = self.house.queues.offer_ended(
            tx.connection, kept.waits_as, part.offer_id, how, None, at
        )
        self.house.applied(tx, changes)
        failed = [(part.counselor_id, how)]
        self.house.note_failed(tx, kept, part.offer_id, failed, at)

    def _cancelled(
        self, tx: Transaction, kept: Callback, at: datetime, **why: str
    ) -> datetime | None:
        place = waiting.place_of(tx.connection, kept.waits_as)
        self.house.applied(tx, self.house.queues.leave(tx.connection, kept.waits_as, at))
        self._note(tx, kept, at, "callback_cancelled", **why)
        callbacks.delete(tx.connection, kept.order_no)
        return place.call.enqueued_at if place else None

    def _give_up(self, tx: Transaction, kept: Callback, at: datetime) -> None:
        self.house.applied(tx, self.house.queues.leave(tx.connection, kept.waits_as, at))
        self._note(tx, kept, at, "callback_failed", tries=kept.tries)
        self._close(tx, kept, at, "callback_failed", None, outcomes=[TASK])

    def _close(
        self, tx: Transaction, kept: Callback, at: datetime, outcome: str, by: str | None,
        **columns: Any,
    ) -> None:  # fmt: skip
        callbacks.delete(tx.connection, kept.order_no)
        closing = Entry.closing(at, outcome, by, **columns)
        tx.entries.setdefault(kept.order_no, []).append(closing)

    def _show(self, tx: Transaction, kept: Callback, at: datetime) -> None:
        # Looked at again later: what is held for it may run out unseen.
        callbacks.rest_until(tx.connection, kept.order_no, at + self._every(tx, kept))
        self.house.applied(tx, self.house.queues.show(tx.connection, [kept.waits_as], at))

    def _rest(self, tx: Transaction, kept: Callback, at: datetime, rest: timedelta) -> None:
        callbacks.rest_until(tx.connection, kept.order_no, at + rest)
        self.house.applied(tx, self.house.queues.rest(tx.connection, kept.waits_as, at))

    def _of(self, tx: Transaction, attempt_id: str) -> tuple[Callback | None, int]:
        order_no, number = order_of(attempt_id)
        return callbacks.of_order(tx.connection, order_no), number

    def _held(self, tx: Transaction, kept: Callback) -> Offer | None:
        """Who is held for the callback."""
        return next(iter(offers.of_call(tx.connection, kept.waits_as)), None)

    def _live_attempt(self, tx: Transaction, kept: Callback) -> PlacedCall | None:
        if not kept.attempts:
            return None
        attempt_id = placed_calls.attempt_id(PURPOSE, kept.order_no, kept.attempts)
        call = placed_calls.load(tx.connection, attempt_id)
        return call if call is not None and call.ended_at is None else None

    def _every(self, tx: Transaction, kept: Callback) -> timedelta:
        seconds = self._setting(tx, kept, "callback_every_seconds")
        return timedelta(seconds=seconds) if seconds is not None else NOT_PLACED_REST

    def _setting(self, tx: Transaction, kept: Callback, name: str) -> int | None:
        """Of the caller's home station; None where the place is gone."""
        place = waiting.place_of(tx.connection, kept.waits_as)
        if place is None:
            return None
        return int(getattr(self.house.stations.settings(place.call.home), name))

    def _note(
        self, tx: Transaction, kept: Callback, at: datetime, kind: str, actor: str = "engine",
        **data: str | int,
    ) -> None:  # fmt: skip
        self.house.note(tx, kept.order_no, at, [Note(kind, actor, data)])


def order_of(attempt_id: str) -> tuple[str, int]:
    """The order and the number of an attempt. Raises ValueError for another purpose's."""
    purpose, order_no, number = attempt_id.split(":")
    if purpose != PURPOSE:
        raise ValueError(f"{purpose} is no callback")
    return order_no, int(number)
