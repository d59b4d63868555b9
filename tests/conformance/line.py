"""A line that brings calls to the engine, whatever carries them.

Who calls is told of each turn as it is committed and says what they do next; the line makes it
happen in its carrier's way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from sqlalchemy import Connection

from callflows.events import DialResult, Event
from callflows.verbs import Gather, Hangup, Record, Say, Verb
from ivr.controller import Controller
from ivr.house import House
from ivr.pending import Pending
from ivr.publications import Publications
from ivr.sessions import CallRow
from ivr.simulated_caller import SILENCE, Act, Telephone
from ivr.sister_lines import carrier_numbers
from ivr.transaction import Transaction, Woken
from ivr.turns import Turns
from routing.queues import Queues
from tests.conformance.world import World
from tests.twilio_stand_in.clock import Clock, Timer
from workorders.verify import verify
from workorders.views import View, order_view, orders_of

VOICE_SECONDS = 1.0
"""Every text is spoken in a second: how long speech lasts is the voice's own matter."""
KEY_SECONDS = 0.3
LAST_WORDS_SECONDS = 10
"""For a goodbye, and a message that Twilio still makes ready."""


class Caller(Protocol):
    def told(self, line: Line, call_id: str, event: Event, verbs: tuple[Verb, ...]) -> Act:
        """An event has reached the flow, and this is what it answered; what the caller does
        next, from now on, into a message from its tone."""


@dataclass
class Call:
    caller: Caller
    told: list[tuple[Event, tuple[Verb, ...]]] = field(default_factory=list)
    act: Act = SILENCE
    timers: list[Timer] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """The flow has ended it, or the caller."""
        return not self.told[-1][1] or isinstance(self.told[-1][1][-1], Hangup)


@dataclass(frozen=True, slots=True)
class ObservedTurns(Turns):
    """Tells each event that has reached a flow, as its turn is written."""

    observe: Callable[[CallRow, Event, tuple[Verb, ...]], None]

    def advanced(
        self, tx: Transaction, row: CallRow, event: Event, hung_up_by: str | None = None
    ) -> Pending:
        pending = Turns.advanced(self, tx, row, event, hung_up_by)
        self.observe(row, event, pending.verbs)
        return pending


class Line(ABC):
    """
    :param house: makes the house of the fields that a real one has.
    :param tick_seconds: how often the house is told that time passes, as the engine does.
    """

    carrier: ClassVar[str]

    def __init__(
        self,
        world: World,
        folder: Path,
        begins: datetime,
        house: Callable[..., House] = House,
        publications: Publications | None = None,
        tick_seconds: float = 1,
    ) -> None:
        self.clock = Clock(begins)
        self.world = world
        self.assembly = world.assembly(folder)
        self.calls: dict[str, Call] = {}
        self.telephones: dict[str, Telephone] = {}
        """Of everybody who can be rung, by counselor's or directory entry's id."""
        self._arriving: Caller | None = None
        settings = self.assembly.settings
        self.controller = Controller(
            self.assembly.store,
            house(
                self.assembly.log,
                Queues(self.assembly.stations),
                self.assembly.stations,
                self.assembly.directory,
                settings.default_access_number,
                settings.recordings_directory,
                carrier_numbers(settings),
            ),
            publications or world.publications,
            "engine",
            lambda woken: self.wake(woken),
        )
        turns = self.controller.turns
        self.controller.turns = ObservedTurns(
            turns.house, turns.publications, turns.engine, self._observed
        )
        self._tick_seconds = tick_seconds
        self._open()
        self._tick()

    def incoming(self, caller: Caller, number: str | None, access_number: str) -> None:
        """`caller` calls, from a number in E.164 or withholding it."""
        self._arriving = caller
        self.bring(number, access_number)

    def run_until_over(self) -> None:
        """Until every call is over, and what its carrier still tells has been told."""
        self.clock.run_until(lambda: all(call.over for call in self.calls.values()), within=3600)
        self.clock.run_for(LAST_WORDS_SECONDS)
        keys = self.assembly.log.keys
        assert verify(self.assembly.store, keys, self.assembly.settings.seal_file) == []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.assembly.store.close()

    @abstractmethod
    def bring(self, number: str | None, access_number: str) -> None:
        """Bring a call; its first turn is committed when this returns."""

    @abstractmethod
    def wake(self, woken: Woken) -> None:
        """Somebody is reserved for a call that waits."""

    @abstractmethod
    def conversation(self) -> str:
        """Everything said between carrier and engine, readable, the same at every run."""

    @abstractmethod
    def _open(self) -> None:
        """Set up what the carrier needs."""

    @abstractmethod
    def _perform(self, call_id: str, call: Call, verbs: tuple[Verb, ...]) -> None:
        """Make `call.act` happen."""

    def orders(self) -> list[View]:
        """Whole, oldest first."""
        keys = self.assembly.log.keys

        def work(connection: Connection) -> list[View]:
            numbers = [row["order_no"] for row in orders_of(connection, keys, limit=100)]
            return [order_view(connection, keys, number) for number in sorted(numbers)]

        return self.assembly.store.read(work)

    def after(self, seconds: float, work: Callable[[], Any]) -> Timer:
        return self.clock.after(seconds, work)

    def telephone(self, who: str) -> Telephone:
        return self.telephones.get(who, Telephone(DialResult.NO_ANSWER))

    def _observed(self, row: CallRow, event: Event, verbs: tuple[Verb, ...]) -> None:
        if row.call_id not in self.calls:
            assert self._arriving is not None
            self.calls[row.call_id] = Call(self._arriving)
            self._arriving = None
        call = self.calls[row.call_id]
        call.told.append((event, verbs))
        while call.timers:
            call.timers.pop().cancel()
        if verbs:
            call.act = call.caller.told(self, row.call_id, event, verbs)
            self._perform(row.call_id, call, verbs)

    def _tick(self) -> None:
        self.controller.tick(self.clock.now())
        self.after(self._tick_seconds, self._tick)


class TelephoneLine(Line):
    """One whose callers have telephones: what they do happens at its time, whatever the carrier
    is at."""

    tone_after: ClassVar[float]
    """Seconds between the last word before a message and its tone's end."""

    @abstractmethod
    def press(self, call_id: str, key: str) -> None: ...

    @abstractmethod
    def hang_up(self, call_id: str) -> None: ...

    @abstractmethod
    def speak(self, call_id: str, seconds: float) -> None: ...

    def _perform(self, call_id: str, call: Call, verbs: tuple[Verb, ...]) -> None:
        act, at = call.act, call.act.after

        def later(seconds: float, work: Callable[[], None]) -> None:
            call.timers.append(self.after(seconds, work))

        if isinstance(verbs[-1], Record):
            tone = len(words_of(verbs)) * VOICE_SECONDS + self.tone_after
            later(tone, lambda: self.speak(call_id, act.after))
            at += tone
        for n, key in enumerate(act.keys):
            later(at + n * KEY_SECONDS, partial(self.press, call_id, key))
        if act.hangs_up:
            later(at, lambda: self.hang_up(call_id))


def words_of(verbs: Sequence[Verb]) -> list[Say]:
    """Everything spoken in a turn."""
    spoken: list[Say] = [verb for verb in verbs if isinstance(verb, Say)]
    for verb in verbs:
        if isinstance(verb, Gather):
            spoken += verb.says
    return spoken
