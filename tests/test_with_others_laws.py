"""Whatever desks ask, and whosever leg dies: no caller is lost. The engine's own work on a store,
over an Asterisk that is a model of who is where."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents import presence
from callflows.events import (
    ConferenceEnded,
    DialEnded,
    DialResult,
    DigitsCollected,
    Event,
    HoldEnded,
    NoInput,
    ReservationNoticed,
)
from callflows.verbs import Confer, Dial, Gather, Hangup, Hold, said
from config.settings import CONFIG, Settings
from ivr import desk_requests, messages
from ivr.assembly import Assembly
from ivr.asterisk.ami import LiveChannel
from ivr.asterisk.desk_work import DeskWork
from ivr.asterisk.dialling import dial_string
from ivr.asterisk.provisions import Phone
from ivr.desk_requests import Kind, State, TargetKind
from ivr.pending import OfferedCall, Pending
from ivr.talk_recordings import chain_of
from routing import offers, waiting
from workorders.views import View, order_view

BEGAN = datetime(2026, 6, 7, 1, 0, tzinfo=UTC)
NUMBERS = {"gz-lin": "8001", "gz-chen": "8002", "gz-huang": "8003", "gd-liang": "8102"}
TARGETS = [
    (TargetKind.COUNSELOR, "gz-lin"), (TargetKind.COUNSELOR, "gz-huang"),
    (TargetKind.TOPIC, "psychology"), (TargetKind.STATION, "420100"),
    (TargetKind.LINE, "psychology"), (TargetKind.LINE, "police"), (TargetKind.LINE, "fire"),
]  # fmt: skip


class Model:
    """One call, its legs, and the engine's work on them. Speaks as `Ami` and `Provisions` do."""

    def __init__(self, assembly: Assembly, number: int, key: str = "1") -> None:
        self.at = BEGAN + timedelta(hours=number)
        self.controller = assembly.controller("one", lambda woken: None)
        self.call_id = f"asterisk-{number}.1"
        self.legs: dict[str, str] = {}
        """Who is where: `dial`, `room` or `ringing`."""
        self.monitors: dict[str, str] = {}
        """In which part of the dialplan a leg that was rung is."""
        self.left_alone = False
        self.outside: set[str] = set()
        """Whose telephone is a number outside."""
        for who in NUMBERS:
            self.controller.counselors_changed(
                lambda c, who=who: presence.log_in(c, who, self.at), self.at
            )
        self.work = DeskWork(
            self.controller,
            self,
            self,
            "asterisk",
            lambda: self.at,  # type: ignore[arg-type]
        )
        call = OfferedCall(self.call_id, "asterisk", "PJSIP/x", "020-12355", "13570001234")
        self.pending: Pending = self.controller.offered(call, self.at)
        self.order_no = self.pending.order_no
        self.hears(DigitsCollected(self.at, key))
        self.answers()

    # What happens.

    def hears(self, event: Event) -> None:
        self.pending = self.controller.advanced(self.call_id, self.pending.turn, event)

    @property
    def verb(self) -> Any:
        return self.pending.verbs[-1]

    def answers(self) -> None:
        """Whoever is rung for the caller picks up."""
        if isinstance(self.verb, Dial) and not self._talking_in("dial"):
            if self.verb.kind == "directory":
                self.hears(DialEnded(self.at, DialResult.NO_ANSWER))
                return
            parts = self._parts()
            rung = [part for part in parts if part.offer_id == self.verb.target]
            if rung:
                who = rung[0].counselor_id
                self.legs[f"leg-{who}"] = "dial"
                self.controller.answered_by(self.call_id, who, self.at)

    @property
    def reference(self) -> str:
        """By which what is recorded now is known."""
        return messages.reference(self.call_id, self.pending.verbs_turn)

    def says_something(self, seconds: int) -> None:
        """And Asterisk writes it down."""
        folder = self.controller.house.recordings
        folder.mkdir(exist_ok=True)
        with wave.open(str(folder / f"{self.reference}.wav"), "wb") as file:
            file.setparams((1, 2, messages.SAMPLES_A_SECOND, 0, "NONE", ""))
            file.writeframes(bytes(2 * messages.SAMPLES_A_SECOND * seconds))

    def time_passes(self) -> None:
        self.at += timedelta(seconds=2)
        self.controller.tick(self.at)
        self.work.look()
        match self.verb:
            case Hold():
                reserved = self.controller.reservation_waiting(self.call_id)
                event = ReservationNoticed(self.at) if reserved else HoldEnded(self.at, "elapsed")
                self.hears(event)
            case Gather():
                self.hears(NoInput(self.at))

    def asks(self, who: str, kind: Kind, target: tuple[TargetKind, str]) -> None:
        if kind in (Kind.LISTEN, Kind.WHISPER, Kind.JOIN, Kind.LEAVE):
            target = (TargetKind.COUNSELOR, "gd-liang")
        # Whoever talks with a caller may end the talk.
        self.left_alone |= kind is Kind.WARN and f"leg-{who}" in self.legs
        self.controller.store.write(
            lambda c: desk_requests.ask(
                c, call_id=self.call_id, order_no=self.order_no, kind=kind, counselor_id=who,
                asked_by=f"counselor:{who}", at=self.at, target_kind=target[0], target=target[1],
            )
        )  # fmt: skip
        self.work.look()

    def picks_up(self, up: bool) -> None:
        """Whoever is asked in."""
        for leg, where in list(self.legs.items()):
            if where == "ringing":
                spies = self.monitors[f"Local/{leg}"] != "conference"
                self.legs[leg] = ("spies" if spies else "room") if up else "gone"
                if not up:
                    del self.legs[leg]
                self.work.responded({"ActionID": leg, "Response": "Success" if up else "Failure"})
                self.work.look()

    def last_one_leaves(self, leg: str) -> None:
        """Whoever is the last to talk with a caller may end the talk."""
        where = {Dial: "dial", Confer: "room"}.get(type(self.verb), "")
        self.left_alone |= bool(where) and self._talking_in(where) == [leg]

    def dies(self, leg: str) -> None:
        """A leg ends: its telephone is lost, or somebody hangs up."""
        where = self.legs.pop(leg, "")
        if where == "dial" and isinstance(self.verb, Dial):
            self.hears(DialEnded(self.at, DialResult.ANSWERED, leg.removeprefix("leg-"), 5))
        elif where == "room" and isinstance(self.verb, Confer) and not self._talking_in("room"):
            self.hears(ConferenceEnded(self.at))

    def _talking_in(self, where: str) -> list[str]:
        return [leg for leg, place in self.legs.items() if place == where]

    def _parts(self) -> list[offers.Offer]:
        return self.controller.store.read(lambda c: offers.of_call(c, self.call_id))

    def asked(self) -> list[desk_requests.Request]:
        store = self.controller.store
        return store.read(lambda c: desk_requests.of_order(c, self.order_no))

    # What Asterisk is told.

    def channels(self) -> dict[str, LiveChannel]:
        talks = bool(self._talking_in({Dial: "dial", Confer: "room"}.get(type(self.verb), "")))
        found = {self.call_id: LiveChannel("PJSIP/x", self.call_id, talks, True)}
        for leg, where in self.legs.items():
            number = NUMBERS.get(leg.removeprefix("leg-"), "")
            name = f"PJSIP/sip-{number}-1" if number else f"Local/{leg}"
            up = where != "ringing"
            if leg.removeprefix("leg-") in self.outside:
                dialled = dial_string(f"{number}@trunk", must_accept=True)
                assert dialled is not None
                name, optimized = "PJSIP/trunk-2", not dialled.endswith("/n")
                if not optimized:
                    name = f"{dialled.removesuffix('/n')}-1;1"
                    found[f"{leg};2"] = LiveChannel(f"{name[:-1]}2", self.call_id, up, up)
            found[leg] = LiveChannel(name, self.call_id, up, up)
        return found

    def hang_up(self, channel: str) -> None:
        for leg, live in self.channels().items():
            if channel in (leg, live.name) and leg != self.call_id:
                self.dies(leg)

    def redirect(self, channel: str, context: str, extension: str) -> None:
        if channel in self.monitors:
            self.monitors[channel] = context
            self.legs[channel.removeprefix("Local/")] = (
                "room" if context == "conference" else "spies"
            )
            return
        assert (context, extension) == ("conference", self.order_no)
        for leg, live in self.channels().items():
            if live.name == channel:
                self.legs[leg] = "room"
        if isinstance(self.verb, Dial):
            self.hears(DialEnded(self.at, DialResult.ANSWERED, None, 5))

    def kick(self, room: str, channel: str = "all") -> None:
        if channel == "PJSIP/x" and isinstance(self.verb, Confer):
            self.hears(ConferenceEnded(self.at, alone=True))

    def originate(self, unique_id: str, channel: str, context: str, *_: Any, **__: Any) -> None:
        if context != "whispered":
            self.legs[unique_id] = "ringing"
            self.monitors[f"Local/{unique_id}"] = context

    def phones_of(self, counselor_id: str) -> list[Phone]:
        return [Phone(counselor_id, "sip", f"sip-{NUMBERS[counselor_id]}")]

    def numbers_of(self, counselor_id: str) -> frozenset[str]:
        return frozenset({NUMBERS[counselor_id]})

    def directory_line(self, entry_id: str) -> Phone:
        return Phone(entry_id, "sip", "sip-9110")

    def prompt_file(self, *_: str) -> Path:
        return Path("x")

    # What must hold.

    def nobody_is_lost(self) -> None:
        """Once everything has settled the caller talks, is rung for, waits in line, or hears what
        comes after a talk that somebody has ended."""
        for _ in range(8):
            self.time_passes()
            self.picks_up(False)
        match self.verb:
            case Confer():
                assert self._talking_in("room"), self.legs
            case Dial():
                assert self._talking_in("dial") or self._parts() or self.verb.kind == "directory"
            case Hold():
                place = self.controller.store.read(lambda c: waiting.place_of(c, self.call_id))
                assert place is not None
                consulting = self.controller.store.read(
                    lambda c: self.controller.house.with_others.parked(c, self.call_id)
                )
                assert not consulting or self._talking_in("room")
            case Hangup():
                assert self.left_alone, "hung up on a caller with whom somebody wanted to talk"

    def over(self) -> None:
        self.controller.hung_up(self.call_id, self.at)
        self.legs.clear()
        self.at += timedelta(minutes=2)
        self.controller.tick(self.at)
        self.work.look()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    folder = tmp_path_factory.mktemp("store")
    configured = Settings(data_directory=folder, sister_lines_directory=CONFIG / "demo")
    assembly = Assembly.open(configured)
    assembly.import_roster(BEGAN)
    yield SimpleNamespace(assembly=assembly, calls=0)
    assembly.store.close()


