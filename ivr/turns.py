"""One turn: load what the flow knew, tell it what happened, answer its data dips, save.

Inside the transaction of whoever tells; a turn is saved only over the turn it was made from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from callflows.data_dips import Priority
from callflows.events import CallOffered, DialEnded, Event
from callflows.interpreter import advance, new_session
from callflows.session import Session
from callflows.steps.queue import is_warned
from callflows.verbs import Hangup, Verb
from ivr import call_end, sessions
from ivr.house import House
from ivr.order_events import notes_of_change, notes_of_event, notes_of_verbs
from ivr.pending import OfferedCall, Pending
from ivr.publications import Publications
from ivr.sessions import CallRow
from ivr.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Turns:
    """:param engine: names this process in the session rows."""

    house: House
    publications: Publications
    engine: str

    def begun(self, tx: Transaction, call: OfferedCall, at: datetime) -> Pending:
        callflow = self.publications.current
        if not self.house.serves(call.access_number):
            callflow = self.publications.wrong_number
        order_no, values, priority = self.house.open(tx, call, callflow.version, at)
        session = new_session(callflow, call.call_id, values, priority)
        row = CallRow(
            call.call_id,
            order_no,
            call.carrier,
            call.channel,
            self.engine,
            turn=0,
            verbs_turn=0,
            session=session.to_json(),
            verbs=None,
            offered_at=at,
            ended_at=None,
        )
        known = call.caller_id is not None
        return self.advanced(tx, row, CallOffered(at, call.access_number, known))

    def resumed(self, tx: Transaction, row: CallRow, call: OfferedCall) -> Pending:
        """Take the call over: from now on the former owner's answers are stale."""
        if row.ended_at is not None or row.session is None:
            return standing(row)
        taken = replace(row, turn=row.turn + 1, engine=self.engine, channel=call.channel)
        sessions.save(tx.connection, taken, row.turn)
        verbs = sessions.verbs_from_json(row.verbs)
        return _pending(taken, Session.from_json(row.session), verbs, resumed=True)

    def advanced(
        self, tx: Transaction, row: CallRow, event: Event, hung_up_by: str | None = None
    ) -> Pending:
        """:param hung_up_by: who did, where the carrier told so itself."""
        assert row.session is not None
        house, at = self.house, event.at
        before = Session.from_json(row.session)
        dialled = sessions.dial_of(row)
        house.talk_over(tx, row, at)
        tx.notes.add(row.order_no, at, notes_of_event(event, dialled))
        heard: Event = event
        if isinstance(event, DialEnded) and dialled is not None and dialled.kind == "offer":
            gone = hung_up_by == "caller"
            moved = None if gone else house.with_others.moved(tx, row, event)
            if moved is None:
                house.offers.ended(tx, row, dialled.target, event)
                moved = None if gone else house.with_others.passed_on(tx, row, event)
            heard = moved or event
        after, verbs = self._run(tx, row, before, heard)
        tx.notes.add(row.order_no, at, notes_of_change(before, after))
        tx.notes.add(row.order_no, at, notes_of_verbs(verbs))
        saved = replace(
            row,
            turn=row.turn + 1,
            verbs_turn=row.turn + 1,
            engine=self.engine,
            session=after.to_json(),
            verbs=sessions.verbs_to_json(verbs),
        )
        ringing = sessions.last_dial(verbs)
        left = None if isinstance(event, DialEnded) or ringing == dialled else dialled
        if after.outcome is not None:
            outcome = call_end.outcome(after)
            by = hung_up_by or call_end.hung_up_by(after, event, dialled)
            danger = after.priority >= Priority.SILENT_CONFIRMED
            talk_ended_at = call_end.talk_ended_at(after)
            if is_warned(after.memory):
                house.with_others.warned(tx, row, at)
            house.close(tx, row, outcome, by, at, left, danger=danger, talk_ended_at=talk_ended_at)
            saved = sessions.ended(saved, at)
        else:
            house.offers.left(tx, row, left, at)
            if ringing is not None and ringing != dialled:
                house.offers.ringing(tx, row, ringing, at)
        if row.turn:
            sessions.save(tx.connection, saved, row.turn)
        else:
            sessions.insert(tx.connection, saved)
        return _pending(saved, after, verbs)

    def _run(
        self, tx: Transaction, row: CallRow, session: Session, event: Event
    ) -> tuple[Session, tuple[Verb, ...]]:
        """Advance until there are verbs, answering dips. The session goes to JSON and back
        between every two events, here as in tests, so that nothing else can creep in."""
        callflow = self.publications.version(tx.connection, session.version)
        turn = advance(callflow, session, event)
        while turn.dip is not None:
            answer = self.house.answer(tx, row, turn.session, turn.dip, event.at)
            turn = advance(callflow, Session.from_json(turn.session.to_json()), answer)
        return turn.session, turn.verbs


def standing(row: CallRow) -> Pending:
    if row.ended_at is not None or row.session is None:
        return Pending(row.call_id, row.turn, row.verbs_turn, row.order_no, (Hangup(),))
    return _pending(row, Session.from_json(row.session), sessions.verbs_from_json(row.verbs))


def _pending(
    row: CallRow, session: Session, verbs: tuple[Verb, ...], resumed: bool = False
) -> Pending:
    crisis = session.priority >= Priority.SILENT_CONFIRMED
    star_counts = session.priority < Priority.CRISIS
    return Pending(
        row.call_id, row.turn, row.verbs_turn, row.order_no, verbs, crisis, resumed, star_counts,
        session.notice_given,
    )  # fmt: skip
