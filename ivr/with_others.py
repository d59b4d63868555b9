"""Work with others: what a counselor or supervisor asks about a running call, inside the
transaction of whoever takes the request or tells what happened.

A blind transfer is the end of the counselor's leg: the caller's Dial is over, and the flow goes on
with the same order, with other wishes and a place before all who came later. Until the leg has
ended nothing has changed: a request that can't be performed leaves the two talking.

Whoever is asked in (`ivr.asked_in`) meets the counselor, and then the caller, in a conference named
by the order. Whoever monitors (`ivr.monitoring`) changes nothing of the talk.

Harassment ends likewise, with the warning in the place of another wait; nothing of the order says
so before the caller has gone, for `*` in the warning is danger as everywhere.

An emergency line is never transferred to blind, and of one whose place isn't known nothing is
dialled. The first responder never changes, and the handler only by an accepted handover: talking
with a caller is neither.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from agents import presence
from callflows.data_dips import TalkStatus
from callflows.events import (
    CallerJoins,
    CallerParked,
    DialEnded,
    DialResult,
    Event,
    TalkOver,
    TransferRequested,
    WarningRequested,
)
from callflows.session import Session
from ivr import desk_requests, heard_keys, sessions
from ivr.asked_in import EMERGENCY, AskedIn, Refused, sister_line
from ivr.desk_requests import Kind, Request, State, TargetKind
from ivr.monitoring import Monitoring
from ivr.order_events import Note
from ivr.sessions import CallRow
from ivr.transaction import Transaction
from routing import offers
from routing.waiting_call import Transfer
from workorders.order import orders

if TYPE_CHECKING:
    from ivr.house import House

PERFORMED_WITHIN = timedelta(seconds=10)
"""A leg that we end is gone by then, or can't be ended."""
TO_QUEUE = "to_queue"
"""The result of a request by which the caller goes to the queue."""

o = orders.c


