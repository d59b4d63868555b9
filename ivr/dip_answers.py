"""The answers to a flow's data dips, inside the transaction of its turn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, assert_never

from callflows.data_dips import (
    CheckCallback,
    CheckSurvey,
    DataDip,
    FindDirectoryEntry,
    FindRegion,
    JoinQueue,
    KeepCallback,
    KeepSurvey,
    LeaveQueue,
    QueueStatus,
    TakeReservation,
    TalkStatus,
)
from callflows.events import (
    CallbackImpossible,
    CallbackKept,
    CallbackPossible,
    CounselorReserved,
    DirectoryEntryFound,
    DirectoryEntryMissing,
    Event,
    NoneAvailable,
    Queued,
    QueueLeft,
    RegionFound,
    RegionUnknown,
    SurveyImpossible,
    SurveyKept,
    SurveyPossible,
)
from callflows.session import Session
from config.database import MATCHING, one_at_a_time
from ivr.order_events import Note
from ivr.sessions import CallRow
from ivr.transaction import Transaction
from routing.queues import Changes, Nobody, Reserved, Waiting
from routing.regions import FoundRegion
from routing.stays import told_of
from workorders import survey

if TYPE_CHECKING:
    from ivr.house import House


@dataclass(frozen=True, slots=True)
class DipAnswers:
    house: House

    def answer(
        self, tx: Transaction, row: CallRow, session: Session, dip: DataDip, at: datetime
    ) -> Event:
        """The answer to a data dip."""
        match dip:
            case JoinQueue():
                return self._join(tx, row, session, dip, at)
            case TakeReservation():
                changes = self.house.queues.take(tx.connection, row.call_id, at)
                return self._place(tx, row, changes, at)
            case QueueStatus():
                changes = self.house.queues.status(tx.connection, row.call_id, at)
                return self._place(tx, row, changes, at)
            case TalkStatus():
                return self.house.with_others.talk_status(tx, row, dip, at)
            case LeaveQueue():
                self.house.applied(tx, self.house.queues.leave(tx.connection, row.call_id, at))
                tx.notes.add(row.order_no, at, [Note("queue_left", "engine", {})])
                return QueueLeft(at)
            case FindRegion():
                return self._find_region(session, dip, at)
            case FindDirectoryEntry():
                return self._find_entry(row, session, dip, at)
            case CheckCallback():
                possible = self.house.callbacks.possible(tx, row, at)
                return CallbackPossible(at) if possible else CallbackImpossible(at)
            case KeepCallback():
                kept = self.house.callbacks.keep(tx, row, dip, at)
                return CallbackKept(at) if kept else CallbackImpossible(at)
            case CheckSurvey():
                possible = self._may_be_surveyed(tx, row, session)
                if possible:
                    tx.notes.add(row.order_no, at, [Note("survey_asked", "engine", {})])
                return SurveyPossible(at) if possible else SurveyImpossible(at)
            case KeepSurvey():
                # Whoever writes to an order and then changes the queue does it in this order.
                one_at_a_time(tx.connection, MATCHING)
                survey.answered(tx.connection, self.house.log, row.order_no, dip.satisfaction, at)
                return SurveyKept(at)
            case _:
                assert_never(dip)

    def _join(
        self, tx: Transaction, row: CallRow, session: Session, dip: JoinQueue, at: datetime
    ) -> Event:
        house, values = self.house, session.values
        tx.out_of_queue.discard(row.call_id)
        anybody = values.get("counselor") == "anybody"
        taken_back = house.callbacks.taken_back(tx, row.order_no, at)
        since = taken_back or house.callbacks.waits_since(tx.connection, row.order_no)
        changes = house.queues.join(
            tx.connection,
            call_id=row.call_id,
            order_no=row.order_no,
            topic=dip.topic,
            language=dip.language,
            priority=int(dip.priority),
            home=values["station"],
            preferred=None if anybody else values.get("handler_of_open_order"),
            kinds=house.reached(row),
            node=row.node or row.carrier,
            at=at,
            since=house.queues.front(tx.connection, row.offered_at) if dip.front else since,
            transfer=house.with_others.transfer_of(tx, row, session, at),
        )
        if not isinstance(changes.answer, Nobody):
            house.callbacks.called_again(tx, row.order_no, at)
        if changes.joined:
            told = told_of(changes.joined)
            tx.notes.add(row.order_no, at, [Note("queued", "engine", told)])
        return self._place(tx, row, changes, at)

    def _place(self, tx: Transaction, row: CallRow, changes: Changes, at: datetime) -> Event:
        """What the flow is told of the call's place."""
        match self.house.applied(tx, changes).answer:
            case Reserved() as held:
                return CounselorReserved(at, held.offer_id, held.ring_seconds, held.outer_tier)
            case Waiting() as place:
                return Queued(at, place.position, place.expected_wait_seconds, place.outer_tier)
            case Nobody() | None:
                nobody = {"reason": "nobody on duty could take it"}
                tx.notes.add(row.order_no, at, [Note("queue_left", "engine", nobody)])
                return NoneAvailable(at)
            case _:
                assert_never(changes.answer)

    def _find_region(self, session: Session, dip: FindRegion, at: datetime) -> Event:
        if dip.by == "access":
            found = self.house.stations.region_from_access(session.values["access_number"])
        elif dip.by == "number":
            found = self._hinted(session.values.get("number_region"))
        else:
            found = self.house.stations.regions.from_stated(dip.stated)
        if found is None:
            return RegionUnknown(at)
        return RegionFound(at, found.region, found.name, found.source, found.confidence)

    def _hinted(self, code: str | None) -> FoundRegion | None:
        """The region of the caller's number, as found when the call was offered."""
        if code is None:
            return None
        return FoundRegion(code, self.house.stations.regions.name(code), "number", "hint")

    def _find_entry(
        self, row: CallRow, session: Session, dip: FindDirectoryEntry, at: datetime
    ) -> Event:
        values = session.values
        access = self.house.stations.region_from_access(values["access_number"])
        # No police is called by a mere hint: a number, or a choice on a page.
        confidence, source = values.get("region_confidence"), values.get("region_source")
        known = confidence == "certain" or (source == "stated" and confidence != "hint")
        entry = self.house.directory.find(
            dip.service,
            values.get("region"),
            access.region if access else None,
            kinds=self.house.numbers[row.carrier],
            place_known=known,
        )
        return DirectoryEntryFound(at, entry) if entry else DirectoryEntryMissing(at)

    def _may_be_surveyed(self, tx: Transaction, row: CallRow, session: Session) -> bool:
        station = session.values["station"]
        if row.call_id in tx.gone or station not in self.house.stations:
            return False
        if session.talk_seconds < self.house.stations.setting(station, "survey_after_seconds"):
            return False
        return survey.may_be_asked(tx.connection, self.house.log, row.order_no)
