"""What performing a call on Twilio needs of the house: numbers, telephones, words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from callflows.verbs import Dial, Say
from config.topics import Topic
from ivr import rung
from ivr.assembly import Assembly
from ivr.controller import Controller
from ivr.house import CARRIER_KINDS
from ivr.sister_lines import INTERNATIONAL
from ivr.twilio import browser_talks
from ivr.twilio.fetching import recording_made
from ivr.twilio.twiml import Phone
from ivr.whispers import LANGUAGE, whispered

ACCEPT = "12355来电，接听请按1。"


@dataclass(frozen=True, slots=True)
class TwilioProvisions:
    """Implements `Calls`'s provisions.

    :param numbers: access number by number of Twilio's.
    """

    assembly: Assembly
    controller: Controller
    numbers: Mapping[str, str]
    topics: Mapping[str, Topic]

    def access_number(self, number: str) -> str:
        return self.numbers.get(number, number)

    def phones(self, dial: Dial) -> list[Phone]:
        if dial.kind == "directory":
            return self._line(dial.target)

        reached = CARRIER_KINDS["twilio"]
        found = self.assembly.store.read(lambda c: rung.contacts(c, dial.target, reached))
        return [
            Phone(counselor_id, contact.kind, contact.address, contact.kind == "outside")
            for counselor_id, contact in found
        ]

    def whisper(self, call_id: str, order_no: str) -> Say:
        values = self.controller.values(call_id)
        words = whispered(self.topics, values.get("topic"), values.get("region_name"), order_no)
        return Say(words, LANGUAGE, "whisper")

    def accept_words(self) -> Say:
        return Say(ACCEPT, LANGUAGE, "accept")

    def lost(self, call_id: str, offer_id: str) -> str | None:
        return self.assembly.store.read(lambda c: browser_talks.lost(c, call_id, offer_id))

    def recording_made(self, recording_sid: str, reference: str, at: datetime) -> None:
        recording_made(self.assembly.store, recording_sid, reference, at)

    def _line(self, entry_id: str) -> list[Phone]:
        entry = rung.directory_entry(self.assembly.directory, entry_id)
        if entry is None or entry.kind not in INTERNATIONAL:
            return []
        must_accept = entry.service == rung.DUTY_PHONE
        return [Phone(entry_id, "outside", entry.number, must_accept, counselor=False)]
