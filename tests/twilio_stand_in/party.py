"""Parties that can be called, each with a script of what it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tests.twilio_stand_in.process import Steps, Wait, sleep

if TYPE_CHECKING:
    from tests.twilio_stand_in.leg import Leg

# Busy at once, or declined while it rings: both are busy to Twilio.
Outcome = Literal["answers", "declines", "busy", "no-answer", "failed"]


@dataclass
class Party:
    """A telephone, browser or SIP phone. `legs` are the calls that came to it, with what it heard.

    `keys` are pressed so many seconds after answering. It talks so long once connected, then hangs
    up; without `hangs_up` it waits for the other side. A voicemail answers and presses nothing.
    """

    address: str
    outcome: Outcome = "answers"
    answers_after: float = 2.0
    keys: Sequence[tuple[float, str]] = ()
    talks: float = 60.0
    hangs_up: bool = True
    hangs_up_after: float | None = None
    legs: list[Leg] = field(default_factory=list)

    def ring(self, leg: Leg, timeout: float) -> Steps[str | None]:
        """Let it ring: None when answered, else the status that the leg ends in."""
        self.legs.append(leg)
        leg.progress("initiated")
        if self.outcome in ("busy", "failed"):
            return self.outcome
        leg.progress("ringing")
        acts = self.outcome in ("answers", "declines") and self.answers_after < timeout
        yield from sleep(self.answers_after if acts else timeout, leg.clock)
        if not acts:
            return "no-answer"
        if self.outcome == "declines":
            return "busy"
        leg.answer()
        for seconds, keys in self.keys:
            leg.press(keys, after=seconds)
        if self.hangs_up_after is not None:
            leg.hang_up(after=self.hangs_up_after)
        return None

    def talk(self, leg: Leg) -> Steps[None]:
        if self.hangs_up:
            yield from sleep(self.talks, leg.clock)
            return
        while True:
            yield Wait(None)
