"""Where a caller in danger comes to while nobody is on duty, until a telephone is rung that is
answered all the same: a duty phone, or an emergency line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from graphlib import TopologicalSorter

from callflows.graph import Edge, Graph, find_loop
from callflows.paths import State
from callflows.steps.queue import QueueStep
from callflows.steps.transfer import TransferStep

REACH_EVERYBODY = ("duty_phone", "psychology")
"""Services that help in danger and need no place: the phone on call, and the line 12356."""
REACH_A_CITY = ("police", "ambulance", "fire")
"""Emergency lines, dialled only where the caller's city is known."""


class Unstaffed:
    """All ways on from `states` on which no such telephone is rung."""

    def __init__(
        self,
        graph: Graph,
        states: Iterable[State],
        steps_on: Callable[[State], Iterable[tuple[Edge, State]]],
        seconds: Callable[[State, Edge], float],
    ) -> None:
        self._graph = graph
        self._steps_on = steps_on
        self._seconds = seconds
        self._on = {
            state: list(self._unrung(state))
            for state in states
            if state.danger and not state.served
        }
        self._leads_to = {
            state: [following for _, following in on] for state, on in self._on.items()
        }

    def is_queue(self, state: State) -> bool:
        return isinstance(self._graph.step(state.node), QueueStep)

    def loop(self) -> list[State] | None:
        """Some way round, begun at a queue if there is one on it."""
        loop = find_loop(self._leads_to)
        if loop is None:
            return None
        first = next((n for n, state in enumerate(loop) if self.is_queue(state)), 0)
        return [*loop[first:], *loop[:first]]

    def longest(self) -> tuple[State, float] | None:
        """The queue after which whoever presses nothing waits longest, and the seconds. There
        must be no loop."""
        seconds: dict[State, float] = {}
        for state in TopologicalSorter(self._leads_to).static_order():
            ways = (
                self._seconds_of(state, edge) + seconds[following]
                for edge, following in self._on.get(state, ())
                if not self._graph.step(state.node).needs_press(edge.exit)
            )
            seconds[state] = max(ways, default=0.0)
        queues = [(state, seconds[state]) for state in self._on if self.is_queue(state)]
        return max(queues, key=lambda queue: queue[1], default=None)

    def _unrung(self, state: State) -> Iterator[tuple[Edge, State]]:
        step = self._graph.step(state.node)
        for edge, following in self._steps_on(state):
            if isinstance(step, QueueStep) and edge.exit != "none_available":
                continue
            if isinstance(step, TransferStep):
                if step.service in REACH_EVERYBODY:
                    continue
                if step.service in REACH_A_CITY and edge.exit != "not_in_directory":
                    continue
            yield edge, following

    def _seconds_of(self, state: State, edge: Edge) -> float:
        step = self._graph.step(state.node)
        if isinstance(step, TransferStep) and edge.exit == "not_answered":
            return self._seconds(state, edge) + step.ring_seconds
        # Nothing is spoken in a queue that nobody is there for, nor before a line nobody has.
        return 0.0 if step.REACHES_HUMAN else self._seconds(state, edge)
