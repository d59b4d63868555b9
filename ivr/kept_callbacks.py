"""What becomes of a callback, whoever says so: it waits, it rests, it is over. All in the
transaction of whoever tells what happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from ivr.order_events import Note
from ivr.transaction import Transaction
from routing import callbacks, offers, waiting
from routing.callbacks import Callback
from routing.offers import Offer
from routing.stations import NATION
from workorders.decisions import record_outcome
from workorders.life import Case
from workorders.life_cycle import State

if TYPE_CHECKING:
    from ivr.house import House

TASK = "回拨未通"
"""The unified fields' word for a caller whom nobody reached."""


@dataclass(frozen=True, slots=True)
class KeptCallbacks:
    house: House

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
        self._close(tx, kept, at, "callback_failed", None)
        case = Case(tx.connection, self.house.log, kept.order_no, at, "engine")
        if case.state is not State.CLOSED:
            record_outcome(case, TASK)

    def _close(
        self, tx: Transaction, kept: Callback, at: datetime, outcome: str, by: str | None
    ) -> None:
        callbacks.delete(tx.connection, kept.order_no)
        tx.notes.close(kept.order_no, at, outcome, by)

    def _show(self, tx: Transaction, kept: Callback, at: datetime, *, anew: bool = False) -> None:
        """`anew`: whoever failed it before may be asked once more."""
        place = waiting.place_of(tx.connection, kept.waits_as)
        if anew and place is not None and place.call.excluded:
            self._note(tx, kept, at, "callback_asks_anew")
        changes = self.house.queues.show(tx.connection, kept.waits_as, at, anew=anew)
        self.house.applied(tx, changes)
        # Looked at again later: what is held for it may run out unseen.
        callbacks.rest_until(tx.connection, kept.order_no, at + self._every(kept))

    def _rest(self, tx: Transaction, kept: Callback, at: datetime, rest: timedelta) -> None:
        self.house.applied(tx, self.house.queues.rest(tx.connection, kept.waits_as, at))
        callbacks.rest_until(tx.connection, kept.order_no, at + rest)

    def _held(self, connection: Connection, kept: Callback) -> Offer | None:
        """Who is held for the callback. Of a weak home and the centre that covers it, whoever
        covers: no place is rung in vain for a caller who waits."""
        parts = offers.of_call(connection, kept.waits_as)
        covering = [part for part in parts if part.station != kept.home]
        return min(covering or parts, key=lambda part: part.counselor_id, default=None)

    def _tried_enough(self, kept: Callback) -> bool:
        return kept.tries >= self._setting(kept, "callback_tries")

    def _every(self, kept: Callback) -> timedelta:
        return timedelta(seconds=self._setting(kept, "callback_every_seconds"))

    def _setting(self, kept: Callback, name: str) -> int:
        """Of the caller's home station, or the nation's where that is no longer in the tree."""
        stations = self.house.stations
        return int(stations.setting(kept.home if kept.home in stations else NATION, name))

    def _note(
        self, tx: Transaction, kept: Callback, at: datetime, kind: str, actor: str = "engine",
        **data: str | int,
    ) -> None:  # fmt: skip
        tx.notes.add(kept.order_no, at, [Note(kind, actor, data)])
