"""A call flow as loaded: the flow of an access number, all its subflows, and where each thing
stands in its file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal, Union

from pydantic import BaseModel, ConfigDict, Field

from callflows.steps import STEPS
from callflows.steps.step import Step
from callflows.steps.subflow import SubflowStep

if TYPE_CHECKING:
    AnyStep = Step
else:
    AnyStep = Annotated[Union[tuple(STEPS.values())], Field(discriminator="type")]  # noqa: UP007

Language = Literal["zh-CN", "en"]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$", max_length=60)]
Text = Annotated[str, Field(min_length=1, max_length=1000)]

CRISIS = "crisis"
"""The flow that `*` leads to from everywhere."""


class Flow(BaseModel):
    """One file: prompts, and steps that lead to one another."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    """The name of the file, without `.yaml`."""
    title: str = ""
    languages: Annotated[tuple[Language, ...], Field(min_length=1)]
    """Each prompt is needed in all of them; the first is spoken unless the caller's is known."""
    returns: tuple[Name, ...] = ()
    """For a subflow: how it may end; exits may lead to these names as if to steps."""
    prompts: dict[Name, dict[str, Text]] = Field(default_factory=dict)
    start: str
    steps: Annotated[dict[Name, AnyStep], Field(min_length=1)]

    def subflows(self) -> set[str]:
        return {step.flow for step in self.steps.values() if isinstance(step, SubflowStep)}


@dataclass(frozen=True)
class Callflow:
    """A closed bundle: every flow a call that comes in at `name` can reach, `crisis` included.

    `sources` are the files it was read from, by flow: `load_sources` makes the same bundle of
    them again, so a published version is kept by keeping them. `places` says where a flow's
    keys stand (`file:line:column`), by path: `("12355", "steps", "greeting", "exits")`.
    """

    name: str
    flows: Mapping[str, Flow]
    sources: Mapping[str, str]
    places: Mapping[tuple[str, ...], str]

    @cached_property
    def version(self) -> str:
        """Hash of the files, so that kept sources have their version for ever."""
        digest = hashlib.sha256(self.name.encode())
        for name in sorted(self.sources):
            digest.update(f"\0{name}\0{self.sources[name]}".encode())
        return digest.hexdigest()[:16]

    def place(self, *path: str) -> str:
        """Where `path` stands in its file, or the nearest thing around it that has a place."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, "")


def all_prompts(callflow: Callflow) -> Iterator[tuple[str, str]]:
    """(text, language) of every prompt, to be made ahead. `{n}` (places ahead) and `{m}`
    (minutes) stand in the text as they are."""
    for flow in callflow.flows.values():
        for texts in flow.prompts.values():
            for language, text in texts.items():
                yield text, language
