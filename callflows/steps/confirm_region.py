"""The step `confirm_region`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from callflows.call import Call
from callflows.events import DigitsCollected, Event, NoInput
from callflows.steps.step import Asked, Exit, Heard, PromptField, Step
from callflows.verbs import Gather


class ConfirmRegionStep(Step):
    """Speak the region found, `{region}` in the prompt, and let the caller confirm it by key 1
    or deny it by any other. A confirmed region counts as stated and certain; a denied one is
    forgotten; silence leaves it as it is.

    Exits: `confirmed`, `denied`, `no_input`.

    Example:

        confirm:
          type: confirm_region
          prompt: confirm_region
          exits:
            confirmed: anyone
            denied: ask_area_code
            no_input: anyone
    """

    type: Literal["confirm_region"]
    prompt: Annotated[str, PromptField(("region",))]
    timeout: Annotated[float, Field(ge=1, le=30)] = 4

    EXITS = ("confirmed", "denied", "no_input")
    PRESSED_EXITS = ("confirmed", "denied")
    WAITING_EXITS = ("confirmed", "denied", "no_input")

    def ask(self, call: Call) -> Asked:
        say = call.say(self.prompt, region=call.value("region_name"))
        return (Gather((say,), max_digits=1, timeout_seconds=self.timeout),)

    def hear(self, call: Call, event: Event) -> Heard:
        if isinstance(event, NoInput):
            return Exit("no_input", call)
        if not isinstance(event, DigitsCollected):
            return None
        if event.digits == "1":
            certain = call.with_values(region_source="stated", region_confidence="certain")
            return Exit("confirmed", certain)
        kept = {k: v for k, v in call.session.values.items() if not k.startswith("region")}
        return Exit("denied", call.changed(values=kept))

    def unpressed_seconds(self) -> float:
        return self.timeout
