"""The step `voicemail`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from callflows.call import Call
from callflows.events import Event, RecordingFinished
from callflows.steps.step import Asked, Exit, Heard, Prompt, Step
from callflows.verbs import Record


class VoicemailStep(Step):
    """Speak a prompt and a tone, then record a message, until the caller hangs up, presses a
    key, is silent for `silence_seconds` or has spoken for `max_seconds`. A place in the queue
    is given up. Never for a caller in danger: `*` while recording is crisis.

    Exits: `recorded`.

    Example:

        message:
          type: voicemail
          prompt: leave_message
          exits:
            recorded: goodbye
    """

    type: Literal["voicemail"]
    prompt: Prompt
    max_seconds: Annotated[int, Field(ge=10, le=600)] = 120
    silence_seconds: Annotated[int, Field(ge=3, le=60)] = 8

    EXITS = ("recorded",)
    WAITING_EXITS = ("recorded",)
    SERVED_EXITS = ("recorded",)

    def ask(self, call: Call) -> Asked:
        return (call.say(self.prompt), Record(self.max_seconds, self.silence_seconds))

    def hear(self, call: Call, event: Event) -> Heard:
        if isinstance(event, RecordingFinished):
            return Exit("recorded", call.changed(reached="voicemail"))
        return None

    def refused_in_danger(self) -> str | None:
        return "a voicemail"
