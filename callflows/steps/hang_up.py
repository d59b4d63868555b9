"""The step `hang_up`."""

from __future__ import annotations

from typing import Literal

from callflows.call import Call
from callflows.events import DigitsCollected, Event, NoInput
from callflows.steps.step import Asked, Heard, Prompt, Step
from callflows.verbs import Gather, Hangup

LAST_WORD_SECONDS = 0.5
"""After the prompt, for whoever thinks of `*` only now."""


class HangUpStep(Step):
    """End the call, after a prompt if one is given; `*` is heard during it as everywhere. No
    flow may come here before the caller has reached a human, a voicemail or an emergency line.

    Exits: none.

    Example:

        goodbye:
          type: hang_up
          prompt: goodbye
    """

    type: Literal["hang_up"]
    prompt: Prompt | None = None

    def ask(self, call: Call) -> Asked:
        if self.prompt is None or call.memory.get("spoken"):
            return (Hangup(),)
        return (Gather((call.say(self.prompt),), 1, LAST_WORD_SECONDS),)

    def hear(self, call: Call, event: Event) -> Heard:
        if isinstance(event, DigitsCollected | NoInput):
            return call.remember(spoken=True)
        return None