happens = st.one_of(
    st.tuples(
        st.just("asks"), st.sampled_from(["gz-chen", "gz-lin"]), st.sampled_from(list(Kind)),
        st.sampled_from(TARGETS),
    ),
    st.tuples(st.just("picks_up"), st.booleans()),
    st.just(("time_passes",)),
    st.just(("answers",)),
    st.tuples(st.just("dies"), st.sampled_from(["leg-gz-chen", "leg-gz-lin", "asked"])),
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(happens, max_size=14))
def test_no_request_makes_a_caller_lost(house: SimpleNamespace, story: list[Any]) -> None:
    house.calls += 1
    model = Model(house.assembly, house.calls)
    for what, *details in story:
        if isinstance(model.verb, Hangup):
            break
        if what == "dies" and details == ["asked"]:
            details = [next((leg for leg in model.legs if leg.startswith("with:")), "")]
        if what == "dies":
            model.last_one_leaves(details[0])
        getattr(model, what)(*details)
        model.answers()
    model.nobody_is_lost()
    model.over()


@pytest.mark.parametrize("kind", [Kind.CONSULT, Kind.THREE_WAY])
@pytest.mark.parametrize("target", [target for target in TARGETS if target[0] is TargetKind.LINE])
def test_an_emergency_line_never_takes_the_counselors_place(
    house: SimpleNamespace, kind: Kind, target: tuple[TargetKind, str]
) -> None:
    """Not by being asked in first, and not where the place isn't known."""
    house.calls += 1
    model = Model(house.assembly, house.calls)
    model.asks("gz-chen", kind, target)
    model.picks_up(True)
    model.time_passes()
    joined = any(where == "room" for leg, where in model.legs.items() if leg.startswith("with:"))
    rules = {"fire": False, "police": kind is Kind.THREE_WAY, "psychology": True}
    assert joined is rules[target[1]]
    model.asks("gz-chen", Kind.COMPLETE, (TargetKind.NONE, ""))
    for _ in range(3):
        model.time_passes()
    leaves = joined and target[1] == "psychology"
    assert ("leg-gz-chen" not in model.legs) is leaves
    model.nobody_is_lost()
    model.over()


