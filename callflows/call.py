"""One call at one instant, as a step sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from callflows.session import Session
from callflows.verbs import Say

if TYPE_CHECKING:
    from callflows.callflow import Callflow, Flow
    from callflows.steps.step import Step


@dataclass(frozen=True, slots=True)
class Call:
    callflow: Callflow
    session: Session
    at: datetime

    @property
    def flow(self) -> Flow:
        return self.callflow.flows[self.session.flow]

    @property
    def step(self) -> Step:
        return self.flow.steps[self.session.step]

    @property
    def memory(self) -> Mapping[str, Any]:
        return self.session.memory

    @property
    def language(self) -> str:
        """The caller's language where this flow speaks it, else the flow's first."""
        chosen = self.session.values.get("language", "")
        return chosen if chosen in self.flow.languages else self.flow.languages[0]

    def value(self, name: str, default: str = "") -> str:
        return self.session.values.get(name, default)

    def say(self, prompt: str, *, recording_notice: bool = False, **fillings: object) -> Say:
        """The prompt in the caller's language, its `{placeholders}` filled in."""
        text = self.flow.prompts[prompt][self.language]
        for name, filling in fillings.items():
            text = text.replace(f"{{{name}}}", str(filling))
        return Say(text, self.language, prompt, recording_notice)

    def changed(self, **changes: Any) -> Call:
        return replace(self, session=replace(self.session, **changes))

    def remember(self, **notes: Any) -> Call:
        """Add to the step's own notes: JSON values only."""
        return self.changed(memory={**self.session.memory, **notes})

    def with_values(self, **values: str) -> Call:
        return self.changed(values={**self.session.values, **values})
