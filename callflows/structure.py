"""What must hold of a bundle before any call may run on it: checked at every load."""

from __future__ import annotations

import re
from collections.abc import Iterator

from callflows.callflow import CRISIS, Callflow, Flow
from callflows.errors import FlowError, suggestion
from callflows.graph import Graph, TooManyNodes, find_loop, start_of
from callflows.steps.queue import QueueStep
from callflows.steps.step import KEYS, Step
from callflows.steps.subflow import SubflowStep

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def structure_errors(callflow: Callflow, *, sound: bool) -> list[FlowError]:
    """`sound` tells that nothing was wrong with any of the files: only then are loops looked
    for."""
    errors = [error for flow in callflow.flows.values() for error in _flow_errors(callflow, flow)]
    errors += _bundle_errors(callflow)
    return errors if errors or not sound else list(_loop_errors(callflow))


class _Reporter:
    def __init__(self, callflow: Callflow, flow: Flow) -> None:
        self._callflow = callflow
        self._flow = flow.name

    def error(self, message: str, *path: str) -> FlowError:
        place = self._callflow.place(self._flow, *path)
        if path[:1] == ("steps",):
            return FlowError(place, message, path[1], ".".join(path[2:]))
        return FlowError(place, message, "", ".".join(path))


def _flow_errors(callflow: Callflow, flow: Flow) -> Iterator[FlowError]:
    report = _Reporter(callflow, flow)
    if flow.start not in flow.steps:
        yield report.error(
            f"there is no step {flow.start}{suggestion(flow.start, flow.steps)}", "start"
        )
    for name in set(flow.returns) & set(flow.steps):
        yield report.error(f"{name} is the name of a step too", "returns")
    for name, step in flow.steps.items():
        yield from _exit_errors(report, callflow, flow, name, step)
        yield from _prompt_errors(report, flow, name, step)
        if isinstance(step, QueueStep):
            yield from _queue_errors(report, flow, name, step)
    for name, texts in flow.prompts.items():
        for language in flow.languages:
            if language not in texts:
                yield report.error(f"has no text in {language}", "prompts", name)
        for extra in texts:
            if extra not in flow.languages:
                message = f"{extra} is not among the flow's languages"
                yield report.error(message, "prompts", name, extra)
    if flow.start in flow.steps:
        for name in _unreachable(flow):
            yield report.error("no exit leads to this step", "steps", name)


def _exit_errors(
    report: _Reporter, callflow: Callflow, flow: Flow, name: str, step: Step
) -> Iterator[FlowError]:
    allowed = [*step.EXITS, *step.OPTIONAL_EXITS, *(KEYS if step.KEY_EXITS else "")]
    required = list(step.EXITS)
    if isinstance(step, SubflowStep):
        if step.flow not in callflow.flows:
            return
        required = allowed = list(callflow.flows[step.flow].returns)
    for exit_name, target in step.exits.items():
        path = ("steps", name, "exits", exit_name)
        if "*" in exit_name:
            yield report.error(
                "the key * is crisis in every step and cannot mean anything else", *path
            )
        elif exit_name not in allowed and not step.ANY_EXIT:
            known = [known for known in allowed if known not in KEYS]
            yield report.error(f"{step.type} has no such exit{suggestion(exit_name, known)}", *path)
        if target not in flow.steps and target not in flow.returns:
            known = [*flow.steps, *flow.returns]
            yield report.error(f"there is no step {target}{suggestion(target, known)}", *path)
    for exit_name in required:
        if exit_name not in step.exits:
            yield report.error(f"the exit {exit_name} is missing", "steps", name, "exits")


def _prompt_errors(report: _Reporter, flow: Flow, name: str, step: Step) -> Iterator[FlowError]:
    for key, prompt, placeholders in step.prompts():
        if prompt not in flow.prompts:
            message = f"there is no prompt {prompt}{suggestion(prompt, flow.prompts)}"
            yield report.error(message, "steps", name, key)
            continue
        for text in flow.prompts[prompt].values():
            for placeholder in sorted(set(_PLACEHOLDER.findall(text)) - set(placeholders)):
                message = f"nothing fills {{{placeholder}}} of the prompt {prompt} here"
                yield report.error(message, "steps", name, key)


def _queue_errors(report: _Reporter, flow: Flow, name: str, step: QueueStep) -> Iterator[FlowError]:
    if (step.patience is not None) != ("waited_long" in step.exits):
        message = "patience and the exit waited_long go together: one is missing"
        yield report.error(message, "steps", name)
    texts = flow.prompts.get(step.announcement or "", {}).values()
    if any("{m}" in text for text in texts) and step.announcement_long is None:
        message = "{m} is not always known: announcement_long is needed beside it"
        yield report.error(message, "steps", name, "announcement")
    if step.welcome_wait and step.prompt is None:
        yield report.error("there is no prompt to wait after", "steps", name, "welcome_wait")


def _unreachable(flow: Flow) -> list[str]:
    seen: set[str] = set()
    waiting = [flow.start]
    while waiting:
        name = waiting.pop()
        if name in flow.steps and name not in seen:
            seen.add(name)
            waiting += flow.steps[name].exits.values()
    return [name for name in flow.steps if name not in seen]


def _bundle_errors(callflow: Callflow) -> Iterator[FlowError]:
    entry = callflow.flows.get(callflow.name)
    for flow in callflow.flows.values():
        report = _Reporter(callflow, flow)
        if flow.name in (CRISIS, callflow.name) and flow.returns:
            yield report.error("this flow has nowhere to return to", "returns")
        for language in entry.languages if entry else ():
            if language not in flow.languages:
                message = f"{language} is missing, in which {callflow.name} can be heard"
                yield report.error(message, "languages")
        if flow.name in _within(callflow, flow):
            yield report.error("this flow goes through itself again as a subflow", "name")


def _within(callflow: Callflow, flow: Flow) -> set[str]:
    """Every flow that `flow` goes through, however deep."""
    found: set[str] = set()
    waiting = sorted(flow.subflows())
    while waiting:
        name = waiting.pop()
        if name not in found and name in callflow.flows:
            found.add(name)
            waiting += callflow.flows[name].subflows()
    return found


def _loop_errors(callflow: Callflow) -> Iterator[FlowError]:
    """A way round on which the caller never hears or waits for anything would hang the call."""
    starts = [start_of(callflow, callflow.name), start_of(callflow, CRISIS)]
    try:
        graph = Graph(callflow, *starts)
    except TooManyNodes:
        report = _Reporter(callflow, callflow.flows[callflow.name])
        yield report.error("too many subflows within subflows", "steps")
        return
    at_once = {
        node: [edge.to for edge in edges if not graph.step(node).waits(edge.exit)]
        for node, edges in graph.edges.items()
    }
    loop = find_loop(at_once)
    if loop is not None:
        way = " → ".join(str(node) for node in (*loop, loop[0]))
        report = _Reporter(callflow, callflow.flows[loop[0].flow])
        message = f"a loop in which the caller waits for nothing: {way}"
        yield report.error(message, "steps", loop[0].step)