LIN = (TargetKind.COUNSELOR, "gz-lin")
NOBODY = (TargetKind.NONE, "")


def consulting(house: SimpleNamespace) -> Model:
    """The caller hears music, the counselor talks with a colleague."""
    house.calls += 1
    model = Model(house.assembly, house.calls)
    model.asks("gz-chen", Kind.CONSULT, LIN)
    model.picks_up(True)
    model.time_passes()
    assert isinstance(model.verb, Hold)
    assert sorted(model.legs.values()) == ["room", "room"]
    return model


def asked_in(model: Model) -> str:
    return next(leg for leg in model.legs if leg.startswith("with:"))


def test_whom_everybody_left_with_music_goes_to_the_front_of_the_queue(
    house: SimpleNamespace,
) -> None:
    model = consulting(house)
    model.dies(asked_in(model))
    model.dies("leg-gz-chen")
    for _ in range(4):
        model.time_passes()
    assert isinstance(model.verb, Dial), model.verb
    model.answers()
    assert model._talking_in("dial")
    model.nobody_is_lost()
    model.over()


def test_a_consultation_that_loses_its_target_is_over(house: SimpleNamespace) -> None:
    model = consulting(house)
    model.dies(asked_in(model))
    for _ in range(3):
        model.time_passes()
    assert isinstance(model.verb, Confer)
    assert model._talking_in("room") == ["leg-gz-chen"]
    model.over()


