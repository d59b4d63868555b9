"""A supervisor listens to a talk, whispers to the counselor or joins, of their own accord or called
by the counselor. The talk itself is left as it is: whoever monitors may come, change how, and go.
Each of these is an event of the order, and the console's audit has it, too.

Whoever monitors is held meanwhile, under the name of the leg by which they do: no call is offered
to them. Who isn't on duty may monitor all the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from agents import presence
from agents.counselor import HELD
from agents.counselor import State as Presence
from agents.roster import Role
from callflows.events import DialResult
from config.database import MATCHING, one_at_a_time
from ivr import desk_requests
from ivr.asked_in import LEG, Refused
from ivr.desk_requests import Kind, Request, State
from ivr.order_events import Note
from ivr.sessions import CallRow
from ivr.transaction import Transaction
from routing import offers

if TYPE_CHECKING:
    from ivr.house import House

ORDER_KINDS = {
    Kind.HELP: "help_called", Kind.LISTEN: "listened", Kind.WHISPER: "whispered",
    Kind.JOIN: "barged_in",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Monitoring:
    house: House

    def take(self, tx: Transaction, row: CallRow, request: Request, at: datetime) -> bool:
        """Raises Refused."""
        there = self._there(tx, row.call_id, request)
        leg = LEG + request.id
        if request.kind is Kind.LEAVE:
            if there is None:
                raise Refused("nobody_listens")
            desk_requests.step(tx.connection, there, State.ENDING, at, "left")
            return desk_requests.step(tx.connection, request, State.DONE, at)
        if request.kind is Kind.HELP:
            if there is not None:
                raise Refused("already_called")
            who = self._supervisor(tx, row, request, at)
            self._hold(tx, who, leg, at)
            self._note(tx, request, at, who)
            return desk_requests.step(
                tx.connection, request, State.RINGING, at, leg=leg, target=who
            )
        if there is not None and there.state is State.TALKING:
            # By the telephone that is off the hook already.
            desk_requests.step(tx.connection, there, State.DONE, at, "changed")
            self._note(tx, request, at, request.target)
            return desk_requests.step(
                tx.connection, request, State.TALKING, at, "changed", leg=there.leg
            )
        if there is not None:
            raise Refused("already_rings")
        self._hold(tx, request.target, leg, at)
        return desk_requests.step(tx.connection, request, State.RINGING, at, leg=leg)

    def answered(self, tx: Transaction, request: Request, at: datetime) -> bool:
        """The supervisor has picked up. False: nobody waits for them any more."""
        if request.state is not State.RINGING:
            return False
        if not desk_requests.step(tx.connection, request, State.TALKING, at):
            return False
        if request.kind is not Kind.HELP:
            self._note(tx, request, at, request.target)
        presence.answer(tx.connection, request.target, _held_by(request), at)
        return True

    def over(self, tx: Transaction, request: Request, result: DialResult, at: datetime) -> None:
        """The supervisor's leg has ended; `result` counts where it never began."""
        if request.state not in (State.RINGING, State.TALKING, State.ENDING):
            return
        # Whoever writes to the queue's people does it one at a time, before anything else.
        one_at_a_time(tx.connection, MATCHING)
        never = request.state is State.RINGING
        how = str(result) if never else request.result or "left"
        state = State.FAILED if never else State.DONE
        if desk_requests.step(tx.connection, request, state, at, how):
            presence.release(tx.connection, request.target, _held_by(request), at)
            self.house.counselors_changed(tx, at)

    def _hold(self, tx: Transaction, who: str, leg: str, at: datetime) -> None:
        """Raises Refused: another call has them."""
        one_at_a_time(tx.connection, MATCHING)
        if presence.reserve(tx.connection, who, leg, at):
            presence.ring(tx.connection, [who], leg, at)
            return
        there = presence.where(tx.connection, who)
        if there is not None and there[0] in HELD:
            raise Refused("not_free")

    def _there(self, tx: Transaction, call_id: str, request: Request) -> Request | None:
        """Whoever monitors the call already, and is the same person."""
        for other in desk_requests.open_of_call(tx.connection, call_id):
            same = request.kind is Kind.HELP or other.target == request.target
            if other.monitors and same and other.state in (State.RINGING, State.TALKING):
                return other
        return None

    def _supervisor(self, tx: Transaction, row: CallRow, request: Request, at: datetime) -> str:
        """The station's that is free, else the next one's above it."""
        house = self.house
        parts = offers.of_call(tx.connection, row.call_id)
        mine = (part.station for part in parts if part.counselor_id == request.counselor_id)
        station: str | None = next(mine, None)
        while station is not None and station in house.stations:
            for person in presence.present_at(tx.connection, [station], at):
                free = person.state == Presence.AVAILABLE
                leads = person.counselor.role is Role.SUPERVISOR
                if free and leads and person.counselor.kinds & house.reached(row):
                    return person.counselor.id
            station = house.stations.parent(station)
        raise Refused("no_supervisor")

    def _note(self, tx: Transaction, request: Request, at: datetime, who: str) -> None:
        told = {"counselor": request.counselor_id, "target_kind": "counselor", "target": who}
        note = Note(ORDER_KINDS[request.kind], request.asked_by, told)
        tx.notes.add(request.order_no, at, [note])


def _held_by(request: Request) -> str:
    assert request.leg is not None
    return request.leg
