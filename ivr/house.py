"""What the house knows and does for a call, inside the transaction of one turn.

Answers the flow's data dips, applies what became of an offer to the counselors, and writes the
order. The only room where queue, directory, regions and the log meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import assert_never

from sqlalchemy import Connection

from agents import roster
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
    Priority,
    QueueStatus,
    TakeReservation,
    TalkStatus,
)
from callflows.events import (
    CallbackImpossible,
    CallbackKept,
    CallbackPossible,
    CounselorReserved,
    DialEnded,
    DialResult,
    DirectoryEntryFound,
    DirectoryEntryMissing,
    Event,
    NoneAvailable,
    Queued,
    QueueLeft,
    RecordingFinished,
    RegionFound,
    RegionUnknown,
    SurveyImpossible,
    SurveyKept,
    SurveyPossible,
)
from callflows.session import Session
from callflows.verbs import Dial
from config.database import MATCHING, one_at_a_time
from ivr import heard_keys, messages, sessions
from ivr.callback_attempts import CallbackAttempts
from ivr.callbacks import Callbacks
from ivr.caller_number import e164
from ivr.left_to_people import dropped
from ivr.order_events import CLASS_BY_CAUSE, Note, alert_of_care, note_of_care, notes_of_number
from ivr.pending import OfferedCall
from ivr.sessions import CallRow
from ivr.transaction import Transaction, Woken
from ivr.with_others import WithOthers
from routing import offers, standings, waiting
from routing.callbacks import Callback
from routing.directory import Directory, NumberKind
from routing.queues import Changes, Nobody, Queues, Reserved, Waiting
from routing.regions import FoundRegion
from routing.stations import Stations
from routing.stays import told_of
from workorders import callers, number_flags, survey
from workorders.callers import NOTHING
from workorders.log import Log
from workorders.number_flags import Kind
from workorders.personal import caller_hash

CARRIER_KINDS: Mapping[str, frozenset[str]] = {
    "asterisk": frozenset({"browser", "sip", "outside"}),
    "twilio": frozenset({"twilio_client", "sip_uri", "outside"}),
    "simulator": frozenset({"browser", "sip", "outside", "twilio_client", "sip_uri"}),
}
"""Which kinds of contact each carrier reaches."""


@dataclass(frozen=True, slots=True)
class House:
    """:param default_access_number: the short number itself: its trunk tells no place.
    :param recordings: where callers' messages are.
    :param numbers: which kinds of number in the directory each carrier rings.
    """

    log: Log
    queues: Queues
    stations: Stations
    directory: Directory
    default_access_number: str
    recordings: Path
    numbers: Mapping[str, frozenset[NumberKind]]

    def serves(self, access_number: str) -> bool:
        """Is this number ours?"""
        return (
            access_number == self.default_access_number
            or self.stations.by_access_number(access_number) is not None
        )

    def open(
        self, tx: Transaction, call: OfferedCall, version: str, at: datetime
    ) -> tuple[str, dict[str, str], Priority]:
        """Open the order; its number, what the flow may know of the call, and its class.

        The trunk leads: the number is a hint that decides the home station only where the trunk
        tells no place.
        """
        access = self.stations.region_from_access(call.access_number)
        caller = e164(call.caller_id, self._area_code(access))
        hint = self.stations.regions.from_caller(caller)
        stated = self._stated(call.stated_region)
        leading = access or stated or hint
        home = self.stations.by_access_number(call.access_number)
        if home is None:
            place = stated or hint
            home = self.stations.home_for(place.region if place else None)
        language = self.stations.settings(home).languages[0]
        order_no, opening = self.log.opening(
            tx.connection,
            call_id=call.call_id,
            at=at,
            channel=call.came_by or call.carrier,
            access_number=call.access_number,
            caller_id=caller,
            id_trust="original" if caller else "trunk" if call.caller_id else "withheld",
            fields={
                "region_access": access.region if access else None,
                "region_number": hint.region if hint else None,
                "region_stated": stated.region if stated else None,
                "region_source": leading.source if leading else None,
                "region_confidence": leading.confidence if leading else None,
                "station_home": home,
                "flow_version": version,
                "language": language,
                "topic": "unknown",
            },
        )
        known = NOTHING
        if opening is not None:
            tx.notes.open(order_no, opening)
            number = opening.secrets["caller_hash"]
            if number is not None and not self.passed_on(caller):
                known = callers.known(tx.connection, number, at)
                tx.notes.add(order_no, at, notes_of_number(known))
        values = {"access_number": call.access_number, "language": language, "station": home}
        if caller is not None and not self.many_share(tx.connection, caller, at):
            self.callbacks.caller_is_back(tx, caller, order_no, at)
        if hint is not None:
            values["number_region"] = hint.region
        if leading is not None:
            values |= {
                "region": leading.region,
                "region_name": leading.name,
                "region_source": leading.source,
                "region_confidence": leading.confidence,
            }
        if known.handler is not None:
            values["handler_of_open_order"] = known.handler
        priority = CLASS_BY_CAUSE[known.cause] if known.cause else Priority.NORMAL
        return order_no, values, priority

    def answer(
        self, tx: Transaction, row: CallRow, session: Session, dip: DataDip, at: datetime
    ) -> Event:
        """The answer to a data dip."""
        match dip:
            case JoinQueue():
                tx.out_of_queue.discard(row.call_id)
                values = session.values
                anybody = values.get("counselor") == "anybody"
                taken_back = self.callbacks.taken_back(tx, row.order_no, at)
                since = taken_back or self.callbacks.waits_since(tx.connection, row.order_no)
                changes = self.queues.join(
                    tx.connection,
                    call_id=row.call_id,
                    order_no=row.order_no,
                    topic=dip.topic,
                    language=dip.language,
                    priority=int(dip.priority),
                    home=values["station"],
                    preferred=None if anybody else values.get("handler_of_open_order"),
                    kinds=self.reached(row),
                    node=row.node or row.carrier,
                    at=at,
                    since=self.queues.front(tx.connection, row.offered_at) if dip.front else since,
                    transfer=self.with_others.transfer_of(tx, row, session, at),
                )
                if not isinstance(changes.answer, Nobody):
                    self.callbacks.called_again(tx, row.order_no, at)
                if changes.joined:
                    told = told_of(changes.joined)
                    tx.notes.add(row.order_no, at, [Note("queued", "engine", told)])
                return self._place(tx, row, changes, at)
            case TakeReservation():
                changes = self.queues.take(tx.connection, row.call_id, at)
                return self._place(tx, row, changes, at)
            case QueueStatus():
                changes = self.queues.status(tx.connection, row.call_id, at)
                return self._place(tx, row, changes, at)
            case TalkStatus():
                return self.with_others.talk_status(tx, row, dip, at)
            case LeaveQueue():
                self.applied(tx, self.queues.leave(tx.connection, row.call_id, at))
                tx.notes.add(row.order_no, at, [Note("queue_left", "engine", {})])
                return QueueLeft(at)
            case FindRegion():
                return self._find_region(session, dip, at)
            case FindDirectoryEntry():
                access = self.stations.region_from_access(session.values["access_number"])
                values = session.values
                # A number is a hint: no police is called by a mere hint.
                known = (
                    values.get("region_confidence") == "certain"
                    or values.get("region_source") == "stated"
                )
                entry = self.directory.find(
                    dip.service,
                    values.get("region"),
                    access.region if access else None,
                    kinds=self.numbers[row.carrier],
                    place_known=known,
                )
                return DirectoryEntryFound(at, entry) if entry else DirectoryEntryMissing(at)
            case CheckCallback():
                possible = self.callbacks.possible(tx, row, at)
                return CallbackPossible(at) if possible else CallbackImpossible(at)
            case KeepCallback():
                kept = self.callbacks.keep(tx, row, dip, at)
                return CallbackKept(at) if kept else CallbackImpossible(at)
            case CheckSurvey():
                possible = self._may_be_surveyed(tx, row, session)
                if possible:
                    tx.notes.add(row.order_no, at, [Note("survey_asked", "engine", {})])
                return SurveyPossible(at) if possible else SurveyImpossible(at)
            case KeepSurvey():
                # Whoever writes to an order and then changes the queue does it in this order.
                one_at_a_time(tx.connection, MATCHING)
                survey.answered(tx.connection, self.log, row.order_no, dip.satisfaction, at)
                return SurveyKept(at)
            case _:
                assert_never(dip)

    def _may_be_surveyed(self, tx: Transaction, row: CallRow, session: Session) -> bool:
        station = session.values["station"]
        if row.call_id in tx.gone or station not in self.stations:
            return False
        if session.talk_seconds < self.stations.setting(station, "survey_after_seconds"):
            return False
        return survey.may_be_asked(tx.connection, self.log, row.order_no)

    def passed_on(self, number: str | None) -> bool:
        """Is it the number of a line that passes calls on, which may show its own as the caller's:
        one of ours, or of the directory?"""
        if number is None:
            return False
        return self.stations.by_access_number(number) is not None or self.directory.has(number)

    def many_share(self, connection: Connection, number: str, at: datetime) -> bool:
        """Is it more than one person's: passed on, or as a supervisor says?"""
        hashed = caller_hash(self.log.keys, number)
        return self.passed_on(number) or Kind.SHARED in number_flags.in_force(
            connection, hashed, at
        )

    def reached(self, row: CallRow) -> frozenset[str]:
        """What a call's carrier reaches."""
        return roster.reached(CARRIER_KINDS[row.carrier], row.node)

    @property
    def with_others(self) -> WithOthers:
        return WithOthers(self)

    @property
    def callbacks(self) -> Callbacks:
        return Callbacks(self)

    @property
    def callback_attempts(self) -> CallbackAttempts:
        return CallbackAttempts(self)

    def ringing(self, tx: Transaction, row: CallRow, dial: Dial, at: datetime) -> None:
        """The Dial is about to be performed."""
        if dial.kind == "offer":
            self.note_ringing(tx, row.order_no, dial.target, at)

    def note_ringing(self, tx: Transaction, order_no: str, offer_id: str, at: datetime) -> None:
        """Whom an offer holds is about to be rung."""
        parts = self.queues.ringing(tx.connection, offer_id, at)
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

    def offer_ended(self, tx: Transaction, row: CallRow, offer_id: str, ended: DialEnded) -> None:
        """Apply what became of an offer to its counselors, before the flow hears of it."""
        changes = self.queues.offer_ended(
            tx.connection, row.call_id, offer_id, str(ended.result), ended.answered_by, ended.at
        )
        talk = ended.result in (DialResult.ANSWERED, DialResult.LOST)
        self.applied(tx, changes)
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
            tx.notes.add(row.order_no, ended.at, [Note("counselor_lost", row.carrier, told)])
        if changes.left:
            tx.out_of_queue.add(row.call_id)

    def dial_left(self, tx: Transaction, row: CallRow, left: Dial | None, at: datetime) -> None:
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

    def message_left(self, row: CallRow, at: datetime) -> RecordingFinished | None:
        """The message that the call's present Record recorded, whoever began it."""
        reference = messages.reference(row.call_id, row.verbs_turn)
        seconds = round(messages.samples(self.recordings / reference) / messages.SAMPLES_A_SECOND)
        return RecordingFinished(at, reference, seconds, None, True) if seconds else None

    def unanswered(self, connection: Connection, call_id: str) -> bool:
        return any(part.answered_at is None for part in offers.of_call(connection, call_id))

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
        parts = self.queues.parts_held(tx.connection, call_id)
        if counselor_id is None:
            rung = [part.counselor_id for part in parts]
            counselor_id = _reached(tx.connection, rung, number)
        verbs = sessions.verbs_from_json(row.verbs)
        dialled = verbs[-1].target if verbs and isinstance(verbs[-1], Dial) else None
        # Whoever is asked in talks with whom they are asked by.
        parts = [part for part in parts if part.offer_id == dialled]
        for part in parts:
            if part.counselor_id == counselor_id and part.answered_at is None:
                changes = self.queues.note_answered(tx.connection, parts, counselor_id, at)
                self.applied(tx, changes)
                self.note_answered(tx, row.order_no, part, at)
                failed = [(o.counselor_id, o.result) for o in changes.outcomes]
                self.note_failed(tx, row, part.offer_id, failed, at)

    def tick(self, tx: Transaction, at: datetime) -> None:
        """Time has passed."""
        self.applied(tx, self.queues.tick(tx.connection, at))

    def counselors_changed(self, tx: Transaction, at: datetime) -> None:
        """Somebody logged in or out, or the roster changed, in this transaction."""
        self.applied(tx, self.queues.counselor_changed(tx.connection, at))

    def reserved(self, connection: Connection, call_id: str) -> bool:
        """Is somebody held for it, or wants it back who left it with music?"""
        place = waiting.place_of(connection, call_id)
        if place is None or place.offer_id is None:
            return False
        parts = offers.parts_of(connection, place.offer_id)
        talks = any(part.answered_at is not None for part in parts)
        return not (talks and self.with_others.parked(connection, call_id))

    def close(
        self,
        tx: Transaction,
        row: CallRow,
        outcome: str,
        hung_up_by: str | None,
        at: datetime,
        left: Dial | None = None,
        *,
        danger: bool,
        talk_ended_at: datetime | None = None,
    ) -> None:
        """The call is over: free whom it held and close its order. `left`: the Dial it was in,
        of whose end nothing is known. `danger`: the caller has told of it by a key.
        `talk_ended_at`: for the order the call ended then, whatever was asked afterwards."""
        if row.call_id not in tx.out_of_queue:
            self.applied(tx, self.queues.call_ended(tx.connection, row.call_id, at))
        self.dial_left(tx, row, left, at)
        self.with_others.call_over(tx, row.call_id, at)
        heard_keys.forget(tx.connection, row.call_id)
        if self.callbacks.caller_left(tx, row.order_no, outcome, at, danger=danger):
            return
        tx.notes.close(row.order_no, talk_ended_at or at, outcome, hung_up_by)
        if danger and dropped(outcome):
            tx.notes.danger_dropped(row.order_no, at)

    def note_failed(
        self,
        tx: Transaction,
        row: CallRow | Callback,
        offer_id: str,
        failed: Iterable[tuple[str, str]],
        at: datetime,
    ) -> None:
        actor = "asterisk" if row.carrier == "asterisk" else "engine"
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

    def applied(self, tx: Transaction, changes: Changes) -> Changes:
        """Note whom a change of the queue woke, whose call was of high risk, and the alerts."""
        tx.alerts.extend(changes.alerts)
        for cared in changes.cared:
            tx.notes.add(cared.order_no, cared.at, [note_of_care(cared)])
            tx.alerts.append(alert_of_care(cared))
        for reserved in changes.woken:
            row = sessions.load(tx.connection, reserved.call_id)
            if row is not None and row.ended_at is None:
                tx.woken.append(Woken(row.call_id, row.channel, row.turn))
        return changes

    def _area_code(self, found: FoundRegion | None) -> str | None:
        """The one area code of a region."""
        region = self.stations.regions.get(found.region) if found else None
        codes = region.area_codes if region else ()
        return codes[0] if len(codes) == 1 else None

    def _place(self, tx: Transaction, row: CallRow, changes: Changes, at: datetime) -> Event:
        """What the flow is told of the call's place."""
        match self.applied(tx, changes).answer:
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

    def _stated(self, code: str | None) -> FoundRegion | None:
        """The region that a caller chose before the call."""
        region = self.stations.regions.get(code)
        if region is None:
            return None
        return FoundRegion(region.code, self.stations.regions.name(region.code), "stated", "likely")

    def _hinted(self, code: str | None) -> FoundRegion | None:
        """The region of the caller's number, as found when the call was offered."""
        if code is None:
            return None
        return FoundRegion(code, self.stations.regions.name(code), "number", "hint")

    def _find_region(self, session: Session, dip: FindRegion, at: datetime) -> Event:
        if dip.by == "access":
            found = self.stations.region_from_access(session.values["access_number"])
        elif dip.by == "number":
            found = self._hinted(session.values.get("number_region"))
        else:
            found = self.stations.regions.from_stated(dip.stated)
        if found is None:
            return RegionUnknown(at)
        return RegionFound(at, found.region, found.name, found.source, found.confidence)


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
