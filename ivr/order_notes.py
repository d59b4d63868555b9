"""What is written to the orders' logs in one transaction: kept until its other work is done, then
written all at once, an order's opening before its events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from ivr.left_to_people import raise_alarms
from ivr.order_events import Note
from workorders import harassment
from workorders.life import Case
from workorders.log import Entry, Log, Opening


@dataclass(slots=True)
class OrderNotes:
    """Everything by order number. `_dropped` and `_messages`: orders whose caller in danger is
    gone, or left a message, and when; `_warned`: whose call ended as harassment, when, and who said
    so. Seen to once the events are written."""

    _openings: dict[str, Opening] = field(default_factory=dict)
    _entries: dict[str, list[Entry]] = field(default_factory=dict)
    _dropped: dict[str, datetime] = field(default_factory=dict)
    _messages: dict[str, datetime] = field(default_factory=dict)
    _warned: dict[str, tuple[datetime, str]] = field(default_factory=dict)

    def open(self, order_no: str, opening: Opening) -> None:
        self._openings[order_no] = opening
        self._entries[order_no] = []

    def add(self, order_no: str, at: datetime, notes: Iterable[Note]) -> None:
        for note in notes:
            if note.kind == "voicemail_left":
                self._messages[order_no] = at
            entry = Entry(note.kind, at, note.actor, note.data, note.columns)
            self._entries.setdefault(order_no, []).append(entry)

    def close(self, order_no: str, at: datetime, outcome: str, hung_up_by: str | None) -> None:
        closing = Entry.closing(at, outcome, hung_up_by)
        self._entries.setdefault(order_no, []).append(closing)

    def danger_dropped(self, order_no: str, at: datetime) -> None:
        self._dropped[order_no] = at

    def warned(self, order_no: str, at: datetime, by: str) -> None:
        self._warned[order_no] = (at, by)

    def write(self, connection: Connection, log: Log) -> None:
        """The last thing that a transaction does."""
        for order_no, entries in self._entries.items():
            log.append_all(connection, order_no, entries, self._openings.get(order_no))
        raise_alarms(connection, log, self._dropped, self._messages)
        for order_no, (at, by) in self._warned.items():
            case = Case(connection, log, order_no, at, by)
            harassment.call_ended(case, danger=order_no in self._dropped)
