"""What the steps share that ask with a prompt and wait for keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from callflows.call import Call
from callflows.steps.step import Exit, Heard, Step


class Question(Step):
    """A step that gives up only after it has asked `repeat` times more."""

    timeout: Annotated[float, Field(ge=1, le=30)]
    repeat: Annotated[int, Field(ge=0, le=2)] = 0

    def again(self, call: Call, exit_name: str) -> Heard:
        """Ask once more, or leave by `exit_name`."""
        repeated: int = call.memory.get("repeated", 0)
        if repeated < self.repeat:
            return call.remember(repeated=repeated + 1)
        return Exit(exit_name, call)

    def unpressed_seconds(self) -> float:
        return self.timeout * (self.repeat + 1)
