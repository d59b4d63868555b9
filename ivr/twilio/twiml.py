"""One turn's verbs as TwiML.

Words before a verb that waits stand in a Gather of their own, for the key `*` counts while they
are spoken; nobody is kept from what follows them by pressing nothing. Twilio hears no key while
telephones ring: `*` is heard before and after.

TwiML: https://www.twilio.com/docs/voice/twiml
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, assert_never
from xml.sax.saxutils import escape

import structlog
from twilio.twiml.voice_response import Dial as DialElement
from twilio.twiml.voice_response import VoiceResponse

from callflows.verbs import Answer, Confer, Dial, Gather, Hangup, Hold, Record, Say
from ivr.pending import Pending
from ivr.twilio.addresses import Addresses
from ivr.twilio.sounds import MUSIC_SECONDS
from ivr.twilio.voices import voice_of

log = structlog.get_logger()

LARGEST_SPEECH = 48_000
"""Bytes of words in a document. Twilio takes 64 kB in all ("Error 11750"); what else stands in
ours is far below the rest."""
LARGEST_SAY = 400
"""Characters spoken by one element: Twilio speaks 3,000 bytes, and no more than 4,500 once encoded
as in an address, where a Chinese character is nine ("Error 13521")."""
QUEUE = "12355"
ANY_KEY = "1234567890*#"
ELEMENT_BYTES = 500
"""What stands around words, an address of ours at the most."""
ACCEPT_SECONDS = 4


def called(kind: str, address: str) -> str:
    """A telephone as the Call resource's To."""
    return f"client:{address}" if kind == "twilio_client" else address


@dataclass(frozen=True, slots=True)
class Phone:
    """One thing to ring. `who`: the counselor's id, or the directory entry's. `kind`:
    `twilio_client`, `sip_uri` or `outside`. Whoever answers has to accept where `must_accept`;
    a `counselor` hears who is calling."""

    who: str
    kind: str
    address: str
    must_accept: bool = False
    counselor: bool = True

    @property
    def called(self) -> str:
        return called(self.kind, self.address)


class Sounds(Protocol):
    def recorded(self, prompt: str, language: str) -> str | None:
        """The name of a person's recording of a prompt."""

    def music(self, waited: int) -> str:
        """The name of the waiting music's next piece, for who has waited so many seconds."""


