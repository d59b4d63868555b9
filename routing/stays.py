"""A call's stays in the queue as its order's events tell: what it wished when, whom it was offered
to, and what came of that. Nothing personal is among these events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from agents.offer_results import OFFER_RESULTS
from routing.callbacks import waits_as
from routing.waiting_call import WaitingCall
from workorders.order import order_events

_WISHES = {"topic_chosen": "topic", "language_chosen": "language", "priority_raised": "priority"}
_TOLD = tuple(
    field.name
    for field in fields(WaitingCall)
    if field.name not in ("call_id", "order_no", "node", "excluded")
)
_OF_A_TRANSFER = frozenset({"transferred_by", "came_at"})
_BEGINS = frozenset({"queued", "callback_waits"})
_LEAVES = _BEGINS | {"queue_left", "callback_agreed", "callback_connected", "ended", "failed"}


class Told(NamedTuple):
    """An event of the order."""

    kind: str
    at: datetime
    actor: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stay:
    """One time in the queue, from `began`. `call`: as it came. `events`: what happened in it, and
    its end. `until`: when it waited no more, for it was answered or left. `is_callback`: the
    caller has hung up; the place rests between two tries."""

    began: datetime
    call: WaitingCall
    events: Sequence[Told]
    until: datetime
    is_callback: bool = False

    def call_at(self, at: datetime) -> WaitingCall:
        """With what was wished by then, and who had failed it."""
        wishes: dict[str, Any] = {}
        failed = set(self.call.excluded)
        for event in self.events:
            if event.at > at:
                break
            if event.kind in _WISHES:
                name = _WISHES[event.kind]
                wishes[name] = event.data["set"][name]
            elif event.kind == "offer_failed":
                failed.discard(self.call.transferred_by or "")
                meaning = OFFER_RESULTS.get(event.data["result"])
                if meaning is not None and not meaning.again:
                    failed.add(event.data["counselor"])
            elif event.kind == "callback_not_placed":
                failed.add(event.data["counselor"])
            elif event.kind in ("callback_not_answered", "callback_asks_anew"):
                failed.clear()
        return replace(self.call, **wishes, excluded=frozenset(failed))

    def wishes_changed(self) -> Iterator[tuple[datetime, str]]:
        """When, and to what, in a few words."""
        for event in self.events:
            if event.kind in _WISHES and event.at > self.began:
                name = _WISHES[event.kind]
                yield event.at, f"{name} is now {event.data['set'][name]}"

    def left_because(self) -> Iterator[str]:
        """Why it left, where it wasn't the caller's or the flow's will."""
        last = self.events[-1] if self.events else None
        if last is not None and last.kind == "queue_left" and "reason" in last.data:
            yield f"left the queue: {last.data['reason']}"

    def rang(self, ids: Sequence[str], since: datetime, before: datetime | None) -> Told | None:
        """The event by which the telephones of these counselors rang, who were reserved at
        `since`; `before` the next were. None: they never did."""
        return next(
            (
                event
                for event in self.events
                if event.kind == "offer_made"
                and since <= event.at
                and (before is None or event.at < before)
                and set(event.data["counselors"]) <= set(ids)
            ),
            None,
        )

    def results(self, offer_id: str) -> Iterator[tuple[str, str]]:
        """What became of an offer: counselor and result, in the order in which they were told."""
        for event in self.events:
            if event.data.get("offer") == offer_id:
                if event.kind == "answered":
                    yield event.actor.removeprefix("counselor:"), "answered"
                elif event.kind == "offer_failed":
                    yield event.data["counselor"], event.data["result"]

    def named(self) -> set[str]:
        """Everybody who was offered the call."""
        made = (event for event in self.events if event.kind == "offer_made")
        return {who for event in made for who in event.data["counselors"]}


def told_of(call: WaitingCall) -> dict[str, Any]:
    """What the event `queued` tells of a call: all that is needed to have it again (`_call`)."""
    told = {name: getattr(call, name) for name in _TOLD} | {"kinds": sorted(call.kinds)}
    if call.transferred_by is None:
        # Nothing of what an ordinary call doesn't have.
        return {name: told[name] for name in told if name not in _OF_A_TRANSFER}
    return {**told, "excluded": sorted(call.excluded)}


def stays_of(connection: Connection, order_no: str, call_id: str, now: datetime) -> list[Stay]:
    """In order; `now` is the end of one that goes on. Raises KeyError where a stay was written by
    a version that didn't tell all that is needed."""
    e = order_events.c
    query = select(e.kind, e.at, e.actor, e.data).where(e.order_no == order_no).order_by(e.seq)
    events = [
        Told(kind, at, actor, json.loads(data))
        for kind, at, actor, data in connection.execute(query)
    ]
    found: list[Stay] = []
    for number, event in enumerate(events):
        if event.kind in _BEGINS:
            rest = events[number + 1 :]
            left = next((n for n, later in enumerate(rest) if later.kind in _LEAVES), len(rest))
            until = rest[left].at if rest[left:] else now
            if event.kind == "queued":
                call = _call(order_no, call_id, event)
                found.append(_stay(event.at, call, rest[: left + 1], until))
            elif found:
                kept = found[-1].call_at(event.at)
                call = replace(kept, call_id=waits_as(call_id), excluded=frozenset())
                stay = _stay(event.at, call, rest[: left + 1], until)
                found.append(replace(stay, is_callback=True))
    return found


def _stay(began: datetime, call: WaitingCall, events: Sequence[Told], left: datetime) -> Stay:
    """Somebody who picked up and didn't take the call is no end of it."""
    for number, event in reversed(list(enumerate(events))):
        if event.kind == "answered":
            who = event.actor.removeprefix("counselor:")
            later = events[number + 1 :]
            if not any(
                other.kind == "offer_made" or other.data.get("counselor") == who for other in later
            ):
                left = event.at
            break
    return Stay(began, call, events, left)


def _call(order_no: str, call_id: str, queued: Told) -> WaitingCall:
    told = {name: queued.data[name] for name in _TOLD if name in queued.data}
    told["kinds"] = frozenset(told["kinds"])
    told["enqueued_at"] = datetime.fromisoformat(told["enqueued_at"])
    if told.get("came_at") is not None:
        told["came_at"] = datetime.fromisoformat(told["came_at"])
    told["excluded"] = frozenset(queued.data.get("excluded", ()))
    return WaitingCall(call_id=call_id, order_no=order_no, node="", **told)
