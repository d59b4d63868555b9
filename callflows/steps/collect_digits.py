"""The step `collect_digits`."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from callflows.call import Call
from callflows.events import DigitsCollected, Event, NoInput
from callflows.steps.question import Question
from callflows.steps.step import Asked, Exit, Heard, Prompt
from callflows.verbs import Gather


class CollectDigitsStep(Question):
    """Speak a prompt and take several keys, kept under the name `value`.

    Entry ends at `max_digits`, at the key `finish_on`, or after `timeout` seconds without a
    key. Fewer than `min_digits` is `no_match`, which counts as `no_input` unless it has an
    exit of its own. With `repeat: 1` the prompt is spoken once more first.

    Exits: `collected`, `no_input`, and if wanted `no_match`.

    Example:

        ask_area_code:
          type: collect_digits
          prompt: ask_area_code
          value: area_code
          min_digits: 3
          max_digits: 4
          exits:
            collected: look_up_region
            no_input: anyone
    """

    type: Literal["collect_digits"]
    prompt: Prompt
    value: Annotated[str, Field(pattern=r"^[a-z][a-z_]*$")]
    max_digits: Annotated[int, Field(ge=1, le=20)]
    min_digits: Annotated[int, Field(ge=1, le=20)] = 1
    finish_on: Literal["", "#"] = "#"
    timeout: Annotated[float, Field(ge=1, le=30)] = 5

    EXITS = ("collected", "no_input")
    OPTIONAL_EXITS = MappingProxyType({"no_match": "no_input"})
    PRESSED_EXITS = ("collected", "no_match")
    WAITING_EXITS = ("collected", "no_input", "no_match")

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if self.min_digits > self.max_digits:
            raise ValueError("min_digits is more than max_digits")
        return self

    def ask(self, call: Call) -> Asked:
        says = (call.say(self.prompt),)
        return (Gather(says, self.max_digits, self.timeout, self.finish_on),)

    def hear(self, call: Call, event: Event) -> Heard:
        if isinstance(event, DigitsCollected):
            digits = event.digits
            if self.finish_on:
                digits = digits.removesuffix(self.finish_on)
            if digits.isdecimal() and self.min_digits <= len(digits) <= self.max_digits:
                return Exit("collected", call.with_values(**{self.value: digits}))
            return self.again(call, "no_match")
        if isinstance(event, NoInput):
            return self.again(call, "no_input")
        return None

    def keys_needed(self, exit_name: str) -> int:
        return self.min_digits if exit_name == "collected" else super().keys_needed(exit_name)
