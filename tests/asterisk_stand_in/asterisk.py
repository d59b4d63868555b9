"""One Asterisk: its channels, what is rung, and what AMI tells and is told."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ivr.simulated_caller import Telephone
from tests.asterisk_stand_in.channel import Channel
from tests.twilio_stand_in.clock import Clock

WAKE_AGAIN_SECONDS = 0.2


@dataclass(eq=False)
class Asterisk:
    """
    :param engine: the FastAGI server's address.
    :param rung: how the telephones behind these dial strings behave.
    :param bridged: AMI's BridgeEnter of a called leg: the call's id and the leg's channel.
    """

    name: str
    engine: tuple[str, int]
    clock: Clock
    rung: Callable[[Sequence[str]], Sequence[Telephone]]
    bridged: Callable[[str, str], None]
    voice_seconds: float = 1.0
    beep_seconds: float = 0.5
    channels: dict[str, Channel] = field(default_factory=dict)
    _serial: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def incoming(self, number: str | None, access_number: str) -> Channel:
        """Somebody calls on the trunk of `access_number`. None: the number is withheld."""
        serial = next(self._serial)
        channel = Channel(self, f"{self.name}-{serial}.1", f"PJSIP/trunk-{serial:08x}")
        channel.env = {
            "agi_uniqueid": channel.unique_id,
            "agi_channel": channel.name,
            "agi_callerid": number or "anonymous",
            "agi_calleridname": "unknown",
            "agi_callingpres": "0" if number else "32",
            "agi_extension": "s",
            "agi_arg_1": access_number,
        }
        self.channels[channel.name] = channel
        channel.begin()
        return channel

    def play_digit(self, channel: str, digit: str, again: Callable[[], bool]) -> None:
        """AMI PlayDTMF with Receive, at once and for as long as `again` asks for it."""

        def play() -> None:
            self.channels[channel].press(digit)
            self.clock.after(WAKE_AGAIN_SECONDS, once_more)

        def once_more() -> None:
            if again():
                play()

        self.clock.after(0, play)
