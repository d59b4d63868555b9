"""Every decision of any order is explained as it was made: busy hours of calls through the engine
on both stores, then each order's decisions once more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Connection, or_, select

from agents import presence, roster
from agents.roster import Role, RosterError
from callflows.events import (
    DialEnded,
    DialResult,
    DigitsCollected,
    Event,
    HoldEnded,
    NoInput,
    RecordingFinished,
)
from callflows.verbs import Dial, Gather, Hangup, Hold, Record
from config.settings import CONFIG, Settings
from ivr.assembly import Assembly
from ivr.pending import OfferedCall, Pending
from routing import standings
from routing.decisions import Story, story_of
from routing.offers import offers
from routing.standing import Standing, State
from routing.strength import Counts, Figures, strength
from workorders.order import orders

BEGAN = datetime(2026, 6, 7, 13, 0, tzinfo=UTC)
CALLERS = [f"1357000123{n}" for n in range(5)]
KEYS = ("1", "1", "1", "2", "2", "", "0", "5", "*")
LATER_KEYS = ("", "", "", "", "9", "8", "*", "5")
STATIONS = ("440100", "440000", "centre-wuhan")
SEEN = strength(Figures(Counts(answered=1, abandoned=9), Counts(answered=50), 0.9), 10)
RESULTS = ("answered", "answered", "answered", "no_answer", "declined", "unreachable", "busy")


@dataclass
class Call:
    """A caller and whom their telephone talks to. `talks_to`: who picked up."""

    pending: Pending
    verb_since: datetime
    talks_to: str | None = None


@dataclass
class BusyHour:
    """Callers, counselors and telephones do whatever they like, one thing at a second or so."""

    assembly: Assembly
    random: Random
    at: datetime = BEGAN
    calls: dict[str, Call] = field(default_factory=dict)
    begun: int = 0

    def __post_init__(self) -> None:
        self.assembly.import_roster(self.at)
        self.controller = self.assembly.controller("one", lambda woken: None)
        everybody = self.assembly.store.read(roster.everybody)
        self.people = [who.id for who in everybody if who.role is not Role.DUTY_PHONE]
        for who in self.people:
            self.controller.counselors_changed(
                lambda c, who=who: presence.log_in(c, who, self.at), self.at
            )

    def pass_by(self, steps: int) -> None:
        for _ in range(steps):
            self.at += timedelta(milliseconds=self.random.randint(1, 2500))
            self.controller.tick(self.at)
            does = (self.somebody_calls, self.somebody_comes_or_goes, self.a_station_turns)
            self.random.choice([*does, *[self.a_call_goes_on] * 6])()
        for call_id in list(self.calls):
            self.at += timedelta(milliseconds=1)
            self.controller.hung_up(call_id, self.at)

    def somebody_calls(self) -> None:
        self.begun += 1
        number = self.random.choice(["020-12355", "12355", "027-12355"])
        caller = self.random.choice([None, None, *CALLERS])
        call = OfferedCall(f"call-{self.begun}", "asterisk", "PJSIP/x", number, caller)
        self.calls[call.call_id] = Call(self.controller.offered(call, self.at), self.at)

    def somebody_comes_or_goes(self) -> None:
        who = self.random.choice(self.people)

        def change(connection: Connection) -> None:
            does = self.random.choice(["in", "in", "in", "out", "pause"])
            if does == "in":
                presence.log_in(connection, who, self.at)
            elif does == "out":
                presence.log_out(connection, who, self.at)
            else:
                presence.pause(connection, who, "meal", self.at)

        with suppress(RosterError):
            self.controller.counselors_changed(change, self.at)

    def a_station_turns(self) -> None:
        """Strong, weak, dead or probing for a topic, whatever it was."""
        place = self.random.choice(STATIONS), self.random.choice(["law", "psychology"])
        state = self.random.choice([State.STRONG, State.STRONG, *State])

        def work(connection: Connection) -> None:
            before = standings.one(connection, place).state
            change = standings.write_down(
                connection, place, self.at, before, state, "as it pleases", SEEN
            )
            turned = Standing(state, self.at, change_id=change.id)
            standings.save(connection, {place: turned})

        self.assembly.store.write(work)
        self.at += timedelta(seconds=2)  # until every matcher has seen it

    def a_call_goes_on(self) -> None:
        if not self.calls:
            return
        call_id = self.random.choice(sorted(self.calls))
        call = self.calls[call_id]
        if self.random.random() < 0.03:
            self.controller.hung_up(call_id, self.at)
            del self.calls[call_id]
            return
        event = self.event_for(call)
        if event is not None:
            pending = self.controller.advanced(call_id, call.pending.turn, event)
            if isinstance(pending.verbs[-1], Hangup):
                self.controller.hung_up(call_id, self.at)
                del self.calls[call_id]
            else:
                self.calls[call_id] = Call(pending, self.at)

    def event_for(self, call: Call) -> Event | None:
        verb = call.pending.verbs[-1]
        if isinstance(verb, Gather):
            key = self.random.choice(KEYS)
            return DigitsCollected(self.at, key) if key else NoInput(self.at)
        if isinstance(verb, Hold):
            key = self.random.choice(LATER_KEYS)
            if key and (key in verb.keys or key == "*"):
                return HoldEnded(self.at, "key", key)
            return HoldEnded(self.at, "elapsed")
        if isinstance(verb, Record):
            return RecordingFinished(self.at, f"{call.pending.call_id}.wav", 5)
        assert isinstance(verb, Dial)
        return self.dial_ended(call, verb)

    def dial_ended(self, call: Call, dial: Dial) -> DialEnded | None:
        if call.talks_to is not None:
            if self.random.random() < 0.2:  # a mobile's voicemail, which presses nothing
                return DialEnded(self.at, DialResult.NO_ANSWER)
            talked = int((self.at - call.verb_since).total_seconds())
            return DialEnded(self.at, DialResult.ANSWERED, call.talks_to, talked)
        result = self.random.choice(RESULTS)
        if result != "answered":
            return DialEnded(self.at, DialResult(result))
        if dial.kind == "directory":
            return DialEnded(self.at, DialResult.ANSWERED, dial.target, 1)
        query = select(offers.c.counselor_id).where(
            offers.c.offer_id == dial.target, offers.c.ended_at.is_(None)
        )
        rung = self.assembly.store.read(lambda c: sorted(c.execute(query).scalars()))
        if not rung:  # the lease has run out
            return DialEnded(self.at, DialResult.NO_ANSWER)
        call.talks_to = self.random.choice(rung)
        self.controller.answered_by(call.pending.call_id, call.talks_to, self.at)
        return None

    def stories(self) -> Iterator[Story]:
        queued = select(orders.c.order_no).where(orders.c.t_queue.is_not(None))
        for order_no in self.assembly.store.read(lambda c: list(c.execute(queued).scalars())):
            yield self.assembly.store.read(
                lambda c, order_no=order_no: story_of(c, self.assembly.stations, order_no, self.at)
            )

    def offered(self) -> set[tuple[str, frozenset[str]]]:
        """Every offer that was made and not taken back at once: to which call, to whom."""
        query = select(offers.c.call_id, offers.c.offer_id, offers.c.counselor_id).where(
            or_(offers.c.ended_at.is_(None), offers.c.ended_at > offers.c.made_at)
        )
        found: dict[tuple[str, str], set[str]] = {}
        for call_id, offer_id, who in self.assembly.store.read(lambda c: c.execute(query).all()):
            found.setdefault((call_id, offer_id), set()).add(who)
        return {(call_id, frozenset(ids)) for (call_id, _), ids in found.items()}


@pytest.fixture
def assembly(tmp_path: Path, store_url: str) -> Iterator[Assembly]:
    settings = Settings(
        data_directory=tmp_path, store_url=store_url, sister_lines_directory=CONFIG / "demo"
    )
    assembly = Assembly.open(settings)
    yield assembly
    assembly.store.close()


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long)])
def test_every_decision_is_explained_as_it_was_made(assembly: Assembly, seed: int) -> None:
    hour = BusyHour(assembly, Random(seed))
    hour.pass_by(400)
    told = set()
    for story in hour.stories():
        for decision in story.decisions:
            assert decision.agrees, (story.order_no, decision)
            assert all(verdict.reasons for verdict in decision.verdicts)
            if decision.taken:
                told.add((decision.call.call_id, frozenset(decision.taken)))
    assert told == hour.offered()
    assert len(told) > 20
