"""The step `set_value`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from callflows.call import Call
from callflows.steps.step import Asked, Exit, Step


class SetValueStep(Step):
    """Note something about the call: `topic` (see topics.yaml), `language` (`zh-CN`, `en`), or
    a name of your own for a later `branch`.

    Exits: `done`.

    Example:

        choose_law:
          type: set_value
          values:
            topic: law
          exits:
            done: anyone
    """

    type: Literal["set_value"]
    values: Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-z][a-z_]*$")], str], Field(min_length=1)
    ]

    EXITS = ("done",)

    def ask(self, call: Call) -> Asked:
        return Exit("done", call.with_values(**self.values))
