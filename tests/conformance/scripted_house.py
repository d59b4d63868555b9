"""A house that answers data dips as a golden conversation says, and is the real one otherwise.

Whom it names as reserved is truly held in the store, so what follows an offer is real.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from agents import presence
from callflows.data_dips import DataDip, JoinQueue, LeaveQueue, Priority, TakeReservation
from callflows.events import CounselorReserved, Event, NoneAvailable
from callflows.session import Session
from ivr import sessions
from ivr.house import CARRIER_KINDS, House
from ivr.order_events import Note
from ivr.pending import OfferedCall
from ivr.sessions import CallRow
from ivr.transaction import Transaction, Woken
from routing import offers, waiting
from routing.offers import Offer
from routing.waiting_call import WaitingCall
from tests.conformance.world import HOME
from tests.golden import describe_dip

LEASE = timedelta(minutes=10)


@dataclass
class Script:
    """`answers`: what is asked, as golden conversations write it, and its answer. `rung`: who is
    behind each offer. `values`: what the conversation's call is known to be. `due`: calls for
    which somebody is to be reserved while they wait. `faults`: what was asked instead."""

    answers: deque[tuple[str, Event]]
    rung: Mapping[str, str]
    values: Mapping[str, str] = field(default_factory=dict)
    due: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ScriptedHouse(House):
    """Answers by itself once the script has ended."""

    script: Script

    def open(
        self, tx: Transaction, call: OfferedCall, version: str, at: datetime
    ) -> tuple[str, dict[str, str], Priority]:
        order_no, values, priority = House.open(self, tx, call, version, at)
        return order_no, {**values, **self.script.values}, priority

    def answer(
        self, tx: Transaction, row: CallRow, session: Session, dip: DataDip, at: datetime
    ) -> Event:
        if not self.script.answers:
            return House.answer(self, tx, row, session, dip, at)
        asked, answer = self.script.answers.popleft()
        if describe_dip(dip) != asked:
            self.script.faults.append(f"{describe_dip(dip)} instead of {asked}")
        if isinstance(dip, LeaveQueue | TakeReservation):
            House.answer(self, tx, row, session, dip, at)
        if isinstance(dip, JoinQueue):
            self._join(tx, row, dip, at)
        if isinstance(answer, NoneAvailable):
            waiting.delete(tx.connection, row.call_id)
        if isinstance(answer, CounselorReserved):
            self._hold(tx.connection, row, answer, at)
        return replace(answer, at=at)

    def counselors_changed(self, tx: Transaction, at: datetime) -> None:
        """Somebody is reserved for whom the script says is due."""
        House.counselors_changed(self, tx, at)
        while self.script.due:
            row = sessions.load(tx.connection, self.script.due.pop())
            _, answer = self.script.answers[0]
            assert row is not None
            assert isinstance(answer, CounselorReserved)
            self._hold(tx.connection, row, answer, at)
            tx.woken.append(Woken(row.call_id, row.channel, row.turn))

    def _join(self, tx: Transaction, row: CallRow, dip: JoinQueue, at: datetime) -> None:
        if waiting.place_of(tx.connection, row.call_id) is not None:
            return
        kinds = CARRIER_KINDS[row.carrier]
        call = WaitingCall(
            row.call_id, row.order_no, dip.topic, dip.language, int(dip.priority), HOME, at,
            row.node, kinds,
        )  # fmt: skip
        waiting.add(tx.connection, call)
        queued = {"topic": dip.topic, "priority": int(dip.priority)}
        tx.notes.add(row.order_no, at, [Note("queued", "engine", queued)])

    def _hold(
        self, connection: Connection, row: CallRow, answer: CounselorReserved, at: datetime
    ) -> None:
        """Hold the counselor, who goes home after it, so that no real match comes between."""
        place = waiting.place_of(connection, row.call_id)
        if place is not None and place.offer_id == answer.offer_id:
            return
        who = self.script.rung[answer.offer_id]
        presence.log_in(connection, who, at)
        assert presence.reserve(connection, who, row.call_id, at)
        presence.log_out(connection, who, at)
        part = Offer(
            answer.offer_id, who, row.call_id, HOME, row.node, 2 if answer.outer_tier else 0,
            "scripted", answer.ring_seconds, False, at, None,
        )  # fmt: skip
        offers.add(connection, [part], at + LEASE)
        waiting.hold(connection, row.call_id, answer.offer_id)