@dataclass(frozen=True, slots=True)
class WithOthers:
    house: House

    @property
    def asked_in(self) -> AskedIn:
        return AskedIn(self.house)

    @property
    def monitoring(self) -> Monitoring:
        return Monitoring(self.house)

    def take(self, tx: Transaction, request: Request, at: datetime) -> bool:
        """Take a request that may be performed; False: it may not, which is written, or somebody
        else took it."""
        try:
            row = self._talking(tx, request)
            if request.kind not in desk_requests.performed(tx.connection, row):
                raise Refused("not_on_this_line")
            if request.monitors or request.kind is Kind.LEAVE:
                return self.monitoring.take(tx, row, request, at)
            if not request.ends_the_talk:
                return self.asked_in.take(tx, row, request, at)
            self.asked_in.may_be_left(tx, row.call_id)
            if request.kind is Kind.BLIND:
                self._may_go(tx, row, request, at)
        except Refused as why:
            desk_requests.step(tx.connection, request, State.FAILED, at, str(why))
            return False
        return desk_requests.step(tx.connection, request, State.TAKEN, at)

    def overdue(self, tx: Transaction, request: Request, at: datetime) -> bool:
        """What was taken and hasn't come about for long never will."""
        if at - request.changed_at <= PERFORMED_WITHIN:
            return False
        desk_requests.step(tx.connection, request, State.FAILED, at, "not_performed")
        return True

    def moved(self, tx: Transaction, row: CallRow, ended: DialEnded) -> Event | None:
        """What the flow hears of the end of a Dial that a conference takes over from."""
        if ended.result is not DialResult.ANSWERED:
            return None
        for request in desk_requests.open_of_call(tx.connection, row.call_id):
            if request.adds_somebody and request.state is State.TALKING:
                return CallerParked(ended.at)
            # Or whoever was asked in has left already, and the counselor is alone there.
            if request.adds_somebody and request.state in (State.JOINED, State.ENDING):
                return CallerJoins(ended.at)
        return None

    def passed_on(self, tx: Transaction, row: CallRow, ended: DialEnded) -> Event | None:
        """What the flow hears of the end of a talk, where a transfer was taken."""
        if ended.result is not DialResult.ANSWERED:
            return None
        return self._taken(tx, row, ended.at)

    def talk_status(self, tx: Transaction, row: CallRow, dip: TalkStatus, at: datetime) -> Event:
        """Where a caller belongs who isn't in a Dial any more. Never with nobody: whom everybody
        left without a word goes to the queue."""
        transferred = self._taken(tx, row, at)
        if transferred is not None:
            self._all_over(tx, row, at)
            return transferred
        if dip.recalled:
            self.asked_in.recalled(tx, row, at)
        requests = desk_requests.open_of_call(tx.connection, row.call_id)
        private = [one for one in requests if one.adds_somebody and one.state is State.TALKING]
        parts = offers.of_call(tx.connection, row.call_id)
        talks = [part.answered_at for part in parts if part.answered_at is not None]
        if private and talks:
            return CallerParked(at)
        joined = any(one.adds_somebody and one.state is State.JOINED for one in requests)
        if not dip.alone and (joined or talks) and not self._conference_over(row):
            return CallerJoins(at)
        self._all_over(tx, row, at)
        if dip.alone or not self._conference_over(row):
            lost = self._lost(tx, row, at)
            if lost is not None:
                return lost
        return TalkOver(at, round((at - min(talks, default=at)).total_seconds()))

    def parked(self, connection: Connection, call_id: str) -> bool:
        """Does somebody talk with whoever was asked in, while the caller hears music?"""
        return any(
            request.adds_somebody and request.state is State.TALKING
            for request in desk_requests.open_of_call(connection, call_id)
        )

    def transfer_of(
        self, tx: Transaction, row: CallRow, session: Session, at: datetime
    ) -> Transfer | None:
        """How a call joins the queue that is being passed on."""
        name = session.values.get("transfer")
        request = desk_requests.get(tx.connection, name) if name else None
        if request is None or request.result != TO_QUEUE:
            return None
        desk_requests.step(tx.connection, request, State.DONE, at)
        first = tx.connection.execute(select(o.t_queue).where(o.order_no == row.order_no)).scalar()
        to_somebody = request.kind is Kind.BLIND and request.target_kind is TargetKind.COUNSELOR
        return Transfer(request.counselor_id, first or at, request.target if to_somebody else None)

    def warned(self, tx: Transaction, row: CallRow, at: datetime) -> None:
        """The call is over with the warning, as the counselor asked."""
        for request in desk_requests.of_order(tx.connection, row.order_no):
            if request.kind is Kind.WARN and request.state is State.DONE:
                tx.notes.warned(row.order_no, at, request.asked_by)

    def call_over(self, tx: Transaction, call_id: str, at: datetime) -> None:
        """The caller is gone: whoever is still there, or is rung, is hung up."""
        for request in desk_requests.open_of_call(tx.connection, call_id):
            if request.state is State.ENDING:
                continue
            under_way = request.state in (State.RINGING, State.TALKING, State.JOINED)
            if under_way and request.kind is not Kind.BLIND:
                desk_requests.step(tx.connection, request, State.ENDING, at, "call_over")
            elif under_way:
                desk_requests.step(tx.connection, request, State.DONE, at)
            else:
                desk_requests.step(tx.connection, request, State.FAILED, at, "call_over")

    def _talking(self, tx: Transaction, request: Request) -> CallRow:
        """The call, in which this counselor talks."""
        row = sessions.load(tx.connection, request.call_id)
        if row is None or row.ended_at is not None:
            raise Refused("call_over")
        for part in offers.of_call(tx.connection, request.call_id):
            if part.answered_at is not None and part.counselor_id == request.counselor_id:
                return row
        raise Refused("not_talking")

    def _may_go(self, tx: Transaction, row: CallRow, request: Request, at: datetime) -> None:
        house, target = self.house, request.target
        match request.target_kind:
            case TargetKind.COUNSELOR:
                person = presence.free_person(tx.connection, target, at)
                if person is None or target == request.counselor_id:
                    raise Refused("not_free")
                if not person.counselor.kinds & house.reached(row):
                    raise Refused("not_reached")
            case TargetKind.TOPIC:
                if not target:
                    raise Refused("unknown_target")
            case TargetKind.STATION:
                if target not in house.stations:
                    raise Refused("unknown_target")
            case TargetKind.LINE:
                if target in EMERGENCY:
                    raise Refused("never_blind")
                sister_line(house, tx.connection, row, target)
            case TargetKind.NONE:
                raise Refused("unknown_target")

    def _taken(
        self, tx: Transaction, row: CallRow, at: datetime
    ) -> TransferRequested | WarningRequested | None:
        """The transfer that was taken for this call, under way from now on; or its end."""
        requests = desk_requests.open_of_call(tx.connection, row.call_id)
        taken = (r for r in requests if r.ends_the_talk and r.state is State.TAKEN)
        request = next(taken, None)
        if request is None:
            return None
        if request.kind is Kind.WARN:
            desk_requests.step(tx.connection, request, State.DONE, at)
            heard_keys.forget(tx.connection, row.call_id)
            return WarningRequested(at)
        kind, target = request.target_kind, request.target
        topic = target if kind is TargetKind.TOPIC else None
        entry = None
        if kind is TargetKind.LINE:
            # Withdrawn in this very second: somebody of ours takes the caller.
            with contextlib.suppress(Refused):
                entry = sister_line(self.house, tx.connection, row, target)
        told = {"target_kind": str(kind), "target": target, "counselor": request.counselor_id}
        columns = {"topic": topic} if topic else {}
        tx.notes.add(row.order_no, at, [Note("passed_on", request.asked_by, told, columns)])
        desk_requests.step(tx.connection, request, State.RINGING, at, TO_QUEUE)
        heard_keys.forget(tx.connection, row.call_id)
        station = target if kind is TargetKind.STATION else None
        return TransferRequested(at, request.id, topic, station, entry)

    def _conference_over(self, row: CallRow) -> bool:
        return sessions.verbs_from_json(row.verbs)[-1:] == sessions.IN_CONFERENCE

    def _all_over(self, tx: Transaction, row: CallRow, at: datetime) -> None:
        """Nobody of ours talks with the caller any more."""
        self.house.applied(tx, self.house.queues.call_ended(tx.connection, row.call_id, at))

    def _lost(self, tx: Transaction, row: CallRow, at: datetime) -> TransferRequested | None:
        """The caller was left with music, and nobody came back."""
        for request in reversed(desk_requests.of_order(tx.connection, row.order_no)):
            if request.call_id == row.call_id and request.adds_somebody:
                desk_requests.step(tx.connection, request, request.state, at, TO_QUEUE)
                note = Note("left_alone", "engine", {"counselor": request.counselor_id})
                tx.notes.add(row.order_no, at, [note])
                return TransferRequested(at, request.id)
        return None
