"""What performing a call on Twilio needs of the house: numbers, telephones, words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection

from agents import roster
from agents.roster import Contact
from callflows.verbs import Dial, Say
from config.topics import load_topics
from ivr.assembly import Assembly
from ivr.controller import Controller
from ivr.house import CARRIER_KINDS
from ivr.pending import Pending
from ivr.twilio.fetching import recording_made
from ivr.twilio.twiml import Phone
from routing import offers
from routing.directory import NotInDirectory

log = structlog.get_logger()

DUTY_PHONE = "duty_phone"
"""The directory's service whose lines are our own people's."""
LANGUAGE = "zh-CN"
"""Of our own people."""
ACCEPT = "12355来电，接听请按1。"


@dataclass(frozen=True, slots=True)
class TwilioProvisions:
    """Implements `Calls`'s provisions.

    :param numbers: access number by number of Twilio's.
    """

    assembly: Assembly
    controller: Controller
    numbers: Mapping[str, str]

    def access_number(self, number: str) -> str:
        return self.numbers.get(number, number)

    def phones(self, pending: Pending, dial: Dial) -> list[Phone]:
        if dial.kind == "directory":
            return self._line(dial.target)

        def work(connection: Connection) -> list[Phone]:
            parts = offers.parts_of(connection, dial.target)
            of = roster.contacts_of(connection, [part.counselor_id for part in parts])
            return [
                Phone(part.counselor_id, contact.kind, contact.address, _must_accept(contact))
                for part in parts
                for contact in of.get(part.counselor_id, ())
                if contact.kind in CARRIER_KINDS["twilio"]
            ]

        return self.assembly.store.read(work)

    def whisper(self, call_id: str, order_no: str) -> Say:
        values = self.controller.values(call_id)
        topics = load_topics(self.assembly.settings.stations_directory)
        topic = topics.get(values.get("topic", "unknown"), topics["unknown"]).name(LANGUAGE)
        words = (values.get("region_name", "地区不详"), topic, f"工单{order_no[-4:]}")
        return Say("，".join(words), LANGUAGE, "whisper")

    def accept_words(self) -> Say:
        return Say(ACCEPT, LANGUAGE, "accept")

    def recording_made(self, recording_sid: str, reference: str, at: datetime) -> None:
        recording_made(self.assembly.store, recording_sid, reference, at)

    def _line(self, entry_id: str) -> list[Phone]:
        try:
            entry = self.assembly.directory.entry(entry_id)
        except NotInDirectory:
            log.error("directory_entry_withdrawn", entry=entry_id)
            return []
        if entry.local or not entry.number.startswith("+"):
            # A phone of Asterisk's, or a short code, which means something else abroad.
            return []
        must_accept = entry.service == DUTY_PHONE
        return [Phone(entry_id, "outside", entry.number, must_accept, counselor=False)]


def _must_accept(contact: Contact) -> bool:
    return contact.kind == "outside"
