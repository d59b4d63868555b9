"""Every address that Twilio is told to ask us at, below the deployment's public address.

The turn stands in each, so with the CallSid it names the step: an answer to a turn that is past
moves nothing. No key pressed and no number ever stands in one: proxies log addresses.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from urllib.parse import quote

PREFIX = "/twilio"


@dataclass(frozen=True, slots=True)
class Addresses:
    """:param public: `https://ivr.example.cn`, as Twilio reaches us, without a slash at its end.
    :param key: signs the addresses of sounds.
    """

    public: str
    key: bytes

    def _of(self, *parts: str | int) -> str:
        return "/".join([self.public + PREFIX, *(quote(str(part), safe=":") for part in parts)])

    @property
    def call(self) -> str:
        """A number's voice address: a call begins."""
        return self._of("call")

    @property
    def status(self) -> str:
        """A number's status callback: a call is over."""
        return self._of("status")

    def turn(self, turn: int) -> str:
        """What the turn's last verb came to."""
        return self._of("call", turn)

    def key_pressed(self, turn: int) -> str:
        """A key while the turn's words were spoken."""
        return self._of("call", turn, "key")

    def key_in_queue(self, turn: int) -> str:
        """A key while the turn's words were spoken in the queue."""
        return self._of("call", turn, "wait", "key")

    def wait(self, turn: int) -> str:
        """What is heard in the queue, a few seconds at a time; a key pressed there, too."""
        return self._of("call", turn, "wait")

    def wait_alone(self, turn: int, waited: int) -> str:
        """The same for whom Twilio's queue has no place."""
        return self._of("call", turn, "wait", "alone", waited)

    def reserved(self, turn: int) -> str:
        """Where a waiting call is sent when somebody is reserved for it."""
        return self._of("call", turn, "reserved")

    def leg(self, turn: int, kind: str, who: str) -> str:
        """What is said to who has picked up, before they meet the caller; `kind`, `who`: at which
        of the telephones that the turn rings."""
        return self._of("leg", turn, kind, who)

    def leg_answered(self, turn: int, kind: str, who: str) -> str:
        """Told that a sister line has picked up: nothing is said to it first."""
        return self._of("leg", turn, kind, who, "answered")

    def leg_key(self, turn: int, kind: str, who: str) -> str:
        """The key by which who has picked up outside accepts."""
        return self._of("leg", turn, kind, who, "key")

    def placed(self, call_id: str) -> str:
        """What is said to who picks up a call that we placed."""
        return self._of("placed", call_id)

    def placed_key(self, call_id: str) -> str:
        """The key by which they accept."""
        return self._of("placed", call_id, "key")

    def called_back(self, call_id: str) -> str:
        """What is said to who picks up where a counselor calls back."""
        return self._of("placed", call_id, "caller")

    def called_back_key(self, call_id: str) -> str:
        """The key by which it is safe to talk."""
        return self._of("placed", call_id, "caller", "key")

    def called_back_over(self, call_id: str) -> str:
        """What came of it."""
        return self._of("placed", call_id, "over")

    def placed_status(self, call_id: str) -> str:
        """How the call goes on, and its end."""
        return self._of("placed", call_id, "status")

    def asked_in(self, request: str, *, must_accept: bool) -> str:
        """What is said to who picks up that is asked into a talk."""
        return self._of("asked-in", request, *(["accept"] if must_accept else []))

    def asked_in_key(self, request: str) -> str:
        """The key by which they accept."""
        return self._of("asked-in", request, "key")

    def asked_in_status(self, request: str) -> str:
        """How their call goes on, and its end."""
        return self._of("asked-in", request, "status")

    def conference(self, order_no: str) -> str:
        """Where the counselor's leg is sent once somebody is there who was asked in."""
        return self._of("conference", order_no)

    def out_of_conference(self, turn: int, *, alone: bool) -> str:
        """Where a caller is sent who doesn't belong in a conference any more; `alone`: nobody had
        come."""
        return self._of("call", turn, "conference", "alone" if alone else "over")

    def sound(self, name: str) -> str:
        """A sound file of ours; its name is a digest of its content."""
        return self._of("sound", self.signature(name), f"{name}.wav")

    def signature(self, name: str) -> str:
        return hmac.digest(self.key, b"sound\0" + name.encode(), "sha256").hex()[:32]
