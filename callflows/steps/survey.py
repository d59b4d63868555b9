"""The step `survey`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from callflows.call import Call
from callflows.data_dips import CheckSurvey, KeepSurvey, Priority
from callflows.events import (
    DigitsCollected,
    Event,
    NoInput,
    SurveyImpossible,
    SurveyKept,
    SurveyPossible,
)
from callflows.steps.step import Asked, Exit, Heard, Prompt, Step
from callflows.verbs import Gather

SATISFACTION = {"1": 1, "2": 2, "3": 3}


class SurveyStep(Step):
    """Ask the caller once how the service was, after a counselor has hung up: key 1 satisfied,
    2 fairly, 3 not. Any other key, or none, is no answer; whoever hangs up has ended the call well.
    The answer stands in the order; after key 3 a supervisor calls back where that is safe.

    Only after a talk with a counselor of ours, never after a sister line. Never for a caller in
    danger; nor after a talk that was cut short, a risk of R2 and up, harm done to a minor, or what
    was no consultation, as far as the order says so by then: such a caller isn't asked.

    Exits: `answered`, `not_answered`.

    Example:

        survey:
          type: survey
          prompt: how_was_it
          exits:
            answered: thanks
            not_answered: goodbye
    """

    type: Literal["survey"]
    prompt: Prompt
    timeout: Annotated[float, Field(ge=1, le=30)] = 5

    EXITS = ("answered", "not_answered")
    PRESSED_EXITS = ("answered",)
    WAITING_EXITS = ("answered",)

    def enter(self, call: Call) -> Call:
        return call.remember(phase="check")

    def ask(self, call: Call) -> Asked:
        session = call.session
        if not session.talk_is_over or session.priority > Priority.NORMAL:
            return Exit("not_answered", call)
        match call.memory["phase"]:
            case "check":
                return CheckSurvey()
            case "keep":
                return KeepSurvey(call.memory["satisfaction"])
            case _:
                question = (call.say(self.prompt),)
                return (Gather(question, max_digits=1, timeout_seconds=self.timeout),)

    def hear(self, call: Call, event: Event) -> Heard:
        match call.memory["phase"], event:
            case "check", SurveyPossible():
                return call.remember(phase="ask")
            case "check", SurveyImpossible():
                return Exit("not_answered", call)
            case "ask", DigitsCollected(digits=digits) if digits in SATISFACTION:
                return call.remember(phase="keep", satisfaction=SATISFACTION[digits])
            case "ask", DigitsCollected() | NoInput():
                return Exit("not_answered", call)
            case "keep", SurveyKept():
                return Exit("answered", call)
            case _:
                return None

    def unpressed_seconds(self) -> float:
        return self.timeout
