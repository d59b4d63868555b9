"""What must hold of every published flow, at every hour of the coming year.

Every path ends in a human, a voicemail, an emergency line or a callback; from `*` and from
`silent_confirmed` only somebody who answers will do, and where nobody is on duty a duty phone
or an emergency line, and no survey ever; whoever presses nothing reaches a human; a human is a few
keys and seconds away; a survey follows a counselor's talk alone; every sister line named is one of
the directory's. (That every exit leads somewhere, every
step can be reached, every prompt exists in every language and no loop is without a wait is
checked at every load already, by `structure`.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Literal, NamedTuple

from callflows import speech
from callflows.callflow import CRISIS, Callflow
from callflows.errors import suggestion
from callflows.graph import Edge, Graph, Node, find_loop, start_of
from callflows.paths import Paths, State
from callflows.steps.business_hours import CHINA, BusinessHoursStep
from callflows.steps.queue import QueueStep
from callflows.steps.survey import SurveyStep
from callflows.unstaffed import REACH_EVERYBODY, Unstaffed
from callflows.workdays import CALENDAR_ENDS, WARN_BEFORE

MOST_KEYS = 2
MOST_SECONDS = 30.0
MOST_SECONDS_IN_CRISIS = 10.0
MOST_SECONDS_OF_MUSIC_IN_DANGER = 20
"""The field's default flow speaks to a caller in danger at 15 s, then every 20 s."""
SWEPT = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Problem:
    """An error forbids publishing, a warning doesn't. `place` is `file:line:column`."""

    severity: Literal["error", "warning"]
    place: str
    flow: str
    step: str
    message: str
    key: str = ""

    def __str__(self) -> str:
        key = f", {self.key}" if self.key else ""
        return f"{self.place}: {self.severity}: step {self.step}{key}: {self.message}"


class Finding(NamedTuple):
    """One of a kind at a step is enough. `key`: which of the step's keys is to blame."""

    kind: str
    node: Node
    message: str
    key: tuple[str, ...] = ()


def prove(callflow: Callflow, at: datetime, services: Collection[str]) -> list[Problem]:
    """Everything that keeps a loaded flow from being published at `at`, errors first.

    :param services: the sister lines that the directory knows.
    """
    graph = Graph(callflow, start_of(callflow, callflow.name), start_of(callflow, CRISIS))
    problems: dict[tuple[str, str, str], Problem] = {}
    for situation, example in _situations(callflow, at).items():
        for kind, node, message, key in _Situation(callflow, graph, dict(situation)).findings():
            mistake = (kind, node.flow, node.step)
            if mistake not in problems:
                when = _when(example) if situation else ""
                problem = _problem("error", callflow, node.flow, node.step, message + when, *key)
                problems[mistake] = problem
    return [
        *problems.values(),
        *_unknown_services(callflow, services),
        *_calendar_warnings(callflow, at),
    ]


def _problem(
    severity: Literal["error", "warning"],
    callflow: Callflow,
    flow: str,
    step: str,
    message: str,
    *key: str,
) -> Problem:
    place = callflow.place(flow, "steps", step, *key)
    return Problem(severity, place, flow, step, message, ".".join(key))


Situation = tuple[tuple[tuple[str, str], str], ...]
"""The answer of each business_hours step, by (flow, step)."""


def _situations(callflow: Callflow, at: datetime) -> dict[Situation, datetime]:
    """Each way in which the year's hours make the flow answer, with the first instant of it."""
    steps = {
        (flow.name, name): step
        for flow in callflow.flows.values()
        for name, step in flow.steps.items()
        if isinstance(step, BusinessHoursStep)
    }
    times = sorted({time(0)}.union(*(step.changes() for step in steps.values())))
    first_day = at.astimezone(CHINA).date()
    instants = [at] + [
        datetime.combine(first_day + timedelta(days=day), moment, CHINA)
        for day in range(1, SWEPT.days + 1 if steps else 1)
        for moment in times
    ]
    found: dict[Situation, datetime] = {}
    for instant in instants:
        answers = tuple(
            (name, "open" if step.is_open(instant) else "closed") for name, step in steps.items()
        )
        found.setdefault(answers, instant)
    return found


def _when(instant: datetime) -> str:
    return f" (for example on {instant.astimezone(CHINA):%Y-%m-%d at %H:%M})"


