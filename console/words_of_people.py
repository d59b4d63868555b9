"""What people wrote beside an order's events, as its own staff reads it: how somebody is reached is
opened only with the number."""

from __future__ import annotations

from sqlalchemy import Connection

from workorders.keys import Keys
from workorders.notes import notes_of
from workorders.personal import Unreadable

TELLS_HOW_TO_REACH = "contact"

Notes = dict[int, dict[str, str]]
"""By event, then by what it is."""


def read(connection: Connection, keys: Keys, order_no: str) -> tuple[Notes, list[str]]:
    """All but contacts, and the contacts."""
    try:
        notes = notes_of(connection, keys, order_no)
    except Unreadable:  # `workorders verify` says why; the rest of the order is still to be seen
        return {}, []
    contacts = [text for told in notes.values() if (text := told.pop(TELLS_HOW_TO_REACH, None))]
    return notes, contacts
