"""The step `hang_up`."""

from __future__ import annotations

from typing import Literal

from callflows.call import Call
from callflows.steps.step import Asked, Prompt, Step
from callflows.verbs import Hangup


class HangUpStep(Step):
    """End the call, after a prompt if one is given. No flow may come here before the caller
    has reached a human, a voicemail or an emergency line.

    Exits: none.

    Example:

        goodbye:
          type: hang_up
          prompt: goodbye
    """

    type: Literal["hang_up"]
    prompt: Prompt | None = None

    def ask(self, call: Call) -> Asked:
        says = (call.say(self.prompt),) if self.prompt else ()
        return (*says, Hangup())