def test_a_consultation_that_loses_its_counselor_is_a_transfer(house: SimpleNamespace) -> None:
    model = consulting(house)
    model.dies("leg-gz-chen")
    for _ in range(3):
        model.time_passes()
    assert isinstance(model.verb, Confer)
    assert model._talking_in("room") == [asked_in(model)]
    model.over()


def test_star_brings_the_counselor_back_to_who_hears_music(house: SimpleNamespace) -> None:
    model = consulting(house)
    model.hears(HoldEnded(model.at, "key", "*"))
    assert isinstance(model.verb, Confer)
    for _ in range(3):
        model.time_passes()
    assert model._talking_in("room") == ["leg-gz-chen"]
    assert model.pending.crisis
    model.over()


def test_a_colleague_who_does_not_answer_costs_the_caller_nothing(house: SimpleNamespace) -> None:
    house.calls += 1
    model = Model(house.assembly, house.calls)
    model.asks("gz-chen", Kind.CONSULT, LIN)
    model.picks_up(False)
    for _ in range(3):
        model.time_passes()
    assert model._talking_in("dial") == ["leg-gz-chen"]
    model.over()


def test_passed_on_to_who_does_not_answer_the_caller_comes_back(house: SimpleNamespace) -> None:
    """To who talked with them where they are free, else to whoever is, before all others."""
    house.calls += 1
    model = Model(house.assembly, house.calls)
    model.asks("gz-chen", Kind.BLIND, LIN)
    assert isinstance(model.verb, Dial)
    assert [part.counselor_id for part in model._parts()] == ["gz-lin"]
    model.controller.counselors_changed(lambda c: presence.log_in(c, "gz-chen", model.at), model.at)
    model.hears(DialEnded(model.at, DialResult.NO_ANSWER))
    assert [part.counselor_id for part in model._parts()] == ["gz-chen"]
    model.over()


