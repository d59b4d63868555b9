"""The step `queue`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from math import ceil
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field

from callflows.call import Call
from callflows.data_dips import JoinQueue, Priority, QueueStatus, TakeReservation, TalkStatus
from callflows.events import (
    CallerJoins,
    CallerParked,
    ConferenceEnded,
    CounselorReserved,
    DialEnded,
    DialResult,
    DigitsCollected,
    Event,
    HoldEnded,
    NoInput,
    NoneAvailable,
    Queued,
    ReservationNoticed,
    TalkOver,
    TransferRequested,
    WarningRequested,
)
from callflows.session import Frame
from callflows.steps.step import Asked, Exit, Heard, Prompt, PromptField, Step
from callflows.verbs import Confer, Dial, Gather, Hangup, Hold, Say

LONG_WAIT_SECONDS = 300
MOST_AHEAD = 99
LINE_RING_SECONDS = 30
PARKED_SECONDS = 20
"""Then a caller who hears music is looked after, whatever woke nobody."""
AFTER_WARNING_SECONDS = 3
"""For whoever needs help all the same, and thinks of `*` only now."""
WARNED = frozenset({"warning", "warned"})

Seconds = Annotated[int, Field(ge=5, le=3600)]


class QueueStep(Step):
    """Wait for a counselor, who is rung as soon as one is free. The topic is the value `topic`
    (`unknown` if not set).

    The place is taken before anything is spoken, and kept on the way through other steps and
    queues: a counselor who becomes free meanwhile calls the caller back here. An offer that
    fails costs nothing, the next one follows.

    Whose number has an open order goes to the counselor who handles it, if they are free soon, as
    the station's settings say; where the caller asks for somebody else, set the value `counselor`
    to `anybody` before.

    - `prompt`: spoken once, when the call first comes here. With `welcome_wait` the caller has
      that many seconds after it to press a key before a counselor is rung.
    - `recording_notice`: a prompt that tells of the recording, spoken once after `prompt`.
      Never for callers in danger.
    - `announcement`: spoken after `first_announcement` seconds of music, then every
      `announce_every`. `{n}` is how many are ahead, `{m}` the expected minutes (up to 5).
      `announcement_long` (without `{m}`) takes its place when more than 5 minutes are expected
      or nothing is known; `announcement_next` when nobody is ahead.
    - `transferring`: spoken when whoever has answered passes the caller on: the call comes back
      here, with the wishes of the transfer and a place before all who came later, and nothing
      else is spoken again.
    - `outer_tier`: spoken once when help comes from another region.
    - `reconnecting`: spoken where the counselor's telephone was lost in the middle of the talk. The
      caller then waits again, before all others of their class, with or without these words.
    - `harassment_warning`: spoken where whoever has answered ends the call as harassment. Then the
      call is over, with or without these words, and no exit is taken: nobody is asked how the
      service was. `*` is danger in them as everywhere, for a caller in danger, too.
    - `patience`: after that many seconds without a counselor the exit `waited_long` is taken.
    - `priority: silent_confirmed`: for the key a caller presses who cannot speak. Crisis
      itself has no parameter: it is `*`.

    Exits: `answered`, `none_available` (nobody on duty could ever take this call), keys that
    work while waiting, and `waited_long` where there is `patience`.

    Example:

        anyone:
          type: queue
          prompt: connecting
          announcement: your_place
          announcement_long: your_place_long
          patience: 60
          exits:
            answered: goodbye
            none_available: message
            waited_long: busy
            "9": message
    """

    type: Literal["queue"]
    prompt: Prompt | None = None
    welcome_wait: Annotated[float, Field(ge=0, le=10)] = 0
    recording_notice: Prompt | None = None
    announcement: Annotated[str, PromptField(("n", "m"))] | None = None
    announcement_long: Annotated[str, PromptField(("n",))] | None = None
    announcement_next: Annotated[str, PromptField(("m",))] | None = None
    first_announcement: Seconds = 20
    announce_every: Seconds = 45
    outer_tier: Prompt | None = None
    transferring: Prompt | None = None
    reconnecting: Prompt | None = None
    harassment_warning: Prompt | None = None
    patience: Seconds | None = None
    priority: Literal["silent_confirmed"] | None = None

    EXITS = ("answered", "none_available")
    OPTIONAL_EXITS = MappingProxyType({"waited_long": None})
    KEY_EXITS = True
    WAITING_EXITS = ("answered", "waited_long")
    SERVED_EXITS = ("answered",)
    REACHES_HUMAN = True

    def enter(self, call: Call) -> Call:
        session = call.session
        priority = session.priority
        if self.priority is not None:
            priority = max(priority, Priority[self.priority.upper()])
        says = []
        if session.visits[f"{session.flow}.{session.step}"] == 1:
            says = [[prompt, {}] for prompt in (self.prompt, self.recording_notice) if prompt]
        reached = session.reached
        return call.changed(
            priority=priority,
            # Whoever waits again is not called back.
            reached=None if reached == "callback" else reached,
            talk_ended_at=None,
            queue=Frame(session.flow, session.step),
            queue_stack=session.stack,
            memory={
                **self._begun(call),
                "welcomed": not (self.prompt and self.welcome_wait and says),
                "outer_said": bool(session.queue and session.queue_memory.get("outer_said")),
                "says": says,
            },
        )

    def _begun(self, call: Call) -> dict[str, Any]:
        return {
            "phase": "join",
            "entered_at": call.at.isoformat(),
            "announce_at": (call.at + timedelta(seconds=self.first_announcement)).isoformat(),
        }

    def ask(self, call: Call) -> Asked:
        memory = call.memory
        match memory["phase"]:
            case "join":
                topic = call.value("topic", "unknown")
                # Counselors may speak a language that no prompt is written in.
                language = call.value("language", call.language)
                front = memory.get("front", False)
                return JoinQueue(topic, language, call.session.priority, front)
            case "take":
                return TakeReservation()
            case "status":
                return QueueStatus()
            case "welcome":
                welcome = tuple(self._says(call, memory["says"][:1]))
                return (Gather(welcome, max_digits=1, timeout_seconds=self.welcome_wait),)
            case "offer":
                offer = Dial("offer", memory["offer"], memory["ring_seconds"])
                return (*self._says(call, memory["says"]), offer)
            case "parked":
                return (Hold(PARKED_SECONDS),)
            case "conference":
                return (Confer(),)
            case "warning" if self.harassment_warning:
                warning = (call.say(self.harassment_warning),)
                return (Gather(warning, max_digits=1, timeout_seconds=AFTER_WARNING_SECONDS),)
            case "warning" | "warned":
                return (Hangup(),)
            case "talk":
                return TalkStatus(memory.get("recalled", False), memory.get("alone", False))
            case "line":
                line = Dial("directory", memory["line"], LINE_RING_SECONDS)
                return (*self._says(call, memory["says"]), line)
            case _:
                hold = Hold(self._hold_seconds(call), self.key_exits())
                return (*self._says(call, memory["says"]), hold)

    def hear(self, call: Call, event: Event) -> Heard:
        match call.memory["phase"]:
            case "join" | "take" | "status":
                return self._hear_answer(call, event)
            case "welcome":
                return self._hear_welcome(call, event)
            case "offer":
                return self._hear_offer(call, event)
            case "line":
                return self._hear_line(call, event)
            case "parked" | "conference" | "talk":
                return self._hear_talk(call, event)
            case "warning" | "warned":
                pressed = isinstance(event, NoInput | DigitsCollected)
                return call.remember(phase="warned") if pressed else None
            case _:
                return self._hear_hold(call, event)

    def _hear_answer(self, call: Call, event: Event) -> Heard:
        if isinstance(event, NoneAvailable):
            return Exit("none_available", call)
        if not isinstance(event, CounselorReserved | Queued):
            return None
        if event.outer_tier and self.outer_tier and not call.memory["outer_said"]:
            call = self._to_say(call, self.outer_tier).remember(outer_said=True)
        if isinstance(event, CounselorReserved):
            call = call.remember(offer=event.offer_id, ring_seconds=event.ring_seconds)
            return call.remember(phase="offer" if call.memory["welcomed"] else "welcome")
        call = self._announced(call.remember(offer=None), event)
        if not call.memory["welcomed"]:
            return call.remember(phase="welcome")
        if self._waited_long(call):
            return Exit("waited_long", call)
        return call.remember(phase="hold")

    def _hear_welcome(self, call: Call, event: Event) -> Heard:
        if not isinstance(event, NoInput | DigitsCollected):
            return None
        call = call.remember(welcomed=True, says=call.memory["says"][1:])
        if isinstance(event, DigitsCollected) and event.digits in self.exits:
            return Exit(event.digits, call.remember(phase="hold"))
        return call.remember(phase="offer" if call.memory["offer"] else "hold")

    def _hear_offer(self, call: Call, event: Event) -> Heard:
        if isinstance(event, TransferRequested):
            return self._passed_on(call, event)
        if isinstance(event, WarningRequested):
            return self._warned(call, event)
        if isinstance(event, CallerParked | CallerJoins):
            answered = call.changed(reached="answered", queue=None, queue_stack=())
            return self._hear_talk(answered.remember(phase="talk", says=[]), event)
        if not isinstance(event, DialEnded):
            return None
        call = call.remember(says=[])
        if event.result is DialResult.ANSWERED:
            return self._talk_over(call, event)
        if event.result is DialResult.LOST:
            return self._again(call)
        if self._waited_long(call):
            # Telephones that ring in vain must not keep the caller from the way out.
            return Exit("waited_long", call.remember(phase="hold"))
        return call.remember(phase="status")

    def _hear_talk(self, call: Call, event: Event) -> Heard:
        """A talk that isn't a Dial any more: somebody else was asked in."""
        asked = call.memory["phase"] == "talk"
        match event:
            case CallerParked() if asked:
                return call.remember(phase="parked", recalled=False, alone=False)
            case CallerJoins() if asked:
                return call.remember(phase="conference", recalled=False, alone=False)
            case TransferRequested() if asked:
                return self._passed_on(call, event)
            case WarningRequested() if asked:
                return self._warned(call, event)
            case TalkOver() if asked:
                return self._talk_over(call, event)
            case HoldEnded() | ReservationNoticed() | ConferenceEnded() if not asked:
                alone = isinstance(event, ConferenceEnded) and event.alone
                return call.remember(phase="talk", alone=alone)
        return None

    def _talk_over(self, call: Call, event: DialEnded | TalkOver) -> Exit:
        return Exit("answered", self._talked(call, event.at, event.talk_seconds))

    def _warned(self, call: Call, event: WarningRequested) -> Call:
        return self._talked(call, event.at, 0).changed(queue_stack=()).remember(phase="warning")

    def _talked(self, call: Call, at: datetime, seconds: int) -> Call:
        return call.changed(
            reached="answered", queue=None, talk_ended_at=at.isoformat(), talk_seconds=seconds
        )

    def _passed_on(self, call: Call, event: TransferRequested) -> Call:
        """Somebody has answered, so nothing of the way here is said again."""
        wishes = {"transfer": event.request, "topic": event.topic, "station": event.station}
        call = call.with_values(**{name: wish for name, wish in wishes.items() if wish})
        says = [[self.transferring, {}]] if self.transferring else []
        notes = {**self._begun(call), "welcomed": True, "outer_said": True, "says": says}
        if event.entry_id is not None:
            notes |= {"phase": "line", "line": event.entry_id}
        talks_on = call.changed(reached="answered", talk_ended_at=None, memory=notes)
        return self._queued_again(talks_on)

    def _queued_again(self, call: Call) -> Call:
        """The queue holds a place for it, but for whoever a sister line is rung for."""
        session = call.session
        waits = call.memory["phase"] != "line"
        here = Frame(session.flow, session.step) if waits else None
        return call.changed(queue=here, queue_stack=session.stack if waits else ())

    def _hear_line(self, call: Call, event: Event) -> Heard:
        if not isinstance(event, DialEnded):
            return None
        if event.result is DialResult.ANSWERED:
            return Exit("answered", call.changed(reached="transferred"))
        return self._queued_again(call.remember(**self._begun(call), says=[]))

    def _again(self, call: Call) -> Call:
        """From the front of the line, and nothing is told or asked twice."""
        says = [[self.reconnecting, {}]] if self.reconnecting else []
        return call.remember(**self._begun(call), front=True, says=says)

    def _hear_hold(self, call: Call, event: Event) -> Heard:
        key = None
        if isinstance(event, DigitsCollected):
            key = event.digits
        elif isinstance(event, HoldEnded):
            key = event.key
        else:
            return None
        call = call.remember(says=[])
        if key is None:
            return call.remember(phase="status")
        return Exit(key, call) if key in self.key_exits() else call

    def _announced(self, call: Call, queued: Queued) -> Call:
        """With the announcement among the words to speak, if one is due."""
        if call.at < _instant(call, "announce_at"):
            return call
        next_at = call.at + timedelta(seconds=self.announce_every)
        call = call.remember(announce_at=next_at.isoformat())
        prompt = self.announcement
        if prompt is None:
            return call
        ahead = min(queued.position - 1, MOST_AHEAD)
        wait = queued.expected_wait_seconds
        minutes = ceil(wait / 60) if wait else 1
        if ahead <= 0 and self.announcement_next is not None:
            prompt = self.announcement_next
        elif self.announcement_long is not None and (wait is None or wait > LONG_WAIT_SECONDS):
            prompt = self.announcement_long
        return self._to_say(call, prompt, n=ahead, m=minutes)

    def _to_say(self, call: Call, prompt: str, **fillings: int) -> Call:
        return call.remember(says=[*call.memory["says"], [prompt, fillings]])

    def _says(self, call: Call, says: list[tuple[str, dict[str, Any]]]) -> Iterator[Say]:
        for prompt, fillings in says:
            notice = prompt == self.recording_notice
            yield call.say(prompt, recording_notice=notice, **fillings)

    def _hold_seconds(self, call: Call) -> float:
        """Until something is to be said or done, at least a second."""
        until = _instant(call, "announce_at")
        if "waited_long" in self.exits:
            until = min(until, self._patience_ends(call))
        return max(1.0, round((until - call.at).total_seconds(), 1))

    def _waited_long(self, call: Call) -> bool:
        return "waited_long" in self.exits and call.at >= self._patience_ends(call)

    def _patience_ends(self, call: Call) -> datetime:
        return _instant(call, "entered_at") + timedelta(seconds=self.patience or 0)

    def refused_in_danger(self) -> str | None:
        if self.recording_notice is not None:
            return "a recording notice"
        return "music alone, without an announcement" if self.announcement is None else None

    def unpressed_seconds(self) -> float:
        return self.welcome_wait


def called_back(memory: Mapping[str, Any]) -> dict[str, Any]:
    """The notes of a queue step to which a reservation brings the call back."""
    unspoken = memory["says"][1:] if memory["phase"] == "welcome" else []
    return {**memory, "phase": "take", "welcomed": True, "says": unspoken}


def _instant(call: Call, note: str) -> datetime:
    return datetime.fromisoformat(call.memory[note])


def is_parked(memory: Mapping[str, Any]) -> bool:
    """Does the caller hear music while whoever answered talks with somebody else?"""
    return memory.get("phase") == "parked"


def is_warned(memory: Mapping[str, Any]) -> bool:
    """Is the call to end as harassment, with the warning or after it?"""
    return memory.get("phase") in WARNED
