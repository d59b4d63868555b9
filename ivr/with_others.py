"""Work with others: what a counselor or supervisor asks about a running call, inside the
transaction of whoever takes the request or tells what happened.

A blind transfer is the end of the counselor's leg: the caller's Dial is over, and the flow goes on
with the same order, with other wishes and a place before all who came later. Until the leg has
ended nothing has changed: a request that can't be performed leaves the two talking.

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
from callflows.events import DialEnded, DialResult, Event, TransferRequested
from callflows.session import Session
from callflows.verbs import Dial
from ivr import desk_requests, sessions
from ivr.desk_requests import Kind, Request, State, TargetKind
from ivr.order_events import Note
from ivr.sessions import CallRow
from ivr.transaction import Transaction
from routing.waiting_call import Transfer
from workorders.order import orders

if TYPE_CHECKING:
    from ivr.house import House

EMERGENCY = frozenset({"police", "ambulance", "fire", "sms_police"})
"""Services of the directory to which the counselor stays on the line."""
PERFORMED_WITHIN = timedelta(seconds=10)
"""A leg that we end is gone by then, or can't be ended."""

o = orders.c


class Refused(Exception):
    """Why a request can't be performed, in one word for the page."""


@dataclass(frozen=True, slots=True)
class WithOthers:
    house: House

    def take(self, tx: Transaction, request: Request, at: datetime) -> bool:
        """Take a request that may be performed; False: it may not, which is written, or somebody
        else took it."""
        try:
            row = self._talking(tx, request)
            if request.kind is Kind.BLIND:
                self._may_go(tx, row, request, at)
        except Refused as why:
            desk_requests.step(tx.connection, request, State.FAILED, at, str(why))
            return False
        return desk_requests.step(tx.connection, request, State.TAKEN, at)

    def overdue(self, tx: Transaction, request: Request, at: datetime) -> None:
        """What was taken and hasn't come about for long never will."""
        if at - request.changed_at > PERFORMED_WITHIN:
            desk_requests.step(tx.connection, request, State.FAILED, at, "not_performed")

    def after_talk(self, tx: Transaction, row: CallRow, ended: DialEnded) -> Event:
        """What the flow hears of the end of a talk: that of a transfer, where one was taken."""
        if ended.result is not DialResult.ANSWERED:
            return ended
        for request in desk_requests.open_of_call(tx.connection, row.call_id):
            if request.kind is Kind.BLIND and request.state is State.TAKEN:
                return self._transferred(tx, row, request, ended.at)
        return ended

    def transfer_of(
        self, tx: Transaction, row: CallRow, session: Session, at: datetime
    ) -> Transfer | None:
        """How a call joins the queue that is being passed on."""
        name = session.values.get("transfer")
        request = desk_requests.get(tx.connection, name) if name else None
        if request is None or request.state is not State.RINGING:
            return None
        desk_requests.step(tx.connection, request, State.DONE, at)
        first = tx.connection.execute(select(o.t_queue).where(o.order_no == row.order_no)).scalar()
        to = request.target if request.target_kind is TargetKind.COUNSELOR else None
        return Transfer(request.counselor_id, first or at, to)

    def call_over(self, tx: Transaction, call_id: str, at: datetime) -> None:
        """Nothing is to be done for a call any more."""
        for request in desk_requests.open_of_call(tx.connection, call_id):
            under_way = request.state in (State.RINGING, State.TALKING)
            state, result = (State.DONE, "") if under_way else (State.FAILED, "call_over")
            desk_requests.step(tx.connection, request, state, at, result)

    def _talking(self, tx: Transaction, request: Request) -> CallRow:
        """The call, in which this counselor talks with the caller."""
        row = sessions.load(tx.connection, request.call_id)
        if row is None or row.ended_at is not None:
            raise Refused("call_over")
        verbs = sessions.verbs_from_json(row.verbs)
        last = verbs[-1] if verbs else None
        answered = None
        if isinstance(last, Dial) and last.kind == "offer":
            answered = self.house.answered_by(tx, last)
        if answered is None or answered[0] != request.counselor_id:
            raise Refused("not_talking")
        return row

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
                self.line(tx.connection, row, target)
            case TargetKind.NONE:
                raise Refused("unknown_target")

    def line(self, connection: Connection, row: CallRow, service: str) -> str:
        """The entry of a sister line for where the incident is. What a counselor was told leads;
        a number is a hint. Raises Refused where nothing may be dialled."""
        assert row.session is not None
        values = Session.from_json(row.session).values
        order = connection.execute(
            select(o.region_incident, o.region_stated).where(o.order_no == row.order_no)
        ).one()
        told = order.region_incident or order.region_stated
        access = self.house.stations.region_from_access(values["access_number"])
        entry = self.house.directory.find(
            service,
            told or values.get("region"),
            access.region if access else None,
            kinds=self.house.numbers[row.carrier],
            place_known=bool(told) or values.get("region_confidence") == "certain",
        )
        if entry is None:
            raise Refused("not_in_directory")
        return entry

    def _transferred(self, tx: Transaction, row: CallRow, request: Request, at: datetime) -> Event:
        kind, target = request.target_kind, request.target
        topic = target if kind is TargetKind.TOPIC else None
        entry = None
        if kind is TargetKind.LINE:
            # Withdrawn in this very second: somebody of ours takes the caller.
            with contextlib.suppress(Refused):
                entry = self.line(tx.connection, row, target)
        self._note(tx, request, at, {"topic": topic} if topic else {})
        desk_requests.step(tx.connection, request, State.RINGING, at)
        station = target if kind is TargetKind.STATION else None
        return TransferRequested(at, request.id, topic, station, entry)

    def _note(
        self, tx: Transaction, request: Request, at: datetime, columns: dict[str, str]
    ) -> None:
        told = {"target_kind": str(request.target_kind), "target": request.target}
        if request.asked_by != f"counselor:{request.counselor_id}":
            told["counselor"] = request.counselor_id
        note = Note("passed_on", request.asked_by, told, columns)
        self.house.note(tx, request.order_no, at, [note])