def test_passed_on_to_a_topic_whoever_passed_on_is_not_rung(house: SimpleNamespace) -> None:
    house.calls += 1
    model = Model(house.assembly, house.calls)
    model.asks("gz-chen", Kind.BLIND, (TargetKind.TOPIC, "psychology"))
    assert next(part.counselor_id for part in model._parts()) in ("gz-lin", "gz-huang")
    model.over()


def test_who_sits_at_a_number_outside_asks_in_as_anybody(house: SimpleNamespace) -> None:
    house.calls += 1
    model = Model(house.assembly, house.calls)
    model.outside = {"gz-chen"}
    model.asks("gz-chen", Kind.CONSULT, LIN)
    model.picks_up(True)
    for _ in range(4):
        model.time_passes()
    assert isinstance(model.verb, Hold)
    assert sorted(model.legs) == sorted(["leg-gz-chen", asked_in(model)])
    assert set(model.legs.values()) == {"room"}
    model.over()


def test_who_leaves_before_anybody_was_brought_to_them_changes_nothing(
    house: SimpleNamespace,
) -> None:
    house.calls += 1
    model = Model(house.assembly, house.calls)
    model.asks("gz-chen", Kind.CONSULT, LIN)
    leg = asked_in(model)
    model.work.responded({"ActionID": leg, "Response": "Success"})
    del model.legs[leg]
    for _ in range(4):
        model.time_passes()
    assert model._talking_in("dial") == ["leg-gz-chen"]
    assert [one.state for one in model.asked()] == [State.DONE]
    model.dies("leg-gz-chen")
    assert not isinstance(model.verb, Confer), "sent to a conference in which nobody is"
    model.over()


def test_a_pick_up_that_nobody_told_of_is_seen(house: SimpleNamespace) -> None:
    house.calls += 1
    model = Model(house.assembly, house.calls)
    model.asks("gz-chen", Kind.CONSULT, LIN)
    leg = asked_in(model)
    model.legs[leg] = "room"
    model.time_passes()
    assert [one.state for one in model.asked()] == [State.TALKING]
    # Told late, it is nothing new.
    model.work.responded({"ActionID": leg, "Response": "Success"})
    model.time_passes()
    assert sorted(model.legs.values()) == ["room", "room"]
    model.over()


def test_a_caller_who_cannot_get_into_the_conference_gets_a_human_again(
    house: SimpleNamespace,
) -> None:
    house.calls += 1
    model = Model(house.assembly, house.calls)
    model.asks("gz-chen", Kind.THREE_WAY, LIN)
    model.picks_up(True)
    model.time_passes()
    assert isinstance(model.verb, Confer)
    model.legs.clear()
    model.hears(ConferenceEnded(model.at, alone=True))
    model.time_passes()
    assert isinstance(model.verb, Dial | Hold)
    model.answers()
    assert model._talking_in("dial") or model.controller.reservation_waiting(model.call_id)
    model.nobody_is_lost()
    model.over()


def test_who_told_of_danger_meanwhile_is_rung_for_again_when_the_talk_is_over(
    house: SimpleNamespace,
) -> None:
    model = consulting(house)
    model.hears(HoldEnded(model.at, "key", "*"))
    for _ in range(3):
        model.time_passes()
    assert model._talking_in("room") == ["leg-gz-chen"]
    model.dies("leg-gz-chen")
    assert isinstance(model.verb, Gather)
    assert [say.prompt for say in model.verb.says] == ["after_talk"]
    model.hears(NoInput(model.at))
    assert isinstance(model.verb, Dial), model.pending.verbs
    model.over()


def supervisor(model: Model) -> tuple[str, str | None]:
    """Their state, and what holds them."""
    there = model.controller.store.read(lambda c: presence.where(c, "gd-liang"))
    assert there is not None
    return there[0].value, there[2]


