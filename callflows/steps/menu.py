"""The step `menu`."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from callflows.call import Call
from callflows.events import DigitsCollected, Event, NoInput
from callflows.steps.question import Question
from callflows.steps.step import Asked, Exit, Heard, Prompt
from callflows.verbs import Gather


class MenuStep(Question):
    """Speak a prompt and take one key; the exits are the keys.

    Nobody has to press anything: `no_input` leads on after `timeout` seconds of silence, and
    a wrong key counts as none unless `no_match` has an exit of its own. With `repeat: 1` the
    prompt is spoken once more first. The key `*` is not the menu's: it is crisis everywhere.

    Exits: keys `"0"` … `"9"`, `"#"` (in quotes), `no_input`, and if wanted `no_match`.

    Example:

        main_menu:
          type: menu
          prompt: main_menu
          timeout: 4
          exits:
            "1": law
            "2": psychology
            "0": anyone
            no_input: anyone
    """

    type: Literal["menu"]
    prompt: Prompt
    timeout: Annotated[float, Field(ge=1, le=30)] = 4

    EXITS = ("no_input",)
    OPTIONAL_EXITS = MappingProxyType({"no_match": "no_input"})
    KEY_EXITS = True
    PRESSED_EXITS = ("no_match",)
    WAITING_EXITS = ("no_input", "no_match")

    def ask(self, call: Call) -> Asked:
        return (Gather((call.say(self.prompt),), max_digits=1, timeout_seconds=self.timeout),)

    def hear(self, call: Call, event: Event) -> Heard:
        if isinstance(event, DigitsCollected):
            if event.digits in set(self.key_exits()):
                return Exit(event.digits, call)
            return self.again(call, "no_match")
        if isinstance(event, NoInput):
            return self.again(call, "no_input")
        return None
