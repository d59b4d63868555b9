"""A call's whole memory: plain data that goes to JSON and back between every two events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from callflows.data_dips import DataDip, Priority
from callflows.verbs import Say, Verb


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a subflow returns to."""

    flow: str
    step: str


@dataclass(frozen=True, slots=True)
class Session:
    """State of one call between two turns.

    `flow`, `step`: where the call is. `stack`: the subflows it is inside of. `memory`: the
    current step's own notes, dropped on leaving it. `visits`: how often each `flow.step` was
    entered, for bounded loops. `values`: what the flow knows (`topic language region …`).
    `queue`: the queue step holding a place, to which a reservation brings the call back from
    any other step; `queue_stack` and `queue_memory` go with it. `unspoken`: prompts decided on
    before a data dip, spoken with the next verbs. `answered`: the call has been taken, so no
    further `Answer`. `notice_given`: the caller is told, or has been, that the talk is recorded,
    and no key came in between.
    `reached`: what has been reached so far (`answered voicemail transferred callback`).
    `talk_ended_at`, `talk_seconds`: of the last talk with a counselor, until the call
    waits for another. `outcome`: how the flow says it ended, once it has.
    """

    call_id: str
    callflow: str
    version: str
    flow: str = ""
    step: str = ""
    stack: tuple[Frame, ...] = ()
    memory: Mapping[str, Any] = field(default_factory=dict)
    visits: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    queue: Frame | None = None
    queue_stack: tuple[Frame, ...] = ()
    queue_memory: Mapping[str, Any] = field(default_factory=dict)
    priority: Priority = Priority.NORMAL
    unspoken: tuple[Say, ...] = ()
    answered: bool = False
    notice_given: bool = False
    keys_pressed: bool = False
    reached: str | None = None
    talk_ended_at: str | None = None
    talk_seconds: int = 0
    outcome: str | None = None

    @property
    def talk_is_over(self) -> bool:
        """A counselor was the last to be reached, and has hung up."""
        return self.reached == "answered" and self.talk_ended_at is not None

    def to_json(self) -> str:
        return json.dumps(
            _fields_of(self), default=_fields_of, ensure_ascii=False, separators=(",", ":")
        )

    @classmethod
    def from_json(cls, text: str) -> Session:
        data = json.loads(text)
        data["stack"] = tuple(Frame(**frame) for frame in data["stack"])
        data["queue_stack"] = tuple(Frame(**frame) for frame in data["queue_stack"])
        data["queue"] = Frame(**data["queue"]) if data["queue"] else None
        data["priority"] = Priority(data["priority"])
        data["unspoken"] = tuple(Say(**say) for say in data["unspoken"])
        return cls(**data)


def _fields_of(data: Session | Frame | Say) -> dict[str, Any]:
    """As `dataclasses.asdict`, which copies everything deeply, for one level."""
    return {name: getattr(data, name) for name in data.__slots__}


@dataclass(frozen=True, slots=True)
class Turn:
    """The machine's answer to one event: verbs for the carrier, or one dip for the house."""

    session: Session
    verbs: tuple[Verb, ...] = ()
    dip: DataDip | None = None
