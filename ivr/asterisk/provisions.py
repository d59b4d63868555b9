"""What performing a turn on Asterisk needs of the house: files, phones, reservations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from agents import roster
from agents.roster import Contact
from ivr import messages
from ivr.assembly import Assembly
from ivr.asterisk.performer import RecordingPlace
from ivr.controller import Controller
from recordings.prompts import PromptCache
from routing import offers


@dataclass(frozen=True, slots=True)
class Phone:
    """One thing to dial: `address` is an account's name, or `number@trunk`."""

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
        """Every phone of everybody the offer holds: all of them ring."""

        def work(connection: Connection) -> list[Phone]:
            parts = offers.parts_of(connection, offer_id)
            of = roster.contacts_of(connection, [part.counselor_id for part in parts])
            return [
                Phone(part.counselor_id, contact.kind, address)
                for part in parts
                for contact in of.get(part.counselor_id, ())
                if (address := self._address(contact)) is not None
            ]

        return self.assembly.store.read(work)

    def directory_number(self, entry_id: str) -> str:
        entry = self.assembly.directory.entry(entry_id)
        if entry.local:
            return f"sip-{entry.number}"
        return f"{entry.number}@{self.assembly.settings.outbound_trunk}"

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
