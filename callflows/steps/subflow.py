"""The step `subflow`."""

from __future__ import annotations

from typing import Literal

from callflows.call import Call
from callflows.steps.step import Asked, Enter, Step


class SubflowStep(Step):
    """Go through another flow. Its `returns` are this step's exits; a flow that returns
    nothing (it always ends the call) leaves the step without exits.

    Exits: the other flow's `returns`, each of them.

    Example:

        busy:
          type: subflow
          flow: all_busy
          exits:
            keep_waiting: anyone
    """

    type: Literal["subflow"]
    flow: str

    def ask(self, call: Call) -> Asked:
        return Enter(self.flow)
