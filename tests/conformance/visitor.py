"""Somebody who calls with a plan of their own, by the clock: when which key, when to hang up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from callflows.events import DialEnded, DialResult, Event
from callflows.verbs import Gather, Record, Verb
from ivr.simulated_caller import SILENCE, Act
from tests.conformance.line import Line, words_of

MESSAGE = Act(15, hangs_up=True)
A_MOMENT = 0.01


@dataclass
class Visitor:
    """`does`: acts, each so many seconds after the call began, in order. `message`: what is done
    into a message. Asked after a talk whether they still need somebody, they hang up."""

    does: Sequence[Act] = ()
    message: Act = MESSAGE
    began: datetime | None = field(default=None, init=False)
    talked: bool = field(default=False, init=False)
    heard: set[str] = field(default_factory=set, init=False)

    def told(self, line: Line, call_id: str, event: Event, verbs: tuple[Verb, ...]) -> Act:
        now = line.clock.now()
        self.began = self.began or now
        self.heard |= {say.text for say in words_of(verbs)}
        self.talked |= isinstance(event, DialEnded) and event.result is DialResult.ANSWERED
        last = verbs[-1]
        if isinstance(last, Record):
            return self.message
        if isinstance(last, Gather) and self.talked:
            return Act(2, hangs_up=True)
        since = (now - self.began).total_seconds()
        for act in self.does:
            if act.after > since + A_MOMENT:
                return Act(act.after - since, act.keys, act.hangs_up)
        return SILENCE
