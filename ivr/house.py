"""What the house knows and does for a call, inside the transaction of one turn.

The only room where queue, directory, regions and the log meet; what is done there for each matter
is an object of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agents import roster
from callflows.data_dips import DataDip, Priority
from callflows.events import Event, RecordingFinished
from callflows.session import Session
from callflows.verbs import Dial
from ivr import heard_keys, messages, sessions
from ivr.arrivals import Arrivals
from ivr.call_offers import CallOffers
from ivr.callback_attempts import CallbackAttempts
from ivr.callbacks import Callbacks
from ivr.dip_answers import DipAnswers
from ivr.left_to_people import dropped
from ivr.order_events import alert_of_care, note_of_care
from ivr.pending import OfferedCall
from ivr.sessions import CallRow
from ivr.talk_recordings import notes_of_talk
from ivr.transaction import Transaction, Woken
from ivr.with_others import WithOthers
from routing.directory import Directory, NumberKind
from routing.queues import Changes, Queues
from routing.stations import Stations
from workorders.log import Log

CARRIER_KINDS: Mapping[str, frozenset[str]] = {
    "asterisk": frozenset({"browser", "sip", "outside"}),
    "twilio": frozenset({"twilio_client", "sip_uri", "outside"}),
    "simulator": frozenset({"browser", "sip", "outside", "twilio_client", "sip_uri"}),
}
"""Which kinds of contact each carrier reaches."""


@dataclass(frozen=True, slots=True)
class House:
    """:param default_access_number: the short number itself: its trunk tells no place.
    :param recordings: where callers' messages and talks are.
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
        """Open the order; its number, what the flow may know of the call, and its class."""
        return self.arrivals.open(tx, call, version, at)

    def answer(
        self, tx: Transaction, row: CallRow, session: Session, dip: DataDip, at: datetime
    ) -> Event:
        """The answer to a data dip."""
        return DipAnswers(self).answer(tx, row, session, dip, at)

    def reached(self, row: CallRow) -> frozenset[str]:
        """What a call's carrier reaches."""
        return roster.reached(CARRIER_KINDS[row.carrier], row.node)

    @property
    def arrivals(self) -> Arrivals:
        return Arrivals(self)

    @property
    def offers(self) -> CallOffers:
        return CallOffers(self)

    @property
    def with_others(self) -> WithOthers:
        return WithOthers(self)

    @property
    def callbacks(self) -> Callbacks:
        return Callbacks(self)

    @property
    def callback_attempts(self) -> CallbackAttempts:
        return CallbackAttempts(self)

    def message_left(self, row: CallRow, at: datetime) -> RecordingFinished | None:
        """The message that the call's present Record recorded, whoever began it."""
        reference = messages.reference(row.call_id, row.verbs_turn)
        seconds = round(messages.samples(self.recordings / reference) / messages.SAMPLES_A_SECOND)
        return RecordingFinished(at, reference, seconds, None, True) if seconds else None

    def talk_over(self, tx: Transaction, row: CallRow, at: datetime) -> None:
        """Whatever the call performed is over: what was recorded of it is the order's."""
        tx.notes.add(row.order_no, at, notes_of_talk(row, self.recordings, at))

    def tick(self, tx: Transaction, at: datetime) -> None:
        """Time has passed."""
        self.applied(tx, self.queues.tick(tx.connection, at))

    def counselors_changed(self, tx: Transaction, at: datetime) -> None:
        """Somebody logged in or out, or the roster changed, in this transaction."""
        self.applied(tx, self.queues.counselor_changed(tx.connection, at))

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
        self.offers.left(tx, row, left, at)
        self.with_others.call_over(tx, row.call_id, at)
        heard_keys.forget(tx.connection, row.call_id)
        if self.callbacks.caller_left(tx, row.order_no, outcome, at, danger=danger):
            return
        tx.notes.close(row.order_no, talk_ended_at or at, outcome, hung_up_by)
        if danger and dropped(outcome):
            tx.notes.danger_dropped(row.order_no, at)

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
