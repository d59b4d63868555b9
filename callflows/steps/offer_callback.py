"""The step `offer_callback`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from callflows.call import Call
from callflows.data_dips import CheckCallback, KeepCallback, Priority
from callflows.events import (
    CallbackImpossible,
    CallbackKept,
    CallbackPossible,
    DigitsCollected,
    Event,
    NoInput,
)
from callflows.steps.step import Asked, Exit, Heard, Prompt, Step
from callflows.verbs import Gather

AGREES = "1"


class OfferCallbackStep(Step):
    """Offer to call back, and keep the caller's place for it where they agree by key 1; any other
    key, or none, declines. After that they may hang up: when their turn comes a counselor is
    rung first, and only once one is on the line is the caller's number.

    - `prompt`: the question. It says which number will be shown.
    - `safe_to_talk`: what whoever answers hears first, before key 1 connects them. It says
      neither topic nor name, for it may be anybody, and tells of the recording.

    Only in a queue that the call waits in. Never for a caller in danger; nor for a number that
    is withheld, isn't somebody's own, or that the line cannot ring: such a caller isn't asked.

    Exits: `agreed`, `declined`, `not_possible`.

    Example:

        call_back:
          type: offer_callback
          prompt: may_we_call_back
          safe_to_talk: safe_to_talk
          exits:
            agreed: goodbye
            declined: anyone
            not_possible: anyone
    """

    type: Literal["offer_callback"]
    prompt: Prompt
    safe_to_talk: Prompt
    timeout: Annotated[float, Field(ge=1, le=30)] = 5

    EXITS = ("agreed", "declined", "not_possible")
    PRESSED_EXITS = ("agreed",)
    WAITING_EXITS = ("agreed", "declined")
    SERVED_EXITS = ("agreed",)

    def enter(self, call: Call) -> Call:
        return call.remember(phase="check")

    def ask(self, call: Call) -> Asked:
        if call.session.priority >= Priority.SILENT_CONFIRMED:
            return Exit("not_possible", call)
        match call.memory["phase"]:
            case "check":
                return CheckCallback()
            case "keep":
                check = call.say(self.safe_to_talk)
                return KeepCallback(check.text, check.language)
            case _:
                question = (call.say(self.prompt),)
                return (Gather(question, max_digits=1, timeout_seconds=self.timeout),)

    def hear(self, call: Call, event: Event) -> Heard:
        match call.memory["phase"], event:
            case "check", CallbackPossible():
                return call.remember(phase="offer")
            case "check" | "keep", CallbackImpossible():
                return Exit("not_possible", call)
            case "offer", DigitsCollected(digits=digits) if digits == AGREES:
                return call.remember(phase="keep")
            case "offer", DigitsCollected() | NoInput():
                return Exit("declined", call)
            case "keep", CallbackKept():
                # The house keeps the place from here on, for another call than this one.
                kept = call.changed(reached="callback", queue=None, queue_stack=())
                return Exit("agreed", kept.changed(queue_memory={}))
            case _:
                return None

    def refused_in_danger(self) -> str | None:
        return "a callback"

    def unpressed_seconds(self) -> float:
        return self.timeout
