"""The step `branch`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import model_validator

from callflows.call import Call
from callflows.data_dips import FindDirectoryEntry
from callflows.events import DirectoryEntryFound, DirectoryEntryMissing, Event
from callflows.steps.step import Asked, Exit, Heard, Step


class BranchStep(Step):
    """Go one way or another without asking the caller.

    With `value`, the exits are the values it may have, and `otherwise`. With `in_directory`,
    a service of the directory (`police`, `psychology` …), the exits are `listed` where it can
    be dialled for the caller's region, and `otherwise`: so that no key is offered that would
    do nothing.

    Exits: values, or `listed`; always `otherwise`.

    Example:

        law_first:
          type: branch
          value: topic
          exits:
            law: law_queue
            otherwise: anyone
    """

    type: Literal["branch"]
    value: str | None = None
    in_directory: str | None = None

    EXITS = ("otherwise",)
    ANY_EXIT = True

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if (self.value is None) == (self.in_directory is None):
            raise ValueError("a branch needs either `value` or `in_directory`")
        if self.in_directory is not None and set(self.exits) - {"listed", "otherwise"}:
            raise ValueError("a branch with `in_directory` has the exits listed and otherwise")
        return self

    def ask(self, call: Call) -> Asked:
        if self.in_directory is not None:
            return FindDirectoryEntry(self.in_directory)
        value = call.value(self.value or "")
        return Exit(value if value in self.exits else "otherwise", call)

    def hear(self, call: Call, event: Event) -> Heard:
        if self.in_directory is None:
            return None
        if isinstance(event, DirectoryEntryFound):
            return Exit("listed" if "listed" in self.exits else "otherwise", call)
        if isinstance(event, DirectoryEntryMissing):
            return Exit("otherwise", call)
        return None

    def services(self) -> Iterator[tuple[str, str]]:
        if self.in_directory is not None:
            yield "in_directory", self.in_directory
