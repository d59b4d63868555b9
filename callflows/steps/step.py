"""What every step is: a question asked from memory alone, and what it makes of the answer.

`ask` tells what the step waits for now: verbs, a data dip, or nothing, which is an `Exit` (or
`Enter`, into a subflow). It changes nothing, so a turn can be asked for again at any time.
`hear` takes an event: it gives the call with changed notes (and is then asked again), an
`Exit`, or None where the event is not for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, Field

from callflows.call import Call
from callflows.data_dips import DataDip
from callflows.events import Event
from callflows.verbs import Verb


@dataclass(frozen=True, slots=True)
class Exit:
    """The step is done, by this one of its exits."""

    name: str
    call: Call


@dataclass(frozen=True, slots=True)
class Enter:
    """Go through another flow first."""

    flow: str


Asked = tuple[Verb, ...] | DataDip | Exit | Enter
Heard = Call | Exit | None


@dataclass(frozen=True, slots=True)
class PromptField:
    """Marks a parameter that names a prompt, and the `{placeholders}` it may use."""

    placeholders: tuple[str, ...] = ()


Prompt = Annotated[str, PromptField()]
StepName = str
Key = Annotated[str, Field(pattern=r"^[0-9#]$")]

KEYS = "0123456789#"


class Step(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str
    exits: dict[str, StepName] = Field(default_factory=dict)
    """Where to go for each outcome: a step of this flow, or one of the flow's `returns`."""

    EXITS: ClassVar[tuple[str, ...]] = ()
    """Outcomes that must each have an exit."""
    OPTIONAL_EXITS: ClassVar[Mapping[str, str | None]] = MappingProxyType({})
    """Outcomes that may have an exit; without one the other named outcome's is taken, and an
    outcome whose other is None never happens."""
    KEY_EXITS: ClassVar[bool] = False
    """Whether keys (`"0"` … `"9"`, `"#"`) may be exits too."""
    ANY_EXIT: ClassVar[bool] = False
    """Whether an exit may have any name: that of a value."""
    PRESSED_EXITS: ClassVar[tuple[str, ...]] = ()
    """Outcomes beside keys that only a caller who presses something brings about."""
    WAITING_EXITS: ClassVar[tuple[str, ...]] = ()
    """Outcomes beside keys that come only after the caller has heard or waited for something:
    a loop needs one."""
    SERVED_EXITS: ClassVar[tuple[str, ...]] = ()
    """Outcomes after which the caller has got what the call was for: somebody has answered, or
    a message is left. Only then may the call end."""
    REACHES_HUMAN: ClassVar[bool] = False
    """Whether somebody is being rung for the caller from here on."""

    def ask(self, call: Call) -> Asked:
        raise NotImplementedError

    def hear(self, call: Call, event: Event) -> Heard:
        return None

    def enter(self, call: Call) -> Call:
        """The call as it is on coming to this step, its notes empty."""
        return call

    def target(self, exit_name: str) -> StepName:
        """Where an outcome leads, by its own exit or by the one it falls back on."""
        found = self.exits.get(exit_name)
        if found is None:
            fallback = self.OPTIONAL_EXITS.get(exit_name)
            found = self.exits[fallback] if fallback is not None else self.exits[exit_name]
        return found

    def outcomes(self) -> Iterator[str]:
        """Everything that can happen here, each once."""
        yield from self.exits
        for name, fallback in self.OPTIONAL_EXITS.items():
            if name not in self.exits and fallback is not None:
                yield name

    def key_exits(self) -> str:
        """The keys that do something here."""
        return "".join(key for key in self.exits if key in KEYS)

    def needs_press(self, exit_name: str) -> bool:
        return (self.KEY_EXITS and exit_name in KEYS) or exit_name in self.PRESSED_EXITS

    def waits(self, exit_name: str) -> bool:
        return (self.KEY_EXITS and exit_name in KEYS) or exit_name in self.WAITING_EXITS

    def keys_needed(self, exit_name: str) -> int:
        return 1 if self.needs_press(exit_name) else 0

    def unpressed_seconds(self) -> float:
        """How long somebody who presses nothing is waited for."""
        return 0.0

    def prompts(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """(parameter, prompt, placeholders) of each prompt this step names."""
        for name, info in type(self).model_fields.items():
            # Of `Prompt | None` the mark stays inside the annotation.
            inner = [getattr(part, "__metadata__", ()) for part in get_args(info.annotation)]
            for mark in chain(info.metadata, *inner):
                if isinstance(mark, PromptField) and getattr(self, name) is not None:
                    yield name, getattr(self, name), mark.placeholders

    def services(self) -> Iterator[tuple[str, str]]:
        """(parameter, service) of each service of the directory this step names."""
        yield from ()

    def refused_in_danger(self) -> str | None:
        """What a caller in danger would meet here and must not; None if nothing."""
        return None

    def heard_prompts(self) -> Iterator[str]:
        """The prompts that everybody passing through hears."""
        prompt: Any = getattr(self, "prompt", None)
        if prompt is not None:
            yield prompt
