"""Somebody is asked into a talk: a colleague or a sister line.

They are rung while counselor and caller talk on, so that a call in vain costs the caller nothing.
Once they answer, both meet in the conference of the order; the caller comes too (three-way), or
hears music until the counselor leaves the two (complete) or comes back (back). Whoever is left
with the caller when somebody's leg dies goes on: a consultation that loses its target is over, one
that loses its counselor is a transfer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import Connection, select

from callflows.events import DialResult
from callflows.session import Session
from callflows.verbs import Hold
from ivr import desk_requests, sessions
from ivr.desk_requests import Kind, Request, State, TargetKind
from ivr.order_events import Note
from ivr.page_visits import CHANNEL as WEB
from ivr.sessions import CallRow
from ivr.transaction import Transaction, Woken
from routing import offers, waiting
from routing.directory import Directory, NumberKind
from routing.offers import Offer
from routing.stations import Stations
from workorders.order import orders

if TYPE_CHECKING:
    from ivr.house import House

COMPLETED = "completed"
"""The result of a request whose counselor has left the caller with whom they asked in."""
EMERGENCY = frozenset({"police", "ambulance", "fire", "sms_police"})
"""Services of the directory to which the counselor stays on the line."""
LEG = "with:"
"""Begins the name of the call by which somebody is rung; their request's id follows."""

o = orders.c


class Refused(Exception):
    """Why a request can't be performed, in one word for the page."""


class Lines(Protocol):
    """What is known of the sister lines: the house, or a page."""

    @property
    def stations(self) -> Stations: ...
    @property
    def directory(self) -> Directory: ...
    @property
    def numbers(self) -> Mapping[str, frozenset[NumberKind]]: ...


def sister_line(lines: Lines, connection: Connection, row: CallRow, service: str) -> str:
    """The entry of a sister line for where the incident is. What a counselor was told leads; a
    number is a hint, and so is what was chosen on a page. Raises Refused where nothing may be
    dialled."""
    assert row.session is not None
    values = Session.from_json(row.session).values
    order = connection.execute(
        select(o.region_incident, o.region_stated, o.channel).where(o.order_no == row.order_no)
    ).one()
    confirmed = values.get("region_source"), values.get("region_confidence")
    hinted = order.channel == WEB and confirmed != ("stated", "certain")
    told = order.region_incident or (None if hinted else order.region_stated)
    access = lines.stations.region_from_access(values["access_number"])
    entry = lines.directory.find(
        service,
        told or values.get("region"),
        access.region if access else None,
        kinds=lines.numbers[row.carrier],
        place_known=bool(told) or values.get("region_confidence") == "certain",
    )
    if entry is None:
        raise Refused("not_in_directory")
    return entry


