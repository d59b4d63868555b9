"""Whom a Dial rings, before a carrier makes addresses of it."""

from __future__ import annotations

from collections.abc import Container

import structlog
from sqlalchemy import Connection

from agents import roster
from agents.roster import Contact
from routing import offers
from routing.directory import Directory, Entry, NotInDirectory

log = structlog.get_logger()

DUTY_PHONE = "duty_phone"
"""The directory's service whose lines are our own people's: mobiles, with a voicemail that
"answers" too."""


def contacts(
    connection: Connection, offer_id: str, reached: Container[str]
) -> list[tuple[str, Contact]]:
    """Everybody an offer holds, by counselor id, with each contact that is `reached`."""
    parts = offers.parts_of(connection, offer_id)
    of = roster.contacts_of(connection, [part.counselor_id for part in parts])
    return [
        (part.counselor_id, contact)
        for part in parts
        for contact in of.get(part.counselor_id, ())
        if contact.reach in reached
    ]


def directory_entry(directory: Directory, entry_id: str) -> Entry | None:
    """None, and an operator is told, where the entry was withdrawn meanwhile."""
    try:
        return directory.entry(entry_id)
    except NotInDirectory:
        log.error("directory_entry_withdrawn", entry=entry_id)
        return None