@dataclass(frozen=True, slots=True)
class Twiml:
    """Writes documents.

    :param caller_id: the number that telephones outside are shown; E.164.
    """

    addresses: Addresses
    sounds: Sounds
    caller_id: str

    def turn(self, pending: Pending, phones: Sequence[Phone], silent: bool = False) -> str:
        """What Twilio is to do next in a call.

        :param phones: whom a Dial rings.
        :param silent: the words before the last verb have been heard.
        """
        response = VoiceResponse()
        *before, last = pending.verbs
        says = [verb for verb in before if isinstance(verb, Say)]
        if says and not silent and not isinstance(last, Gather | Hold):
            gather = self._gather(response, self.addresses.key_pressed(pending.turn), 1, 1)
            self._say_all(gather, says)
        match last:
            case Gather():
                seconds = max(1, math.ceil(last.timeout_seconds))
                action = self.addresses.turn(pending.turn)
                gather = self._gather(
                    response, action, last.max_digits, seconds, action_on_empty_result=True
                )
                self._say_all(gather, [] if silent else [*says, *last.says])
            case Hold():
                # Its words are heard in the queue: only out of there is a call let go safely.
                response.enqueue(
                    QUEUE,
                    action=self.addresses.turn(pending.turn),
                    wait_url=self.addresses.wait(pending.turn),
                )
            case Record():
                response.record(
                    action=self.addresses.turn(pending.turn),
                    max_length=last.max_seconds,
                    timeout=last.silence_seconds,
                    finish_on_key=ANY_KEY,
                    play_beep=True,
                    trim="do-not-trim",
                )
                # Of an empty recording Twilio doesn't ask the action, and goes on here.
                response.redirect(self.addresses.turn(pending.turn))
            case Dial():
                self._dial(response, pending.turn, last, phones)
            case Confer():
                self._confer(response, pending.order_no, self.addresses.turn(pending.turn))
            case Hangup():
                response.hangup()
            case Answer() | Say():
                raise ValueError("a turn must end in a verb that waits, or in Hangup")
            case _:
                assert_never(last)
        return written(response)

    def words(self, pending: Pending) -> str:
        """In the queue, what is said before the music."""
        response = VoiceResponse()
        gather = self._gather(response, self.addresses.key_in_queue(pending.turn), 1, 1)
        self._say_all(gather, [verb for verb in pending.verbs if isinstance(verb, Say)])
        return written(response)

    def wait(self, turn: int, waited: int) -> str:
        """Music for the next seconds in the queue."""
        return self._music(self.addresses.wait(turn), waited, None)

    def wait_alone(self, turn: int, waited: int) -> str:
        """The same for whom Twilio's queue has no place."""
        again = self.addresses.wait_alone(turn, waited + MUSIC_SECONDS + 1)
        return self._music(self.addresses.wait_alone(turn, waited), waited, again)

    def whisper(self, words: Say) -> str:
        """To who has picked up: the last words to them alone. Then they meet the caller; where
        there is none, the call is over."""
        response = VoiceResponse()
        self._say_all(response, [words])
        return written(response)

    def accept(self, turn: int, phone: Phone, words: Say) -> str:
        """To who has picked up outside: a person presses 1, a voicemail doesn't."""
        return self._accept(self.addresses.leg_key(turn, phone.kind, phone.who), words)

    def accept_placed(self, call_id: str, words: Say) -> str:
        """The same to who has picked up a call that we placed."""
        return self._accept(self.addresses.placed_key(call_id), words)

    def accept_asked_in(self, request: str, words: Say) -> str:
        """The same to who has picked up to be asked into a talk."""
        return self._accept(self.addresses.asked_in_key(request), words)

    def conference(self, order_no: str) -> str:
        """For whoever talks with a caller in the conference of their order."""
        response = VoiceResponse()
        self._confer(response, order_no, None)
        return written(response)

    def call_back(self, call_id: str, number: str, seconds: int) -> str:
        """From a counselor who has accepted to the caller, who is asked first."""
        response = VoiceResponse()
        dial: DialElement = response.dial(
            action=self.addresses.called_back_over(call_id),
            timeout=seconds,
            caller_id=self.caller_id,
        )
        dial.number(number, url=self.addresses.called_back(call_id))
        return written(response)

    def ask_called_back(self, call_id: str, words: Say) -> str:
        """To whoever picks up there: only a person who presses 1 is connected."""
        return self._accept(self.addresses.called_back_key(call_id), words)

    def _accept(self, action: str, words: Say) -> str:
        response = VoiceResponse()
        gather = self._gather(response, action, 1, ACCEPT_SECONDS)
        self._say_all(gather, [words])
        response.hangup()
        return written(response)

    def _confer(self, response: VoiceResponse, order_no: str, action: str | None) -> None:
        """:param action: the caller's: without them the conference is over."""
        dial: DialElement = response.dial(action=action) if action else response.dial()
        dial.conference(
            order_no, beep=False, wait_url="", end_conference_on_exit=action is not None
        )

    def _music(self, action: str, waited: int, again: str | None) -> str:
        response = VoiceResponse()
        gather = self._gather(response, action, 1, 1)
        gather.play(self.addresses.sound(self.sounds.music(waited)))
        if again is not None:
            response.redirect(again)
        return written(response)

    def _gather(self, parent: Any, action: str, keys: int, seconds: int, **more: Any) -> Any:
        # No finishing key: it ends nothing that no other key came before, and is not told.
        return parent.gather(
            input="dtmf",
            action=action,
            num_digits=keys,
            timeout=seconds,
            finish_on_key="",
            **more,
        )

    def _say_all(self, parent: Any, says: Sequence[Say]) -> None:
        for say in _fitting(says):
            recorded = self.sounds.recorded(say.prompt, say.language)
            if recorded is not None:
                parent.play(self.addresses.sound(recorded))
                continue
            voice = voice_of(say.language)
            for begin in range(0, len(say.text), LARGEST_SAY):
                piece = say.text[begin : begin + LARGEST_SAY]
                parent.say(piece, voice=voice.name, language=voice.language)

    def _dial(
        self, response: VoiceResponse, turn: int, verb: Dial, phones: Sequence[Phone]
    ) -> None:
        dial: DialElement = response.dial(
            action=self.addresses.turn(turn),
            timeout=verb.ring_seconds,
            caller_id=self.caller_id,
        )
        for phone in phones:
            if phone.counselor or phone.must_accept:
                told = {"url": self.addresses.leg(turn, phone.kind, phone.who)}
            else:
                told = {
                    "status_callback": self.addresses.leg_answered(turn, phone.kind, phone.who),
                    "status_callback_event": "answered",
                }
            match phone.kind:
                case "twilio_client":
                    dial.client(phone.address, **told)
                case "sip_uri":
                    dial.sip(phone.address, **told)
                case _:
                    dial.number(phone.address, **told)


def leave() -> str:
    """Out of the queue: Twilio asks the Enqueue's action for what comes next."""
    response = VoiceResponse()
    response.leave()
    return written(response)


def hang_up() -> str:
    response = VoiceResponse()
    response.hangup()
    return written(response)


def nothing() -> str:
    """Go on as you were."""
    return written(VoiceResponse())


def written(response: VoiceResponse) -> str:
    return str(response.to_xml())


def _fitting(says: Sequence[Say]) -> list[Say]:
    """As many of the last words as fit in a document: those tell which keys to press. A caller
    who misses the first is served; one whose document is refused is not."""
    kept: list[Say] = []
    room = LARGEST_SPEECH
    for say in reversed(says):
        room -= len(escape(say.text).encode()) + ELEMENT_BYTES
        if room < 0:
            log.error("words_left_out", prompts=len(says) - len(kept))
            break
        kept.append(say)
    return kept[::-1]
