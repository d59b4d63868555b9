"""What performing a turn on Asterisk needs of the house: files, phones, reservations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy import Connection

from agents import roster
from agents.roster import Contact
from ivr import messages
from ivr.assembly import Assembly
from ivr.asterisk.performer import RecordingPlace
from ivr.controller import Controller
from recordings.prompts import PromptCache
from routing import offers
from routing.directory import NotInDirectory

log = structlog.get_logger()

DUTY_PHONE = "duty_phone"
"""The directory's service whose lines are our own people's."""


@dataclass(frozen=True, slots=True)
class Phone:
    """One thing to dial: `address` is an account's name, or `number@trunk`. Of a directory line
    `counselor_id` is the entry's. Whoever answers `outside` has to accept."""

    counselor_id: str
    kind: str
    address: str


@dataclass(frozen=True, slots=True)
class Provisions:
    """Implements the performer's `House`."""

    assembly: Assembly
    controller: Controller
    prompts: PromptCache

    def prompt_file(self, text: str, language: str, prompt: str) -> Path:
        return self.prompts.file(text, language, prompt).absolute()

    def reservation_waiting(self, call_id: str) -> bool:
        return self.controller.reservation_waiting(call_id)

    def contacts(self, call_id: str, offer_id: str) -> list[Phone]:
        """Every phone here of everybody the offer holds: all of them ring."""
        here = roster.reached(roster.CONTACT_KINDS, self.assembly.settings.asterisk_name)

        def work(connection: Connection) -> list[Phone]:
            parts = offers.parts_of(connection, offer_id)
            of = roster.contacts_of(connection, [part.counselor_id for part in parts])
            return [
                Phone(part.counselor_id, contact.kind, address)
                for part in parts
                for contact in of.get(part.counselor_id, ())
                if contact.reach in here and (address := self._address(contact)) is not None
            ]

        return self.assembly.store.read(work)

    def directory_line(self, entry_id: str) -> Phone | None:
        try:
            entry = self.assembly.directory.entry(entry_id)
        except NotInDirectory:
            log.error("directory_entry_withdrawn", entry=entry_id)
            return None
        if entry.local:
            return Phone(entry_id, "sip", f"sip-{entry.number}")
        # A duty phone is a mobile of ours, with a voicemail that "answers" too.
        kind = "outside" if entry.service == DUTY_PHONE else "sister_line"
        return Phone(entry_id, kind, f"{entry.number}@{self.assembly.settings.outbound_trunk}")

    def recording_place(self, call_id: str, verbs_turn: int) -> RecordingPlace:
        folder = self.assembly.settings.recordings_directory.absolute()
        folder.mkdir(parents=True, exist_ok=True)
        reference = messages.reference(call_id, verbs_turn)
        return RecordingPlace(reference, folder / reference)

    def _address(self, contact: Contact) -> str | None:
        if contact.kind in ("sip", "browser"):
            return f"{contact.kind}-{contact.address}"
        trunk = contact.trunk or self.assembly.settings.outbound_trunk
        return f"{contact.address}@{trunk}" if contact.kind == "outside" and trunk else None
