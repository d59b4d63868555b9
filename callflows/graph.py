"""A bundle as one graph: every step in every place it can stand, subflows unrolled."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from callflows.callflow import Callflow
from callflows.session import Frame
from callflows.steps.step import Step
from callflows.steps.subflow import SubflowStep

T = TypeVar("T", bound=Hashable)

MOST_NODES = 5000

ENTER = "enter"
"""The edge from a subflow step into the subflow."""


@dataclass(frozen=True, slots=True)
class Node:
    flow: str
    step: str
    stack: tuple[Frame, ...] = ()

    def __str__(self) -> str:
        return f"{self.flow}.{self.step}"


@dataclass(frozen=True, slots=True)
class Edge:
    exit: str
    to: Node


class TooManyNodes(Exception):
    pass


class Graph:
    """What can be reached from `starts`. Raises TooManyNodes."""

    def __init__(self, callflow: Callflow, *starts: Node) -> None:
        self.callflow = callflow
        self.edges: dict[Node, tuple[Edge, ...]] = {}
        waiting = list(starts)
        while waiting:
            node = waiting.pop()
            if node in self.edges:
                continue
            if len(self.edges) >= MOST_NODES:
                raise TooManyNodes
            self.edges[node] = tuple(self._edges(node))
            waiting += [edge.to for edge in self.edges[node]]

    def step(self, node: Node) -> Step:
        return self.callflow.flows[node.flow].steps[node.step]

    def _edges(self, node: Node) -> Iterator[Edge]:
        step = self.step(node)
        if isinstance(step, SubflowStep):
            stack = (*node.stack, Frame(node.flow, node.step))
            yield Edge(ENTER, Node(step.flow, self.callflow.flows[step.flow].start, stack))
            return
        for name in step.outcomes():
            yield Edge(name, self._leads_to(node, step.target(name)))

    def _leads_to(self, node: Node, target: str) -> Node:
        flow, stack = node.flow, node.stack
        while target not in self.callflow.flows[flow].steps:
            *outer, frame = stack
            flow, stack = frame.flow, tuple(outer)
            target = self.callflow.flows[flow].steps[frame.step].target(target)
        return Node(flow, target, stack)


def start_of(callflow: Callflow, flow: str) -> Node:
    return Node(flow, callflow.flows[flow].start)


def find_loop(leads_to: Mapping[T, Sequence[T]]) -> list[T] | None:
    """Some closed way, without its end repeated; None where there is none."""
    done: set[T] = set()
    for start in leads_to:
        way: dict[T, Iterator[T]] = {}
        coming: T | None = start if start not in done else None
        while coming is not None or way:
            if coming is not None:
                way[coming] = iter(leads_to.get(coming, ()))
            here = next(reversed(way))
            coming = next((state for state in way[here] if state not in done), None)
            if coming is None:
                done.add(here)
                del way[here]
            elif coming in way:
                nodes = list(way)
                return nodes[nodes.index(coming) :]
    return None
