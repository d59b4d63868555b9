"""A queue of calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.twilio_stand_in.leg import Leg


@dataclass
class Queue:
    sid: str
    name: str
    # Enqueue: a queue made on demand holds so many.
    largest: int = 1000
    waiting: dict[str, float] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        return len(self.waiting) >= self.largest

    def join(self, leg: Leg) -> None:
        self.waiting[leg.sid] = leg.clock.elapsed

    def left(self, leg: Leg, result: str) -> Mapping[str, str]:
        """Take it out; what Enqueue's action is told."""
        seconds = _whole(leg.clock.elapsed - self.waiting.pop(leg.sid))
        return {"QueueResult": result, "QueueSid": self.sid, "QueueTime": str(seconds)}

    def parameters(self, leg: Leg) -> Mapping[str, str]:
        """Enqueue, waitUrl: what each request to it is told."""
        now = leg.clock.elapsed
        waits = [now - since for since in self.waiting.values()]
        return {
            "QueuePosition": str(1 + list(self.waiting).index(leg.sid)),
            "QueueSid": self.sid,
            "QueueTime": str(_whole(now - self.waiting[leg.sid])),
            "AvgQueueTime": str(_whole(sum(waits) / len(waits))),
            "CurrentQueueSize": str(len(waits)),
            "MaxQueueSize": str(self.largest),
        }


def _whole(seconds: float) -> int:
    """Whole seconds; a clock that adds fractions is off by the last of them."""
    return int(round(seconds, 6))
