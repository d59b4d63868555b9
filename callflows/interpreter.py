"""The machine: one event in, a changed session and what to do next out.

An event that is out of place changes nothing and gives the waiting turn again; no event in any
state raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from callflows.call import Call
from callflows.callflow import CRISIS, Callflow
from callflows.data_dips import DataDip, LeaveQueue, Priority
from callflows.events import (
    CallerHungUp,
    CallOffered,
    DialEnded,
    DialResult,
    Event,
    QueueLeft,
    ReservationNoticed,
    TalkOver,
    TransferRequested,
    keys_of,
)
from callflows.session import Frame, Session, Turn
from callflows.steps.queue import called_back, is_parked, is_warned
from callflows.steps.step import Enter, Exit
from callflows.verbs import CRISIS_KEY, Answer, Dial, Gather, Hangup, Hold, Record, Verb, said

Waiting = tuple[Verb, ...] | DataDip


def new_session(
    callflow: Callflow,
    call_id: str,
    values: Mapping[str, str] | None = None,
    priority: Priority = Priority.NORMAL,
) -> Session:
    """A call not yet offered. `values` is what the house knows of it: `access_number`,
    `language` of the trunk, `region` with its source and confidence."""
    return Session(
        call_id, callflow.name, callflow.version, values=dict(values or {}), priority=priority
    )


def advance(callflow: Callflow, session: Session, event: Event) -> Turn:
    """What happens next. Once `session.outcome` is set there is nothing left to do."""
    call = Call(callflow, session, event.at)
    if session.outcome is not None:
        return Turn(session)
    if not session.step:
        return _not_begun(call, event)
    lost = session.version != callflow.version
    if lost:
        call = _begin_again(call)
    call, waiting = _run(call)
    if isinstance(event, CallerHungUp) or _abandoned(event):
        return Turn(replace(call.session, outcome=_outcome(call.session, waiting)))
    # An answer to what a lost version asked says nothing here; `*` does.
    heard = _hear(call, event, waiting) if not lost or CRISIS_KEY in keys_of(event) else None
    if heard is None:
        if keys_of(event) and isinstance(waiting, tuple) and _rings_counselor(waiting):
            # Impatience: the words before the ringing are not begun again.
            return _turn(call.changed(unspoken=()), waiting[-1:])
        return _turn(call, waiting)
    if not isinstance(waiting, DataDip):
        heard = heard.changed(unspoken=())
    after, asked = _run(heard)
    if _cuts_notice(call, waiting, event, after.session.priority):
        after = after.changed(notice_given=False)
    return _turn(after, asked)


def _cuts_notice(call: Call, waiting: Waiting, event: Event, danger: Priority) -> bool:
    """Did the caller perhaps not hear to its end that talks are recorded? Where a key was pressed
    in the words, nobody can tell. Who chooses in a menu has skipped it, but not who asks for help
    there. A wake-up lets the notice before a Hold end, and no other."""
    if isinstance(waiting, DataDip):
        return False
    words = (*call.session.unspoken, *said(waiting))
    if not any(say.recording_notice for say in words):
        return False
    last = waiting[-1]
    if isinstance(event, ReservationNoticed):
        return not isinstance(last, Hold)
    in_danger = danger >= Priority.SILENT_CONFIRMED
    return bool(keys_of(event)) and (in_danger or not isinstance(last, Gather))


def _not_begun(call: Call, event: Event) -> Turn:
    if isinstance(event, CallOffered):
        values = {"access_number": event.access_number, **call.session.values}
        return _turn(*_run(_begin(call.changed(values=values), call.callflow.name)))
    if isinstance(event, CallerHungUp):
        return Turn(replace(call.session, outcome="abandoned_in_menu"))
    return Turn(call.session)


def _hear(call: Call, event: Event, waiting: Waiting) -> Call | None:
    """The call as the event leaves it, None where it is out of place."""
    keys = keys_of(event)
    if is_parked(call.memory) and (CRISIS_KEY in keys or isinstance(event, ReservationNoticed)):
        # Nobody is nearer to the caller than whoever has just talked with them.
        danger = max(call.session.priority, Priority.CRISIS if keys else Priority.SLOWED)
        call = call.changed(priority=danger, keys_pressed=call.session.keys_pressed or bool(keys))
        return call.remember(phase="talk", recalled=bool(keys))
    if CRISIS_KEY in keys:
        # Whom everybody has left asks for somebody again, in danger already or not.
        if _in_crisis(call) and not is_warned(call.memory):
            return None
        return _to_crisis(call.changed(keys_pressed=True))
    if isinstance(event, ReservationNoticed):
        return None if _rings_counselor(waiting) else _to_queue(call)
    if isinstance(waiting, LeaveQueue):
        left = isinstance(event, QueueLeft)
        return call.changed(queue=None, queue_stack=(), queue_memory={}) if left else None
    heard = call.step.hear(call, event)
    if heard is None:
        return None
    told = call.session.priority is Priority.CRISIS and not _in_crisis(call)
    if told and isinstance(event, TransferRequested):
        # They told of danger with music in their ear, and nobody came back.
        return _to_crisis(call)
    if told and isinstance(event, TalkOver) and isinstance(heard, Exit):
        heard = _talked_in_crisis(heard)
    if isinstance(heard, Exit):
        heard = _follow(heard)
    return heard.changed(keys_pressed=True) if keys else heard


def _talked_in_crisis(done: Exit) -> Call | Exit:
    """Who came back to a caller that had told of danger has hung up: what the flow for danger has
    after a talk follows, never this one's farewell."""
    call = _to_crisis(done.call)
    if done.name not in call.step.exits:
        return call
    ended = done.call.session.talk_ended_at
    return Exit(done.name, call.changed(queue=None, talk_ended_at=ended))


