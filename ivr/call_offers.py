"""What becomes of the offers of calls to counselors, inside one transaction: who is rung, answers
or doesn't, as the queue applies it and as the order tells it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from agents import roster
from callflows.events import DialEnded, DialResult
from callflows.verbs import Dial
from ivr import sessions
from ivr.order_events import Note
from ivr.sessions import CallRow
from ivr.transaction import Transaction
from routing import offers, standings, waiting
from routing.callbacks import Callback

if TYPE_CHECKING:
    from ivr.house import House


@dataclass(frozen=True, slots=True)
class CallOffers:
    house: House

    def ringing(self, tx: Transaction, row: CallRow, dial: Dial, at: datetime) -> None:
        """The Dial is about to be performed."""
        if dial.kind == "offer":
            self.note_ringing(tx, row.order_no, dial.target, at)

    def note_ringing(self, tx: Transaction, order_no: str, offer_id: str, at: datetime) -> None:
        """Whom an offer holds is about to be rung."""
        parts = self.house.queues.ringing(tx.connection, offer_id, at)
        if parts:
            made = {
                "offer": offer_id,
                "counselors": [part.counselor_id for part in parts],
                "stations": [part.station for part in parts],
                "tier": parts[0].tier,
                "reason": parts[0].reason,
                **_standing(tx.connection, parts[0].standing_change),
            }
            columns = {"route_reason": parts[0].reason}
            tx.notes.add(order_no, at, [Note("offer_made", "engine", made, columns)])

    def ended(self, tx: Transaction, row: CallRow, offer_id: str, ended: DialEnded) -> None:
        """Apply what became of an offer to its counselors, before the flow hears of it."""
        changes = self.house.queues.offer_ended(
            tx.connection, row.call_id, offer_id, str(ended.result), ended.answered_by, ended.at
        )
        talk = ended.result in (DialResult.ANSWERED, DialResult.LOST)
        self.house.applied(tx, changes)
        failed = [(o.counselor_id, o.result) for o in changes.outcomes if o.result != "answered"]
        # Not every carrier says who answered: then it was whom the queue knows to have talked.
        talked = {o.counselor_id for o in changes.outcomes if o.result == "answered"}
        for part in changes.rung:
            who = part.counselor_id
            if talk and who in talked | {ended.answered_by}:
                # The lease may have run out while they talked: the talk is in the order all the
                # same.
                if part.answered_at is None:
                    began = ended.at - timedelta(seconds=ended.talk_seconds)
                    self.note_answered(tx, row.order_no, part, began)
            elif part.result == "expired":
                # What time alone did is told here: no transaction but a call's own writes to
                # its order.
                failed.append((who, part.result))
        self.note_failed(tx, row, offer_id, failed, ended.at)
        if ended.result is DialResult.LOST:
            lost = {"offer": offer_id, "counselor": ended.answered_by}
            told = {**lost, "talk_seconds": ended.talk_seconds}
            tx.notes.add(row.order_no, ended.at, [Note("counselor_lost", _carrier(row), told)])
        if changes.left:
            tx.out_of_queue.add(row.call_id)

    def left(self, tx: Transaction, row: CallRow, left: Dial | None, at: datetime) -> None:
        """The call has left a Dial behind without hearing of its end."""
        if left is not None and left.kind == "offer":
            failed = [
                (part.counselor_id, part.result)
                for part in offers.rung(tx.connection, left.target)
                if part.result in ("abandoned", "expired")
            ]
            self.note_failed(tx, row, left.target, failed, at)

    def answered_by(self, tx: Transaction, dial: Dial) -> tuple[str, datetime] | None:
        """Who has answered the offer that this Dial rings, and when."""
        for part in offers.parts_of(tx.connection, dial.target):
            if part.answered_at is not None:
                return part.counselor_id, part.answered_at
        return None

    def rung_at(self, tx: Transaction, dial: Dial, number: str) -> str | None:
        """Whom this Dial rings at the telephone with this number; whoever it rings, if it is
        only one."""
        rung = [part.counselor_id for part in offers.rung(tx.connection, dial.target)]
        reached = _reached(tx.connection, rung, number)
        return reached or (rung[0] if len(rung) == 1 else None)

    def unanswered(self, connection: Connection, call_id: str) -> bool:
        return any(part.answered_at is None for part in offers.of_call(connection, call_id))

    def reserved(self, connection: Connection, call_id: str) -> bool:
        """Is somebody held for it, or wants it back who left it with music?"""
        place = waiting.place_of(connection, call_id)
        if place is None or place.offer_id is None:
            return False
        parts = offers.parts_of(connection, place.offer_id)
        talks = any(part.answered_at is not None for part in parts)
        return not (talks and self.house.with_others.parked(connection, call_id))

    def counselor_answered(
        self,
        tx: Transaction,
        call_id: str,
        at: datetime,
        *,
        counselor_id: str | None = None,
        number: str = "",
    ) -> None:
        """The counselor of this id, or else whose desk or own telephone has `number`, is talking
        with the caller of the present offer, if it rings them."""
        row = sessions.load(tx.connection, call_id)
        if row is None or row.ended_at is not None:
            return
        parts = self.house.queues.parts_held(tx.connection, call_id)
        if counselor_id is None:
            rung = [part.counselor_id for part in parts]
            counselor_id = _reached(tx.connection, rung, number)
        verbs = sessions.verbs_from_json(row.verbs)
        dialled = verbs[-1].target if verbs and isinstance(verbs[-1], Dial) else None
        # Whoever is asked in talks with whom they are asked by.
        parts = [part for part in parts if part.offer_id == dialled]
        for part in parts:
            if part.counselor_id == counselor_id and part.answered_at is None:
                changes = self.house.queues.note_answered(tx.connection, parts, counselor_id, at)
                self.house.applied(tx, changes)
                self.note_answered(tx, row.order_no, part, at)
                failed = [(o.counselor_id, o.result) for o in changes.outcomes]
                self.note_failed(tx, row, part.offer_id, failed, at)

    def note_failed(
        self,
        tx: Transaction,
        row: CallRow | Callback,
        offer_id: str,
        failed: Iterable[tuple[str, str]],
        at: datetime,
    ) -> None:
        actor = _carrier(row)
        notes = [
            Note("offer_failed", actor, {"offer": offer_id, "counselor": who, "result": result})
            for who, result in failed
        ]
        tx.notes.add(row.order_no, at, notes)

    def note_answered(
        self, tx: Transaction, order_no: str, part: offers.Offer, at: datetime
    ) -> None:
        answered = {"offer": part.offer_id, "station": part.station}
        columns = {"station_answering": part.station}
        actor = f"counselor:{part.counselor_id}"
        tx.notes.add(order_no, at, [Note("answered", actor, answered, columns)])


def _reached(connection: Connection, rung: Sequence[str], number: str) -> str | None:
    """Who of those rung has this desk number, or this own telephone."""
    if not number:
        return None
    at_desk = roster.by_number(connection, number)
    if at_desk in rung:
        return at_desk
    contacts = roster.contacts_of(connection, rung)
    for counselor_id in rung:
        for contact in contacts.get(counselor_id, ()):
            if contact.kind == "outside" and contact.address == number:
                return counselor_id
    return None


def _standing(
    connection: Connection, change_id: int | None
) -> dict[str, str | dict[str, str | int]]:
    """What an order says of the change of a station's standing by which it was sent elsewhere."""
    change = standings.change(connection, change_id) if change_id is not None else None
    if change is None:
        return {}
    told: dict[str, str | int] = {
        "change": change.id,
        "station": change.station,
        "topic": change.topic,
        "state": change.to_state,
        "cause": change.cause,
    }
    return {"standing": told}


def _carrier(row: CallRow | Callback) -> str:
    """As whom an order names whoever told of a telephone."""
    return "asterisk" if row.carrier == "asterisk" else "engine"
