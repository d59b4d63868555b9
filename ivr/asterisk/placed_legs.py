"""Legs of calls that we placed, once somebody has picked up: what is done is their purpose's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from callflows.verbs import Say
from config.database import StoreUnavailable
from ivr.asterisk.channel import Channel, ChannelGone, ConnectionLost
from ivr.attempts import Attempts
from ivr.placed_calls import PlacedCall, Result
from recordings.prompts import PromptCache

log = structlog.get_logger()

ACCEPT_SECONDS = 4.0
"""After the words, for a key."""
ACCEPTS = "1"

Leg = Callable[[Channel, PlacedCall], None]
"""Performs a leg up to its hang-up. May raise StoreUnavailable, ChannelGone, ConnectionLost."""


class PlacedLegs:
    """Handles `placed`. :param legs: by purpose."""

    def __init__(self, attempts: Attempts, legs: Mapping[str, Leg]) -> None:
        self._attempts = attempts
        self._legs = legs

    def __call__(self, channel: Channel) -> None:
        call_id = channel.env.get("agi_arg_1", "")
        try:
            call = self._attempts.placed(call_id, call_id)
            if call is not None and call.result is None:
                self._legs[call.purpose](channel, call)
        except StoreUnavailable as error:
            log.error("placed_call_left", id=call_id, reason=str(error))
        else:
            channel.set_variable("PLACED_DONE", "1")


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks whoever picks up to accept by key."""

    attempts: Attempts
    prompts: PromptCache

    def accepts(self, channel: Channel, call: PlacedCall, words: Say) -> bool:
        """Say what it is and wait for 1; what is pressed, or a hang-up, ends the attempt."""
        accepted = self.presses_1(channel, call, words)
        self.attempts.end(call.id, Result.ACCEPTED if accepted else Result.NOT_ACCEPTED)
        return accepted

    def presses_1(self, channel: Channel, call: PlacedCall, words: Say) -> bool:
        """The same, where the attempt goes on after the key; a hang-up ends it."""
        try:
            return channel.first_key([self.file(words)], ACCEPT_SECONDS) == ACCEPTS
        except (ChannelGone, ConnectionLost):
            self.attempts.end(call.id, Result.NOT_ACCEPTED)
            raise

    def file(self, said: Say) -> str:
        return str(self.prompts.file(said.text, said.language, said.prompt).absolute())


@dataclass(frozen=True, slots=True)
class SyntheticLeg:
    """A `Leg` of a call without a caller. The attempt ends with it: whoever is free again has an
    idle telephone, for the next call may be theirs at once."""

    asking: Asking
    words: Say
    thanks: Say

    def __call__(self, channel: Channel, call: PlacedCall) -> None:
        accepted = self.asking.presses_1(channel, call, self.words)
        try:
            if accepted:
                channel.stream_file(self.asking.file(self.thanks))
            channel.hangup()
        finally:
            result = Result.ACCEPTED if accepted else Result.NOT_ACCEPTED
            self.asking.attempts.end(call.id, result)
