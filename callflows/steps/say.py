"""The step `say`."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from callflows.call import Call
from callflows.steps.step import Asked, Exit, Prompt, Step


class SayStep(Step):
    """Speak a prompt and go on. Where a menu follows, any key interrupts it.

    Set `recording_notice: true` where the prompt tells that the call is recorded.

    Exits: `done`.

    Example:

        hello:
          type: say
          prompt: hello
          exits:
            done: main_menu
    """

    type: Literal["say"]
    prompt: Prompt
    recording_notice: bool = False

    EXITS = ("done",)

    def ask(self, call: Call) -> Asked:
        say = call.say(self.prompt, recording_notice=self.recording_notice)
        session = replace(call.session, unspoken=(*call.session.unspoken, say))
        return Exit("done", replace(call, session=session))

    def refused_in_danger(self) -> str | None:
        return "a recording notice" if self.recording_notice else None
