"""The step `transfer`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from callflows.call import Call
from callflows.data_dips import FindDirectoryEntry
from callflows.events import (
    DialEnded,
    DialResult,
    DirectoryEntryFound,
    DirectoryEntryMissing,
    Event,
)
from callflows.steps.step import Asked, Exit, Heard, Prompt, Step
from callflows.verbs import Dial


class TransferStep(Step):
    """Connect the caller with a sister line or a duty phone of the directory: `police`,
    `ambulance`, `psychology`, `duty_phone` … Entries are per region: where none is known for
    the caller's, nothing is dialled and `not_in_directory` is taken. A place in the queue is
    given up once there is something to dial.

    Exits: `answered`, `not_answered`, `not_in_directory`.

    Example:

        to_12356:
          type: transfer
          service: psychology
          prompt: connecting
          exits:
            answered: goodbye
            not_answered: message
            not_in_directory: message
    """

    type: Literal["transfer"]
    service: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    prompt: Prompt | None = None
    ring_seconds: Annotated[int, Field(ge=5, le=120)] = 30

    EXITS = ("answered", "not_answered", "not_in_directory")
    WAITING_EXITS = ("answered",)
    SERVED_EXITS = ("answered",)
    REACHES_HUMAN = True

    def ask(self, call: Call) -> Asked:
        entry_id = call.memory.get("entry_id")
        if entry_id is None:
            return FindDirectoryEntry(self.service)
        says = (call.say(self.prompt),) if self.prompt else ()
        return (*says, Dial("directory", entry_id, self.ring_seconds))

    def hear(self, call: Call, event: Event) -> Heard:
        if "entry_id" not in call.memory:
            if isinstance(event, DirectoryEntryFound):
                return call.remember(entry_id=event.entry_id)
            if isinstance(event, DirectoryEntryMissing):
                return Exit("not_in_directory", call)
            return None
        if isinstance(event, DialEnded):
            if event.result is DialResult.ANSWERED:
                return Exit("answered", call.changed(reached="transferred"))
            return Exit("not_answered", call)
        return None

    def services(self) -> Iterator[tuple[str, str]]:
        yield "service", self.service