@pytest.mark.parametrize("kind", [Kind.HELP, Kind.LISTEN])
def test_no_call_is_offered_to_a_supervisor_who_listens(house: SimpleNamespace, kind: Kind) -> None:
    house.calls += 1
    model = Model(house.assembly, house.calls)
    model.asks("gz-chen", kind, NOBODY)
    leg = asked_in(model)
    assert supervisor(model) == ("ringing", leg)
    model.picks_up(True)
    assert supervisor(model) == ("on_call", leg)
    # By the telephone that is off the hook already: held as before.
    model.asks("gz-chen", Kind.WHISPER, NOBODY)
    model.time_passes()
    assert supervisor(model) == ("on_call", leg)
    model.dies(leg)
    model.time_passes()
    assert supervisor(model) == ("available", None)
    assert model._talking_in("dial") == ["leg-gz-chen"]
    model.over()


def test_a_supervisor_who_has_a_call_is_not_rung_besides(house: SimpleNamespace) -> None:
    house.calls += 1
    model = Model(house.assembly, house.calls)
    store, at = model.controller.store, model.at
    store.write(lambda c: presence.reserve(c, "gd-liang", "another-call", at))
    model.asks("gz-chen", Kind.LISTEN, NOBODY)
    assert [(one.state, one.result) for one in model.asked()] == [(State.FAILED, "not_free")]
    store.write(lambda c: presence.release(c, "gd-liang", "another-call", at))
    model.over()


def test_who_joined_a_conference_and_then_whispers_is_heard_by_the_caller_no_more(
    house: SimpleNamespace,
) -> None:
    house.calls += 1
    model = Model(house.assembly, house.calls)
    model.asks("gz-chen", Kind.THREE_WAY, LIN)
    model.picks_up(True)
    model.time_passes()
    model.asks("gz-chen", Kind.JOIN, NOBODY)
    leg = next(leg for leg, where in model.legs.items() if where == "ringing")
    model.picks_up(True)
    assert model.monitors[f"Local/{leg}"] == "conference"
    for kind, place in ((Kind.WHISPER, "whispering"), (Kind.LISTEN, "listening")):
        model.asks("gz-chen", kind, NOBODY)
        model.time_passes()
        assert model.monitors[f"Local/{leg}"] == place
        assert model.legs[leg] == "spies"
    model.over()


def test_what_is_said_to_each_is_one_chain_of_recordings(house: SimpleNamespace) -> None:
    """Passed on, talked over, lost: each part is an event with its times, the newest is named."""
    house.calls += 1
    model = Model(house.assembly, house.calls)
    model.says_something(2)
    model.asks("gz-chen", Kind.BLIND, LIN)
    model.time_passes()
    model.answers()
    model.says_something(3)
    model.asks("gz-lin", Kind.THREE_WAY, (TargetKind.COUNSELOR, "gz-huang"))
    model.picks_up(True)
    model.time_passes()
    assert isinstance(model.verb, Confer)
    model.says_something(4)
    third = model.reference
    model.controller.hung_up(model.call_id, model.at)
    keys = house.assembly.log.keys
    order = house.assembly.store.read(lambda c: order_view(c, keys, model.order_no))
    chain = chain_of(order)
    assert [one.seconds for one in chain] == [2, 3, 4]
    assert all(one.began_at and one.began_at < one.ended_at for one in chain)
    assert sorted(chain, key=lambda one: one.ended_at) == chain
    assert order["recording_ref"] == chain[-1].reference == third
    assert [event["kind"] for event in order["events"]][-2:] == ["talk_recorded", "ended"]
    model.legs.clear()
    model.over()


def test_who_was_not_told_of_it_is_not_recorded(house: SimpleNamespace) -> None:
    """In danger nobody is told, and nothing is recorded."""
    house.calls += 1
    model = Model(house.assembly, house.calls, key="*")
    assert isinstance(model.verb, Dial)
    assert not model.pending.recorded
    model.says_something(2)
    model.controller.hung_up(model.call_id, model.at)
    keys = house.assembly.log.keys
    order = house.assembly.store.read(lambda c: order_view(c, keys, model.order_no))
    assert chain_of(order) == []
    model.legs.clear()
    model.over()


