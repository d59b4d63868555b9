"""Callbacks as callers see them, inside the transaction of whoever tells what happened: what a call
asks, and what its end or another call of the same number means for the callback.

While a call of the same number is on the line nobody is called back; once it waits for a counselor,
or has reached anybody, the callback is over. A call in danger has no callback: it is never put in
another place than its own, nor redialled by machine where it drops.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from callflows.data_dips import KeepCallback
from config.database import MATCHING, one_at_a_time
from ivr.caller_number import own_telephone
from ivr.kept_callbacks import KeptCallbacks
from ivr.order_events import Note
from ivr.sessions import CallRow
from ivr.transaction import Transaction
from routing import callbacks, waiting
from routing.callbacks import Callback
from routing.priority import SILENT_CONFIRMED
from workorders.personal import caller_hash

OUTCOME = "callback"
"""Of a call that ends with an agreement: its order stays open."""
REACHED = frozenset({"answered", "transferred", "voicemail"})
"""Outcomes of a call that has come to a person, or left them a message."""


@dataclass(frozen=True, slots=True)
class Callbacks(KeptCallbacks):
    def possible(self, tx: Transaction, row: CallRow, at: datetime) -> bool:
        """Out by the carrier that brought the call, to a telephone of the caller's own, for a call
        that waits."""
        house = self.house
        place = waiting.place_of(tx.connection, row.call_id)
        if place is None or place.call.priority >= SILENT_CONFIRMED:
            return False
        if "international" not in house.numbers[row.carrier]:
            return False
        number = house.log.caller_id(tx.connection, row.order_no)
        if number is None or not own_telephone(number):
            return False
        return not house.arrivals.many_share(tx.connection, number, at)

    def keep(self, tx: Transaction, row: CallRow, dip: KeepCallback, at: datetime) -> bool:
        """The caller agreed. False: it has become impossible meanwhile."""
        place = waiting.place_of(tx.connection, row.call_id)
        if place is None or not self.possible(tx, row, at):
            return False
        number = self.house.log.caller_id(tx.connection, row.order_no)
        assert number is not None
        name = callbacks.waits_as(row.call_id)
        self.house.applied(tx, self.house.queues.keep(tx.connection, row.call_id, name, at))
        kept = Callback(
            row.order_no, name, row.carrier, place.call.home,
            caller_hash(self.house.log.keys, number),
            dip.safe_to_talk, dip.language, at,
        )  # fmt: skip
        callbacks.add(tx.connection, kept)
        self._note(tx, kept, at, "callback_agreed", actor="caller")
        return True

    def caller_left(
        self, tx: Transaction, order_no: str, outcome: str, at: datetime, *, danger: bool
    ) -> bool:
        """A call is over: from now on the callback waits that was agreed in it. False: there is
        none, or the call has come to something else since."""
        self._newer_call_over(tx, order_no, outcome, at, danger)
        kept = callbacks.of_order(tx.connection, order_no)
        if kept is None:
            return False
        if danger or outcome not in (OUTCOME, "failed"):
            self._cancelled(tx, kept, at, reason="danger" if danger else outcome)
            return False
        self._note(tx, kept, at, "callback_waits")
        self._show(tx, kept, at)
        return True

    def taken_back(self, tx: Transaction, order_no: str, at: datetime) -> datetime | None:
        """The caller waits on the line again; since when, None where there is no callback."""
        if callbacks.of_order(tx.connection, order_no) is None:
            return None
        one_at_a_time(tx.connection, MATCHING)
        kept = callbacks.of_order(tx.connection, order_no)
        return self._cancelled(tx, kept, at, reason="waits_on_the_line") if kept else None

    def caller_is_back(self, tx: Transaction, number: str, order_no: str, at: datetime) -> None:
        """A call from this number has come, whose order is `order_no`."""
        hashed = caller_hash(self.house.log.keys, number)
        if not callbacks.of_caller(tx.connection, hashed):
            return
        one_at_a_time(tx.connection, MATCHING)
        for kept in callbacks.of_caller(tx.connection, hashed):
            # Of one that is agreed in a call that is still there, that call decides.
            if kept.connected_at is None and kept.due_at is not None:
                callbacks.rest_for(tx.connection, kept.order_no, order_no)
                self._rest(tx, kept, at, self._every(kept))

    def waits_since(self, connection: Connection, order_no: str) -> datetime | None:
        """When the place was taken that this order's call may take over; None: there is none."""
        places = [
            place
            for kept in callbacks.of_newer_order(connection, order_no)
            if (place := waiting.place_of(connection, kept.waits_as))
        ]
        return min((place.call.enqueued_at for place in places), default=None)

    def called_again(self, tx: Transaction, order_no: str, at: datetime) -> None:
        """This order's call waits, or has reached somebody, in place of what was to go there."""
        for kept in callbacks.of_newer_order(tx.connection, order_no):
            self._cancelled(tx, kept, at, reason="called_again", order=order_no)
            self._close(tx, kept, at, "called_again", "caller")
            taken = Note("callback_taken_over", "engine", {"order": kept.order_no})
            tx.notes.add(order_no, at, [taken])

    def _newer_call_over(
        self, tx: Transaction, order_no: str, outcome: str, at: datetime, danger: bool
    ) -> None:
        """Whoever rang in and reached nobody is called back as before."""
        if danger or outcome in REACHED:
            self.called_again(tx, order_no, at)
        for kept in callbacks.of_newer_order(tx.connection, order_no):
            callbacks.rest_for(tx.connection, kept.order_no, None)
            if self._tried_enough(kept) and not kept.unsettled:
                self._give_up(tx, kept, at)
            elif not kept.unsettled:
                self._show(tx, kept, at)
