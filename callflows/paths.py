"""All that can happen from one state on, with the shortest way to each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count

from callflows.graph import Edge, Node


@dataclass(frozen=True, slots=True)
class State:
    """A node and how the caller came to it: in danger, served, with somebody rung already; having
    `talked` with a counselor, and with nobody else since."""

    node: Node
    danger: bool = False
    served: bool = False
    rung: bool = False
    talked: bool = False


class Paths:
    def __init__(
        self, steps_on: Callable[[State], Iterable[tuple[Edge, State]]], start: State
    ) -> None:
        self._start = start
        self._on: dict[State, tuple[tuple[Edge, State], ...]] = {}
        self._came: dict[State, tuple[State, Edge]] = {}
        waiting = [start]
        for state in waiting:
            self._on[state] = tuple(steps_on(state))
            for edge, following in self._on[state]:
                if following != start and following not in self._came:
                    self._came[following] = (state, edge)
                    waiting.append(following)

    def __iter__(self) -> Iterator[State]:
        return iter(self._on)

    def __contains__(self, state: State) -> bool:
        return state in self._on

    def way(self, state: State) -> str:
        """`12355.greeting –9→ 12355.message`, the fewest steps."""
        text = str(state.node)
        while state in self._came:
            state, edge = self._came[state]
            text = f"{state.node} –{edge.exit}→ {text}"
        return text

    def cheapest(self, cost: Callable[[State, Edge], float]) -> Mapping[State, float]:
        """The least that each state costs to come to."""
        costs: dict[State, float] = {}
        order = count()
        heap = [(0.0, next(order), self._start)]
        while heap:
            spent, _, state = heappop(heap)
            if state in costs:
                continue
            costs[state] = spent
            for edge, following in self._on[state]:
                heappush(heap, (spent + cost(state, edge), next(order), following))
        return costs