def test_a_caller_who_is_passed_on_hears_no_greeting_again_and_is_asked_once_how_it_was(
    house: SimpleNamespace,
) -> None:
    house.calls += 1
    model = Model(house.assembly, house.calls)
    model.asks("gz-chen", Kind.BLIND, LIN)
    assert isinstance(model.verb, Dial)
    assert {say.prompt for say in said(model.pending.verbs)} <= {"transferring"}
    model.answers()
    model.at += timedelta(minutes=1)
    model.hears(DialEnded(model.at, DialResult.ANSWERED, "gz-lin", 60))
    assert [say.prompt for say in said(model.pending.verbs)] == ["survey"]
    model.hears(DigitsCollected(model.at, "1"))
    model.hears(NoInput(model.at))
    assert isinstance(model.verb, Hangup)
    keys = house.assembly.log.keys
    order = house.assembly.store.read(lambda c: order_view(c, keys, model.order_no))
    kinds = [event["kind"] for event in order["events"]]
    assert kinds.count("survey_asked") == kinds.count("survey_answered") == 1
    assert kinds.index("passed_on") < kinds.index("survey_asked")
    assert kinds.count("notice_given") == 1
    model.legs.clear()
    model.over()


def warned(house: SimpleNamespace) -> Model:
    """The counselor has ended the call as harassment, the caller hears the warning."""
    house.calls += 1
    model = Model(house.assembly, house.calls)
    model.asks("gz-chen", Kind.WARN, NOBODY)
    assert isinstance(model.verb, Gather)
    assert "情况紧急请按星号键" in model.verb.says[0].text
    assert model.legs == {}
    return model


def told(house: SimpleNamespace, model: Model) -> View:
    keys = house.assembly.log.keys
    return house.assembly.store.read(lambda c: order_view(c, keys, model.order_no))


@pytest.mark.parametrize("hangs_up", [False, True], ids=["hears it out", "hangs up"])
def test_harassment_ends_with_the_warning_and_the_order_is_closed(
    house: SimpleNamespace, hangs_up: bool
) -> None:
    model = warned(house)
    free = house.assembly.store.read(lambda c: presence.where(c, "gz-chen"))
    assert free is not None
    assert free[0] == "wrap_up"
    if hangs_up:
        model.controller.hung_up(model.call_id, model.at)
    else:
        model.hears(NoInput(model.at))
        assert isinstance(model.verb, Hangup)
    order = told(house, model)
    assert (order["state"], order["cause_main"], order["outcomes"]) == ("closed", "N2", ["非咨询"])
    assert (order["outcome"], order["hung_up_by"]) == ("answered", "counselor")
    kinds = [event["kind"] for event in order["events"]]
    assert "harassment_warned" in kinds
    assert "survey_asked" not in kinds
    by = next(event["actor"] for event in order["events"] if event["kind"] == "closed")
    assert by == "counselor:gz-chen"
    model.over()


def test_a_star_in_the_warning_is_danger_and_the_order_says_nothing_of_harassment(
    house: SimpleNamespace,
) -> None:
    model = warned(house)
    model.hears(DigitsCollected(model.at, "*"))
    assert model.pending.crisis
    assert isinstance(model.verb, Dial)
    model.answers()
    assert model._talking_in("dial")
    model.over()
    order = told(house, model)
    assert (order["cause_main"], order["state"], order["priority"]) == (None, "received", 4)
    assert "harassment_warned" not in [event["kind"] for event in order["events"]]


def test_with_the_police_on_the_line_nobody_is_hung_up_on(house: SimpleNamespace) -> None:
    house.calls += 1
    model = Model(house.assembly, house.calls)
    model.asks("gz-chen", Kind.THREE_WAY, (TargetKind.LINE, "police"))
    model.picks_up(True)
    model.time_passes()
    model.asks("gz-chen", Kind.WARN, NOBODY)
    model.time_passes()
    assert "leg-gz-chen" in model.legs