def _run(call: Call) -> tuple[Call, Waiting]:
    """Go through steps until one waits."""
    while True:
        asked = call.step.ask(call)
        if isinstance(asked, Exit):
            call = _follow(asked)
        elif isinstance(asked, Enter):
            here = Frame(call.session.flow, call.session.step)
            call = _begin(call.changed(stack=(*call.session.stack, here)), asked.flow)
        elif isinstance(asked, DataDip):
            return call, asked
        elif isinstance(asked, tuple):
            if call.session.queue is not None and _gives_up_place(asked[-1]):
                return call, LeaveQueue()
            return call, asked
        else:
            assert_never(asked)


def _turn(call: Call, waiting: Waiting) -> Turn:
    session = call.session
    if isinstance(waiting, DataDip):
        return Turn(session, dip=waiting)
    verbs = waiting
    if isinstance(verbs[0], Gather):
        verbs = (replace(verbs[0], says=(*session.unspoken, *verbs[0].says)), *verbs[1:])
    else:
        verbs = (*session.unspoken, *verbs)
    if not session.answered:
        verbs = (Answer(), *verbs)
        session = replace(session, answered=True)
    if not session.notice_given and any(say.recording_notice for say in said(verbs)):
        session = replace(session, notice_given=True)
    if isinstance(verbs[-1], Hangup):
        session = replace(session, outcome=session.reached or "hung_up_by_flow")
    return Turn(session, verbs=verbs)


def _begin(call: Call, flow: str) -> Call:
    return _enter(call.changed(flow=flow), call.callflow.flows[flow].start)


def _begin_again(call: Call) -> Call:
    """A call whose version is lost goes on in this one: from its start, or in crisis. The house
    still knows its place in the queue."""
    flow = CRISIS if call.session.priority is Priority.CRISIS else call.callflow.name
    blank = call.changed(
        version=call.callflow.version, stack=(), unspoken=(), visits={}, queue=None
    )
    return _begin(blank, flow)


def _enter(call: Call, step: str) -> Call:
    visits = dict(call.session.visits)
    name = f"{call.session.flow}.{step}"
    visits[name] = visits.get(name, 0) + 1
    call = call.changed(step=step, memory={}, visits=visits)
    return call.step.enter(call)


def _follow(done: Exit) -> Call:
    """Where an exit leads: a step of the same flow, or out of it to the step it was entered by."""
    call = done.call
    if call.session.queue == Frame(call.session.flow, call.session.step):
        call = call.changed(queue_memory=call.session.memory)
    target = call.step.target(done.name)
    while target not in call.flow.steps:
        *outer, frame = call.session.stack
        call = call.changed(stack=tuple(outer), flow=frame.flow, step=frame.step)
        target = call.step.target(target)
    return _enter(call, target)


def _in_crisis(call: Call) -> bool:
    """In the flow for danger, or one that it has called."""
    flows = {call.session.flow, *(frame.flow for frame in call.session.stack)}
    return call.session.priority is Priority.CRISIS and CRISIS in flows


def _to_crisis(call: Call) -> Call:
    """From anywhere, with nothing of the flow left behind; the house keeps the place."""
    afresh = call.changed(
        stack=(),
        unspoken=(),
        visits={},
        priority=Priority.CRISIS,
        queue=None,
        queue_stack=(),
        queue_memory={},
    )
    return _begin(afresh, CRISIS)


def _to_queue(call: Call) -> Call | None:
    """Back to the queue that holds the caller's place, to take the counselor reserved there."""
    session = call.session
    queue = session.queue
    if queue is None:
        return None
    memory = session.queue_memory
    if queue == Frame(session.flow, session.step):
        memory = session.memory
    return call.changed(
        flow=queue.flow,
        step=queue.step,
        stack=session.queue_stack,
        memory=called_back(memory),
    )


def _rings_counselor(waiting: Waiting) -> bool:
    last = waiting[-1] if isinstance(waiting, tuple) else None
    return isinstance(last, Dial) and last.kind == "offer"


def _gives_up_place(verb: Verb) -> bool:
    """Whoever leaves a message, is connected elsewhere or has been served is not offered to
    counselors meanwhile."""
    if isinstance(verb, Dial):
        return verb.kind == "directory"
    return isinstance(verb, Record | Hangup)


def _abandoned(event: Event) -> bool:
    return isinstance(event, DialEnded) and event.result is DialResult.ABANDONED


def _outcome(session: Session, waiting: Waiting) -> str:
    if session.reached is not None:
        return session.reached
    last = waiting[-1] if isinstance(waiting, tuple) else None
    is_rung_for = session.queue is not None or isinstance(last, Dial)
    return "abandoned_in_queue" if is_rung_for else "abandoned_in_menu"
