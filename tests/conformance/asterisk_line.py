"""Calls of the stand-in for Asterisk: the real FastAGI server and its handlers behind it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from ivr.asterisk.calls import CallHandler, HangupHandler
from ivr.asterisk.dialling import phone_of_channel
from ivr.asterisk.provisions import Provisions
from ivr.asterisk.server import FastAgiServer
from ivr.simulated_caller import Telephone
from ivr.transaction import Woken
from recordings.prompts import PromptCache
from tests.asterisk_stand_in import Asterisk, Channel
from tests.conformance.line import VOICE_SECONDS, TelephoneLine
from tests.conformance.world import DUTY_PHONE, ENTRIES, PEOPLE, TRUNK


class UnspokenPrompts(PromptCache):
    """Files that are there and hold no sound; `texts` tells what each would say."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.directory = directory
        self.texts: dict[str, str] = {}

    def file(self, text: str, language: str, prompt: str = "") -> Path:
        path = self.directory / sha256(f"{language}|{text}".encode()).hexdigest()[:32]
        path.with_suffix(".wav").touch()
        self.texts[str(path.absolute())] = text
        return path


class AsteriskLine(TelephoneLine):
    carrier = "asterisk"
    tone_after = 0.5

    def _open(self) -> None:
        settings = self.assembly.settings
        self._prompts = UnspokenPrompts(settings.prompts_directory)
        provisions = Provisions(self.assembly, self.controller, self._prompts)
        self._server = FastAgiServer(
            ("127.0.0.1", 0),
            {
                "call": CallHandler(self.controller, provisions, self.clock.now),
                "hangup": HangupHandler(self.controller, self.clock.now),
            },
        )
        self._server.start()
        self.asterisk = Asterisk(
            settings.asterisk_name,
            self._server.address,
            self.clock,
            self._rung,
            self._bridged,
            VOICE_SECONDS,
            self.tone_after,
        )
        self._who = self._dial_strings()

    def __exit__(self, *failure: object) -> None:
        self._server.stop()
        super().__exit__(*failure)

    def bring(self, number: str | None, access_number: str) -> None:
        self.asterisk.incoming(number and number.removeprefix("+86"), access_number)

    def wake(self, woken: Woken) -> None:
        """As the waker does: the key is played until the turn has moved."""
        self.asterisk.play_digit(woken.channel, "D", lambda: self.controller.slept_on(woken))

    def conversation(self) -> str:
        text = "\n".join("\n".join(channel.lines) for channel in self.asterisk.channels.values())
        for path, said in self._prompts.texts.items():
            text = text.replace(path, said)
        recordings = self.assembly.settings.recordings_directory.absolute()
        return text.replace(f"{recordings}/", "") + "\n"

    def press(self, call_id: str, key: str) -> None:
        self._channel(call_id).press(key)

    def hang_up(self, call_id: str) -> None:
        self._channel(call_id).hang_up()

    def speak(self, call_id: str, seconds: float) -> None:
        self._channel(call_id).speak(seconds)

    def _channel(self, call_id: str) -> Channel:
        [found] = [
            channel for channel in self.asterisk.channels.values() if channel.unique_id == call_id
        ]
        return found

    def _rung(self, strings: Sequence[str]) -> Sequence[Telephone]:
        return [self.telephone(self._who[string]) for string in strings]

    def _bridged(self, call_id: str, channel: str) -> None:
        """As the engine hears of it by AMI."""
        number = phone_of_channel(channel)
        if number:
            self.controller.counselor_answered(call_id, number, self.clock.now())

    def _dial_strings(self) -> dict[str, str]:
        """Who is behind each."""
        strings = {
            f"PJSIP/{contact.kind}-{contact.address}": person.id
            for person in PEOPLE
            for contact in person.contacts
            if contact.kind == "sip"
        }
        for entry_id in ENTRIES:
            number = self.assembly.directory.entry(entry_id).number
            accepts = entry_id == DUTY_PHONE
            form = f"Local/{number}@outside-{TRUNK}/n" if accepts else f"PJSIP/{number}@{TRUNK}"
            strings[form] = entry_id
        return strings