def _unknown_services(callflow: Callflow, services: Collection[str]) -> Iterator[Problem]:
    for flow in callflow.flows.values():
        for name, step in flow.steps.items():
            for key, service in step.services():
                if service not in services:
                    hint = suggestion(service, services)
                    message = f"the directory has no service {service}{hint}"
                    yield _problem("error", callflow, flow.name, name, message, key)


def _calendar_warnings(callflow: Callflow, at: datetime) -> Iterator[Problem]:
    if (at + WARN_BEFORE).astimezone(CHINA).date() <= CALENDAR_ENDS:
        return
    for flow in callflow.flows.values():
        for name, step in flow.steps.items():
            if isinstance(step, BusinessHoursStep):
                message = (
                    f"holidays are known until {CALENDAR_ENDS} only, afterwards Monday to "
                    "Friday count as workdays: update the package chinesecalendar"
                )
                yield _problem("warning", callflow, flow.name, name, message)


class _Situation:
    """The flow as it is while every business_hours step gives the same answer."""

    def __init__(
        self, callflow: Callflow, graph: Graph, answers: dict[tuple[str, str], str]
    ) -> None:
        self._callflow = callflow
        self._graph = graph
        self._answers = answers
        call = State(start_of(callflow, callflow.name))
        star = State(start_of(callflow, CRISIS), danger=True)
        self._call = Paths(self._steps_on, call)
        self._star = Paths(self._steps_on, star)
        self._silent_call = Paths(self._unpressed, call)
        self._silent_star = Paths(self._unpressed, star)

    def findings(self) -> Iterator[Finding]:
        yield from self._ends()
        yield from self._dangers()
        yield from self._surveys()
        yield from self._music_in_danger()
        yield from self._nobody_on_duty()
        yield from self._rounds()
        yield from self._silence()
        yield from self._distance()

    def _steps_on(self, state: State) -> Iterator[tuple[Edge, State]]:
        step = self._graph.step(state.node)
        hours = self._answers.get((state.node.flow, state.node.step))
        for edge in self._graph.edges[state.node]:
            if hours is not None and edge.exit != hours:
                continue
            into = self._graph.step(edge.to)
            raises = isinstance(into, QueueStep) and into.priority is not None
            yield (
                edge,
                State(
                    edge.to,
                    danger=state.danger or raises,
                    served=state.served or edge.exit in step.SERVED_EXITS,
                    rung=state.rung or step.REACHES_HUMAN,
                    talked=isinstance(step, QueueStep)
                    if edge.exit in step.SERVED_EXITS
                    else state.talked,
                ),
            )

    def _unpressed(self, state: State) -> Iterator[tuple[Edge, State]]:
        step = self._graph.step(state.node)
        for edge, following in self._steps_on(state):
            if not step.needs_press(edge.exit):
                yield edge, following

    def _way(self, state: State) -> str:
        paths, first = (self._call, "") if state in self._call else (self._star, "* → ")
        return f": {first}{paths.way(state)}"

    def _ends(self) -> Iterator[Finding]:
        for state in (*self._call, *self._star):
            step = self._graph.step(state.node)
            if not state.served and not self._graph.edges[state.node]:
                message = f"{step.type} ends the call before anybody was reached"
                yield Finding("end", state.node, message + self._way(state))

    def _dangers(self) -> Iterator[Finding]:
        for state in (*self._call, *self._star):
            refused = self._graph.step(state.node).refused_in_danger()
            if state.danger and not state.served and refused is not None:
                message = f"a caller in danger must not meet {refused}"
                yield Finding("danger", state.node, message + self._way(state))

    def _surveys(self) -> Iterator[Finding]:
        for state in (*self._call, *self._star):
            if not isinstance(self._graph.step(state.node), SurveyStep):
                continue
            if state.danger:
                message = "a caller in danger must not meet a survey, not even after a talk"
                yield Finding("survey", state.node, message + self._way(state))
            elif not state.talked:
                message = "a survey comes only after a talk with a counselor"
                yield Finding("survey", state.node, message + self._way(state))

    def _music_in_danger(self) -> Iterator[Finding]:
        most = MOST_SECONDS_OF_MUSIC_IN_DANGER
        for state in (*self._call, *self._star):
            step = self._graph.step(state.node)
            if not isinstance(step, QueueStep) or not state.danger or state.served:
                continue
            for key, seconds in (
                ("first_announcement", step.first_announcement),
                ("announce_every", step.announce_every),
            ):
                if seconds > most:
                    message = f"a caller in danger hears music for {seconds} s, {most} at most"
                    yield Finding(key, state.node, message + self._way(state), (key,))

    def _nobody_on_duty(self) -> Iterator[Finding]:
        """Then a caller in danger comes to a duty phone or an emergency line: soon, and on every
        way round."""
        key = ("exits", "none_available")
        expected = f"expected a transfer to {' or '.join(REACH_EVERYBODY)}"
        for paths in (self._call, self._star):
            unstaffed = Unstaffed(self._graph, paths, self._steps_on, self._seconds)
            loop = unstaffed.loop()
            if loop is not None:
                names = " → ".join(str(state.node) for state in (*loop, loop[0]))
                message = (
                    "where nobody is on duty, a caller in danger goes round and no duty phone or "
                    f"emergency line is rung, {expected}: {names}"
                )
                blamed = key if unstaffed.is_queue(loop[0]) else ()
                yield Finding("unstaffed", loop[0].node, message, blamed)
            elif (longest := unstaffed.longest()) and longest[1] > MOST_SECONDS_IN_CRISIS:
                state, seconds = longest
                message = (
                    f"where nobody is on duty, a caller in danger waits {seconds:.0f} s until a "
                    f"duty phone or emergency line is rung, {MOST_SECONDS_IN_CRISIS:.0f} at most, "
                    f"{expected}"
                )
                yield Finding("unstaffed", state.node, message + self._way(state), key)

    def _rounds(self) -> Iterator[Finding]:
        """Ways round without a key on which nobody is rung; `_nobody_on_duty` looks at danger."""
        for paths in (self._call, self._star):
            round_about = {
                state: [following for _, following in self._unpressed(state)]
                for state in paths
                if not state.danger
                and not state.served
                and not self._graph.step(state.node).REACHES_HUMAN
            }
            loop = find_loop(round_about)
            if loop is not None:
                names = " → ".join(str(state.node) for state in (*loop, loop[0]))
                message = f"whoever presses nothing goes round without anybody being rung: {names}"
                yield Finding("round", loop[0].node, message)

    def _silence(self) -> Iterator[Finding]:
        for state in self._silent_call:
            step = self._graph.step(state.node)
            way = f": {self._silent_call.way(state)}"
            if not state.rung and set(step.SERVED_EXITS) and not step.REACHES_HUMAN:
                message = f"whoever presses nothing comes to a {step.type} before any human"
                yield Finding("silence", state.node, message + way)
            raised = isinstance(step, QueueStep) and step.priority is not None
            if raised and not state.served:
                message = "the priority rises by a key only, and no key was pressed"
                yield Finding("raised", state.node, message + way)

    def _distance(self) -> Iterator[Finding]:
        for paths, most in (
            (self._silent_call, MOST_SECONDS),
            (self._silent_star, MOST_SECONDS_IN_CRISIS),
            (self._call, MOST_SECONDS),
            (self._star, MOST_SECONDS_IN_CRISIS),
        ):
            keys = paths.cheapest(self._keys)
            spoken = paths.cheapest(self._seconds)
            for state in paths:
                if state.rung or not self._graph.step(state.node).REACHES_HUMAN:
                    continue
                if keys[state] > MOST_KEYS:
                    message = f"a human only after {keys[state]:.0f} keys, {MOST_KEYS} at most"
                    yield Finding("keys", state.node, message + self._way(state))
                if spoken[state] > most:
                    message = f"a human only after {spoken[state]:.0f} s, {most:.0f} at most"
                    yield Finding("seconds", state.node, message + self._way(state))

    def _keys(self, state: State, edge: Edge) -> float:
        return self._graph.step(state.node).keys_needed(edge.exit)

    def _seconds(self, state: State, edge: Edge) -> float:
        """What is heard at a step, in the slowest language, and the silence waited for."""
        step = self._graph.step(state.node)
        flow = self._callflow.flows[state.node.flow]
        heard = sum(
            max(speech.seconds(text, language) for language, text in flow.prompts[prompt].items())
            for prompt in step.heard_prompts()
        )
        return heard + (0 if step.needs_press(edge.exit) else step.unpressed_seconds())
