"""What performing a turn on Asterisk needs of the house: files, phones, reservations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agents import roster
from ivr import messages, rung
from ivr.assembly import Assembly
from ivr.asterisk.dialling import contact_address
from ivr.asterisk.performer import RecordingPlace
from ivr.controller import Controller
from recordings.prompts import PromptCache


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
        settings = self.assembly.settings
        here = roster.reached(roster.CONTACT_KINDS, settings.asterisk_name)
        found = self.assembly.store.read(lambda c: rung.contacts(c, offer_id, here))
        return [
            Phone(counselor_id, contact.kind, address)
            for counselor_id, contact in found
            if (address := contact_address(contact, settings.outbound_trunk)) is not None
        ]

    def phones_of(self, counselor_id: str) -> list[Phone]:
        """Every phone here of one counselor."""
        settings = self.assembly.settings
        here = roster.reached(roster.CONTACT_KINDS, settings.asterisk_name)
        found = self.assembly.store.read(lambda c: roster.contacts_of(c, [counselor_id]))
        return [
            Phone(counselor_id, contact.kind, address)
            for contact in found.get(counselor_id, ())
            if contact.reach in here
            and (address := contact_address(contact, settings.outbound_trunk)) is not None
        ]

    def numbers_of(self, counselor_id: str) -> frozenset[str]:
        """By which a counselor's legs are known."""
        found = self.assembly.store.read(lambda c: roster.contacts_of(c, [counselor_id]))
        return frozenset(contact.address for contact in found.get(counselor_id, ()))

    def directory_line(self, entry_id: str) -> Phone | None:
        entry = rung.directory_entry(self.assembly.directory, entry_id)
        if entry is None:
            return None
        if entry.local:
            return Phone(entry_id, "sip", f"sip-{entry.number}")
        kind = "outside" if entry.service == rung.DUTY_PHONE else "sister_line"
        return Phone(entry_id, kind, f"{entry.number}@{self.assembly.settings.outbound_trunk}")

    def recording_place(self, call_id: str, verbs_turn: int) -> RecordingPlace:
        folder = self.assembly.settings.recordings_directory.absolute()
        folder.mkdir(parents=True, exist_ok=True)
        reference = messages.reference(call_id, verbs_turn)
        return RecordingPlace(reference, folder / reference)