@dataclass(frozen=True, slots=True)
class AskedIn:
    house: House

    def take(self, tx: Transaction, row: CallRow, request: Request, at: datetime) -> bool:
        """Raises Refused."""
        if request.kind in (Kind.COMPLETE, Kind.BACK):
            return self._decided(tx, row, request, at)
        if self._present(tx, row.call_id) is not None:
            raise Refused("somebody_is_asked_in")
        leg = LEG + request.id
        if request.target_kind is TargetKind.LINE:
            if request.target in EMERGENCY and request.kind is not Kind.THREE_WAY:
                raise Refused("only_three_way")
            sister_line(self.house, tx.connection, row, request.target)
            return desk_requests.step(tx.connection, request, State.RINGING, at, leg=leg)
        place = waiting.place_of(tx.connection, row.call_id)
        if request.target_kind is not TargetKind.COUNSELOR or place is None:
            raise Refused("unknown_target")
        held = self.house.queues.ask_in(tx.connection, place.call, request.target, at)
        if held is None:
            raise Refused("not_free")
        self.house.queues.ringing(tx.connection, held.offer_id, at)
        return desk_requests.step(
            tx.connection, request, State.RINGING, at, offer_id=held.offer_id, leg=leg
        )

    def answered(self, tx: Transaction, request: Request, at: datetime) -> bool:
        """They are there. False: nobody waits for them any more."""
        row = sessions.load(tx.connection, request.call_id)
        if request.state is not State.RINGING or row is None or row.ended_at is not None:
            return False
        private = request.kind is Kind.CONSULT
        state = State.TALKING if private else State.JOINED
        if not desk_requests.step(tx.connection, request, state, at):
            return False
        for part in self._parts(tx, request):
            changes = self.house.queues.note_answered(tx.connection, [part], part.counselor_id, at)
            self.house.applied(tx, changes)
        self._note(tx, request, at, "consulted" if private else "joined")
        self._wake(tx, row)
        return True

    def not_answered(
        self, tx: Transaction, request: Request, result: DialResult, at: datetime
    ) -> None:
        """Nobody came: as after any offer, and the talk goes on."""
        if request.state is not State.RINGING:
            return
        how = str(result) if result is not DialResult.ABANDONED else "no_answer"
        if not desk_requests.step(tx.connection, request, State.FAILED, at, how):
            return
        row = sessions.load(tx.connection, request.call_id)
        if request.offer_id is not None and row is not None:
            changes = self.house.queues.offer_ended(
                tx.connection, request.call_id, request.offer_id, how, None, at
            )
            self.house.applied(tx, changes)
        self._note(tx, request, at, "not_joined", result=how)

    def left(self, tx: Transaction, request: Request, at: datetime) -> None:
        """Whoever was asked in has hung up."""
        if request.state is State.RINGING:
            self.not_answered(tx, request, DialResult.NO_ANSWER, at)
        elif request.state in (State.TALKING, State.JOINED):
            desk_requests.step(tx.connection, request, State.ENDING, at, "left")
            self._over(tx, request, at)

    def counselor_left(self, tx: Transaction, request: Request, at: datetime) -> None:
        """The counselor who asked has hung up: whoever is there goes on with the caller."""
        row = sessions.load(tx.connection, request.call_id)
        if row is None or row.ended_at is not None or request.result == COMPLETED:
            return
        if request.state in (State.TALKING, State.JOINED):
            desk_requests.step(tx.connection, request, State.JOINED, at, COMPLETED)
            self._hand_on(tx, row, request, at)

    def recalled(self, tx: Transaction, row: CallRow, at: datetime) -> None:
        """The caller, in danger, wants the counselor back: the consultation is over."""
        request = self._present(tx, row.call_id)
        if request is not None and request.state is State.TALKING:
            desk_requests.step(tx.connection, request, State.ENDING, at, "recalled")
            self._over(tx, request, at)

    def _decided(self, tx: Transaction, row: CallRow, request: Request, at: datetime) -> bool:
        """The counselor leaves the two, or comes back."""
        present = self._present(tx, row.call_id)
        if present is None or present.state not in (State.TALKING, State.JOINED):
            raise Refused("nobody_is_asked_in")
        if request.kind is Kind.BACK:
            desk_requests.step(tx.connection, present, State.ENDING, at, "back")
            self._over(tx, present, at)
            return desk_requests.step(tx.connection, request, State.DONE, at)
        self.may_be_left(tx, row.call_id)
        desk_requests.step(tx.connection, present, State.JOINED, at, COMPLETED)
        self._hand_on(tx, row, present, at)
        return desk_requests.step(tx.connection, request, State.TAKEN, at)

    def _hand_on(self, tx: Transaction, row: CallRow, request: Request, at: datetime) -> None:
        """The caller is with whoever was asked in, and the counselor isn't any more."""
        mine = [
            part
            for part in offers.of_call(tx.connection, request.call_id)
            if part.counselor_id == request.counselor_id
        ]
        if not mine:
            return
        for part in mine:
            self.house.applied(tx, self.house.queues.part_over(tx.connection, part, at))
        self._note(tx, request, at, "handed_on")
        for part in self._parts(tx, request):
            self.house.offers.note_answered(tx, row.order_no, part, at)
        self._wake(tx, row)

    def _over(self, tx: Transaction, request: Request, at: datetime) -> None:
        for part in self._parts(tx, request):
            self.house.applied(tx, self.house.queues.part_over(tx.connection, part, at))
        self._note(tx, request, at, "left_again")
        row = sessions.load(tx.connection, request.call_id)
        if row is not None and row.ended_at is None:
            self._wake(tx, row)

    def may_be_left(self, tx: Transaction, call_id: str) -> None:
        """May whoever asked somebody in leave the caller with them? Raises Refused: with police or
        an ambulance they stay."""
        present = self._present(tx, call_id)
        if (
            present is not None
            and present.target_kind is TargetKind.LINE
            and present.target in EMERGENCY
        ):
            raise Refused("stay_on_the_line")

    def _present(self, tx: Transaction, call_id: str) -> Request | None:
        """Who is rung or there, and stays."""
        for request in desk_requests.open_of_call(tx.connection, call_id):
            there = (State.RINGING, State.TALKING, State.JOINED)
            if request.adds_somebody and request.state in there:
                return request
        return None

    def _parts(self, tx: Transaction, request: Request) -> list[Offer]:
        return offers.parts_of(tx.connection, request.offer_id) if request.offer_id else []

    def _wake(self, tx: Transaction, row: CallRow) -> None:
        """The caller hears music; whoever talks hears no keys of ours."""
        verbs = sessions.verbs_from_json(row.verbs)
        if verbs and isinstance(verbs[-1], Hold):
            tx.woken.append(Woken(row.call_id, row.channel, row.turn))

    def _note(
        self, tx: Transaction, request: Request, at: datetime, kind: str, **more: str
    ) -> None:
        told = {"target_kind": str(request.target_kind), "target": request.target, **more}
        tx.notes.add(request.order_no, at, [Note(kind, request.asked_by, told)])
