"""A bundle as one graph: every step in every place it can stand, subflows unrolled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from callflows.callflow import Callflow
from callflows.session import Frame
from callflows.steps.step import Step
from callflows.steps.subflow import SubflowStep

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


def find_loop(edges: Mapping[Node, tuple[Edge, ...]]) -> list[Node] | None:
    """Some closed way along `edges`, without its end repeated; None where there is none."""
    done: set[Node] = set()
    for start in edges:
        way: dict[Node, Iterator[Edge]] = {}
        node: Node | None = start
        while node is not None:
            if node not in done and node not in way:
                way[node] = iter(edges.get(node, ()))
            following = (
                next((e.to for e in way[node] if e.to not in done), None) if (node in way) else None
            )
            if following is None:
                way.pop(node, None)
                done.add(node)
                node = next(reversed(way), None)
            elif following in way:
                nodes = list(way)
                return nodes[nodes.index(following) :]
            else:
                node = following
    return None
