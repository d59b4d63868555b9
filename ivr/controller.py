"""What carriers and people tell of calls, each in one transaction; the verbs go to the carrier.

One turn is one transaction: session, order events, queue and counselors change together or not
at all, and the carrier is told only after the commit. No lock, connection or transaction is
held while a verb is performed. A turn is saved only over the turn it was made from, so of two
engines that believe they own a call one learns that it does not (StaleTurn) and sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import structlog
from sqlalchemy import Connection

from callflows.data_dips import Priority
from callflows.events import CallerHungUp, DialEnded, DialResult, Event
from callflows.session import Session
from callflows.verbs import Record, Verb
from config.database import MATCHING, Store, StoreUnavailable, one_at_a_time
from ivr import sessions
from ivr.house import House
from ivr.order_events import Note, notes_of_priority
from ivr.pending import OfferedCall, Pending, StaleTurn
from ivr.publications import Publications
from ivr.sessions import CallRow
from ivr.transaction import Transaction, Woken
from ivr.turns import Turns, standing

T = TypeVar("T")
log = structlog.get_logger()


class Controller:
    """The engine's heart, the same for every carrier.

    :param engine: names this process in the session rows.
    :param wake: told, after the commit, of each call that a counselor was reserved for while
        it waited.
    """

    def __init__(
        self,
        store: Store,
        house: House,
        publications: Publications,
        engine: str,
        wake: Callable[[Woken], None],
    ) -> None:
        self.store = store
        self.house = house
        self.publications = publications
        self.engine = engine
        self.turns = Turns(house, publications, engine)
        self._wake = wake

    def offered(self, call: OfferedCall, at: datetime) -> Pending:
        """A call that is new, or that goes on after the engine that served it was lost.

        The order of a new call is committed before anything is heard. Raises StoreUnavailable.
        """

        def work(tx: Transaction) -> Pending:
            row = sessions.load(tx.connection, call.call_id)
            if row is None:
                return self.turns.begun(tx, call, at)
            return self.turns.resumed(tx, row, call)

        return self.write(work)

    def offered_once(self, call: OfferedCall, at: datetime) -> Pending:
        """The same by a carrier that may tell it twice and keeps no engine on a call: whoever is
        told goes on with it, and nobody takes it over. Raises StoreUnavailable."""

        def work(tx: Transaction) -> Pending:
            # Two engines may be told at the same moment: the second finds what the first did.
            one_at_a_time(tx.connection, MATCHING)
            row = sessions.load(tx.connection, call.call_id)
            return self.turns.begun(tx, call, at) if row is None else standing(row)

        return self.write(work)

    def advanced(self, call_id: str, turn: int, event: Event) -> Pending:
        """The carrier performed the verbs of `turn` and this came of it.

        Raises StaleTurn (send nothing) or StoreUnavailable (leave the call unfinished: the
        carrier's last resort serves it).
        """

        def work(tx: Transaction) -> Pending:
            row = sessions.load(tx.connection, call_id)
            if row is None or row.turn != turn or row.ended_at is not None:
                raise StaleTurn(call_id)
            return self.turns.advanced(tx, row, event)

        return self.write(work)

    def heard(self, call_id: str, turn: int, hear: Callable[[Verb, bool], Event | None]) -> Pending:
        """As `advanced`, by a carrier that remembers nothing of the turn: `hear` makes the event
        from the turn's last verb and whether a counselor is reserved for the call; None: nothing
        happened, the verbs stand. Raises what `hear` does."""

        def work(tx: Transaction) -> Pending:
            row = sessions.load(tx.connection, call_id)
            if row is None or row.turn != turn or row.ended_at is not None:
                raise StaleTurn(call_id)
            last = sessions.verbs_from_json(row.verbs)[-1]
            event = hear(last, self.house.offers.reserved(tx.connection, call_id))
            return standing(row) if event is None else self.turns.advanced(tx, row, event)

        return self.write(work)

    def standing(self, call_id: str) -> Pending | None:
        """What a call is to perform now; Hangup where it has ended, None where it never was.
        Raises StoreUnavailable."""
        row = self.store.read(lambda connection: sessions.load(connection, call_id))
        return standing(row) if row is not None else None

    def values(self, call_id: str) -> Mapping[str, str]:
        """What the flow knows of a live call. Raises StoreUnavailable."""
        row = self.store.read(lambda connection: sessions.load(connection, call_id))
        return Session.from_json(row.session).values if row and row.session else {}

    def hung_up(
        self,
        call_id: str,
        at: datetime,
        dial: DialResult | None = None,
        dial_turn: int | None = None,
        talk_seconds: int = 0,
        desk: str = "",
        over: bool = False,
    ) -> bool:
        """The caller is gone: the carrier says so for certain. Telling it again does nothing.
        False: nobody was ever told of this call (the store was down); the carrier must report it
        as one `served_without_us`, or it would leave no order.

        `dial` is how the last Dial ended and `dial_turn` the turn it was begun for: what counts
        if the call was in that very Dial. `desk` is the number of the telephone that
        answered it, `over` whether it was that side which hung up.
        """

        def work(tx: Transaction) -> bool:
            row = sessions.load(tx.connection, call_id)
            if row is None or row.ended_at is not None:
                return row is not None
            ended: Event | None = self._dial_ended(tx, row, at, dial, dial_turn, talk_seconds, desk)
            if _records(sessions.verbs_from_json(row.verbs)):
                ended = self.house.message_left(row, at)
            left: CallRow | None = row
            by = None
            if ended is not None:
                tx.gone.add(call_id)
                by = None if over else "caller"
                self.turns.advanced(tx, row, ended, by)
                left = self._live(tx, call_id)
            if left is not None:
                self.turns.advanced(tx, left, CallerHungUp(at), by)
            return True

        return self.write(work)

    def served_without_us(
        self,
        call: OfferedCall,
        at: datetime,
        result: DialResult | None,
        notes: Sequence[Note],
        over: bool = False,
        crisis: bool = False,
    ) -> None:
        """The carrier's last resort served the caller while no engine could, and the call is
        over: its order is opened, if it never was, and closed. Telling it again does nothing.

        `result` is how the last resort's Dial ended, `over` whether whoever answered hung up,
        `notes` what else happened, `crisis` whether the caller pressed `*` there.
        """

        def work(tx: Transaction) -> None:
            row = sessions.load(tx.connection, call.call_id)
            if row is None:
                version = self.publications.current.version
                order_no, *_ = self.house.open(tx, call, version, at)
                row = CallRow(
                    call.call_id, order_no, call.carrier, call.channel, self.engine,
                    turn=0, verbs_turn=0, session=None, verbs=None, offered_at=at, ended_at=None,
                )  # fmt: skip
                sessions.insert(tx.connection, row)
            if row.ended_at is not None:
                return
            self.house.talk_over(tx, row, at)
            before = sessions.priority_of(row)
            tx.notes.add(row.order_no, at, notes)
            if crisis:
                starred = notes_of_priority(before, Priority.CRISIS)
                tx.notes.add(row.order_no, at, starred)
            kinds = {note.kind for note in notes}
            outcome = "voicemail" if "voicemail_left" in kinds else "failed"
            if result is DialResult.ANSWERED:
                outcome = "transferred"
            left = sessions.dial_of(row)
            by = "counselor" if over else "caller"
            danger = crisis or before >= Priority.SILENT_CONFIRMED
            self.house.close(tx, row, outcome, by, at, left, danger=danger)
            sessions.save(tx.connection, sessions.ended(row, at), row.turn)

        self.write(work)

    def lost(self, call_id: str, at: datetime) -> bool:
        """The carrier itself lost the call (Asterisk died): its order ends as failed, its
        counselors are free again. False: it had ended before."""

        def work(tx: Transaction) -> bool:
            row = self._live(tx, call_id)
            if row is None:
                return False
            left = sessions.dial_of(row)
            self.house.talk_over(tx, row, at)
            danger = sessions.priority_of(row) >= Priority.SILENT_CONFIRMED
            self.house.close(tx, row, "failed", None, at, left, danger=danger)
            sessions.save(tx.connection, sessions.ended(row, at), row.turn)
            return True

        return self.write(work)

    def counselor_answered(self, call_id: str, number: str, at: datetime) -> None:
        """The counselor whose desk or own telephone has `number` is talking with the caller.
        Anybody else's number changes nothing."""
        self.write(lambda tx: self.house.offers.counselor_answered(tx, call_id, at, number=number))

    def answered_by(self, call_id: str, counselor_id: str, at: datetime) -> None:
        """This counselor is talking with the caller, if the call rings them."""
        self.write(
            lambda tx: self.house.offers.counselor_answered(
                tx, call_id, at, counselor_id=counselor_id
            )
        )

    def counselors_changed(self, change: Callable[[Connection], T], at: datetime) -> T:
        """Apply a change of presence or roster; whoever waits for them is served."""

        def work(tx: Transaction) -> T:
            result = change(tx.connection)
            self.house.counselors_changed(tx, at)
            return result

        return self.write(work)

    def tick(self, at: datetime) -> None:
        """Time has passed: leases, wrap-ups, widening, and what callbacks wait for. One callback
        that fails stops neither the line nor the others."""
        self.write(lambda tx: self.house.tick(tx, at))
        law = self.house.callback_attempts
        for order_no in self.store.read(lambda connection: law.to_look_at(connection, at)):
            try:
                self.write(lambda tx, of=order_no: law.look_at(tx, of, at))  # type: ignore[misc]
            except StoreUnavailable:
                raise
            except Exception:
                log.exception("callback_not_looked_at", order_no=order_no)

    def reservation_waiting(self, call_id: str) -> bool:
        """Is a counselor reserved for this waiting call? Raises StoreUnavailable."""
        return self.store.read(lambda connection: self.house.offers.reserved(connection, call_id))

    def slept_on(self, woken: Woken) -> bool:
        """Has a woken call not moved yet? Raises StoreUnavailable."""
        return self.store.read(
            lambda connection: sessions.turn_of(connection, woken.call_id) == woken.turn
        )

    def answer_unknown(self, call_id: str) -> bool:
        """Is somebody offered this call who, as far as the store knows, hasn't answered yet?
        Raises StoreUnavailable."""
        return self.store.read(lambda connection: self.house.offers.unanswered(connection, call_id))

    def open_calls(self) -> list[CallRow]:
        """Every call that has not ended, oldest first."""
        return self.store.read(sessions.open_calls)

    # Inside one transaction.

    def _live(self, tx: Transaction, call_id: str) -> CallRow | None:
        row = sessions.load(tx.connection, call_id)
        return row if row is not None and row.ended_at is None else None

    def _dial_ended(
        self,
        tx: Transaction,
        row: CallRow,
        at: datetime,
        result: DialResult | None,
        dial_turn: int | None,
        talk_seconds: int,
        desk: str,
    ) -> DialEnded | None:
        """What the hang-up means for the Dial the call was in; None if it was in none, or the
        carrier can't tell and nobody is known to have answered."""
        dialled = sessions.dial_of(row)
        if dialled is None:
            return None
        answered = self.house.offers.answered_by(tx, dialled)
        who = answered[0] if answered else None
        if result is not None and dial_turn == row.verbs_turn:
            if result is DialResult.ANSWERED and who is None:
                who = self.house.offers.rung_at(tx, dialled, desk)
            return DialEnded(at, result, who, talk_seconds)
        if answered is None:
            return None
        return DialEnded(at, DialResult.ANSWERED, who, int((at - answered[1]).total_seconds()))

    def write(self, work: Callable[[Transaction], T]) -> T:
        """One transaction of the house; whom it woke is told once it is committed."""

        def transaction(connection: Connection) -> tuple[T, Transaction]:
            tx = Transaction(connection)
            result = work(tx)
            tx.notes.write(connection, self.house.log)
            return result, tx

        result, tx = self.store.write(transaction)
        for woken in tx.woken:
            self._wake(woken)
        for alert in tx.alerts:
            alert.tell()
        return result


def _records(verbs: tuple[Verb, ...]) -> bool:
    return bool(verbs) and isinstance(verbs[-1], Record)
