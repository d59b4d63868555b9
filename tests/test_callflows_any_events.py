"""Whatever happens in whatever order: nothing raises, nothing is lost, nobody in danger is let
go."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callflows.data_dips import (
    CheckCallback,
    CheckSurvey,
    FindDirectoryEntry,
    FindRegion,
    JoinQueue,
    KeepCallback,
    KeepSurvey,
    LeaveQueue,
    Priority,
    QueueStatus,
    TakeReservation,
)
from callflows.events import (
    CallbackImpossible,
    CallbackKept,
    CallbackPossible,
    CallerHungUp,
    CallOffered,
    CounselorReserved,
    DialEnded,
    DialResult,
    DigitsCollected,
    DirectoryEntryFound,
    DirectoryEntryMissing,
    HoldEnded,
    NoInput,
    NoneAvailable,
    Queued,
    QueueLeft,
    RecordingFinished,
    RegionFound,
    RegionUnknown,
    ReservationNoticed,
    SurveyImpossible,
    SurveyKept,
    SurveyPossible,
    TransferRequested,
    WarningRequested,
)
from callflows.interpreter import advance, new_session
from callflows.loader import LIBRARY, load_callflow
from callflows.session import Session
from callflows.verbs import Dial, Gather, Hangup, Hold, Record, Say, said

BEGIN = datetime(2026, 6, 8, 2, 0, tzinfo=UTC)
CALLFLOW = load_callflow(LIBRARY)

keys = st.sampled_from("0123456789#*D")
digits = st.text(st.sampled_from("0123456789#*"), min_size=1, max_size=4)
positions = st.integers(1, 200)
waits = st.none() | st.integers(0, 4000)

# Each as a function of the instant: time runs on as the events come.
fitting = {
    CallOffered: st.just(lambda at: CallOffered(at, "020-12355", True)),
    Gather: st.one_of(st.just(NoInput), digits.map(lambda d: lambda at: DigitsCollected(at, d))),
    Record: keys.map(lambda k: lambda at: RecordingFinished(at, "r", 9, k))
    | st.just(lambda at: RecordingFinished(at, "r", 9)),
    Dial: st.sampled_from(list(DialResult)).map(lambda r: lambda at: DialEnded(at, r))
    | st.just(WarningRequested)
    | st.builds(
        lambda topic, entry: lambda at: TransferRequested(at, "r", topic, None, entry),
        st.sampled_from([None, "law"]),
        st.sampled_from([None, "entry"]),
    ),
    Hold: st.one_of(
        st.just(lambda at: HoldEnded(at, "elapsed")),
        keys.map(lambda k: lambda at: HoldEnded(at, "key", k)),
        st.just(ReservationNoticed),
    ),
    FindRegion: st.sampled_from(
        [RegionUnknown, lambda at: RegionFound(at, "440100", "广州市", "access", "likely")]
    ),
    JoinQueue: st.one_of(
        st.just(NoneAvailable),
        st.builds(lambda outer: lambda at: CounselorReserved(at, "o", 20, outer), st.booleans()),
        st.builds(lambda n, m, o: lambda at: Queued(at, n, m, o), positions, waits, st.booleans()),
    ),
    LeaveQueue: st.just(QueueLeft),
    CheckCallback: st.sampled_from([CallbackPossible, CallbackImpossible]),
    CheckSurvey: st.sampled_from([SurveyPossible, SurveyImpossible]),
    KeepSurvey: st.just(SurveyKept),
    KeepCallback: st.sampled_from([CallbackKept, CallbackImpossible]),
    FindDirectoryEntry: st.sampled_from(
        [DirectoryEntryMissing, lambda at: DirectoryEntryFound(at, "entry")]
    ),
}
fitting[TakeReservation] = fitting[QueueStatus] = fitting[JoinQueue]
anything = st.one_of(*fitting.values(), st.just(ReservationNoticed), st.just(CallerHungUp))


def awaited(turn):
    """What kind of thing the turn waits for."""
    return type(turn.dip or turn.verbs[-1])


class Caller:
    """Plays events and looks, after each, at what must always hold."""

    def __init__(self, entry=CALLFLOW):
        self.callflow = entry
        self.at = BEGIN
        self.session = new_session(entry, "call-1")
        self.turn = None

    def meet(self, event_at, seconds):
        self.at += timedelta(seconds=seconds)
        event = event_at(self.at)
        before, waiting = self.session, self.turn
        turn = advance(self.callflow, before, event)
        session = Session.from_json(turn.session.to_json())
        assert session == turn.session
        self.session, self.turn = session, turn
        if before.outcome is None:
            self._in_danger_nobody_is_let_go(turn, event)
            self._in_danger_nobody_is_asked_how_it_was(turn)
        self._star_is_crisis(before, waiting, event)
        if session.outcome is None and session.step:
            assert (turn.dip is None) != (not turn.verbs)
        if turn.verbs:
            assert isinstance(turn.verbs[-1], Gather | Record | Dial | Hold | Hangup)

    def _in_danger_nobody_is_let_go(self, turn, event):
        hung_up = isinstance(event, CallerHungUp) or (
            isinstance(event, DialEnded) and event.result is DialResult.ABANDONED
        )
        if turn.session.priority < Priority.SILENT_CONFIRMED or turn.session.reached or hung_up:
            return
        for verb in turn.verbs:
            assert not isinstance(verb, Record | Hangup)
            assert not (isinstance(verb, Say) and verb.recording_notice)
        assert turn.session.outcome is None

    def _in_danger_nobody_is_asked_how_it_was(self, turn):
        if turn.session.priority >= Priority.SILENT_CONFIRMED:
            step = self.callflow.flows[turn.session.flow].steps[turn.session.step]
            assert step.type != "survey"

    def _star_is_crisis(self, before, waiting, event):
        pressed = getattr(event, "digits", None) or getattr(event, "key", None) or ""
        rings = waiting is not None and any(
            isinstance(verb, Dial) and verb.kind == "offer" for verb in waiting.verbs
        )
        if "*" in pressed and before.step and before.outcome is None and not rings:
            assert self.session.priority is Priority.CRISIS
            assert self.session.outcome is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(anything, st.integers(0, 70)), max_size=30))
def test_any_events_in_any_order(events):
    caller = Caller()
    for event_at, seconds in events:
        caller.meet(event_at, seconds)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(["12355", "voicemail", "crisis"]))
def test_long_calls_as_carriers_and_house_make_them(data, entry):
    caller = Caller(load_callflow(LIBRARY, entry) if entry != "12355" else CALLFLOW)
    caller.meet(data.draw(fitting[CallOffered]), 0)
    for _ in range(40):
        if caller.session.outcome is not None:
            return
        waiting = awaited(caller.turn)
        if waiting is Hangup:
            return
        odd = data.draw(st.integers(0, 9)) == 0
        caller.meet(data.draw(anything if odd else fitting[waiting]), data.draw(st.integers(0, 70)))


@pytest.mark.parametrize("keys_before", [(), ("1",), ("9",), ("5",), ("1", "9")])
def test_star_keeps_the_place_and_asks_for_crisis(keys_before):
    caller = Caller()
    caller.meet(lambda at: CallOffered(at, "020-12355", True), 0)
    for key in keys_before:
        if awaited(caller.turn) is JoinQueue:
            caller.meet(lambda at: Queued(at, 1), 0)
        caller.meet(lambda at, key=key: DigitsCollected(at, key), 3)
    caller.meet(lambda at: DigitsCollected(at, "*"), 1)
    assert caller.turn.dip == JoinQueue("unknown" if "1" not in keys_before else "law", "zh-CN", 4)


def test_event_out_of_place_gives_the_waiting_turn_again():
    caller = Caller()
    caller.meet(lambda at: CallOffered(at, "020-12355", True), 0)
    before = caller.session
    caller.meet(lambda at: DirectoryEntryFound(at, "entry"), 0)
    assert caller.session == before
    assert awaited(caller.turn) is Gather


def test_nothing_happens_before_the_call_is_offered():
    caller = Caller()
    caller.meet(NoInput, 0)
    assert caller.turn.verbs == ()
    caller.meet(CallerHungUp, 0)
    assert caller.session.outcome == "abandoned_in_menu"


def test_call_of_a_lost_version_goes_on_in_the_present_one(tmp_path):
    text = (LIBRARY / "12355.yaml").read_text(encoding="utf-8").replace("你好，", "您好，")
    (tmp_path / "12355.yaml").write_text(text, encoding="utf-8")
    caller = Caller(load_callflow(tmp_path))
    caller.meet(lambda at: CallOffered(at, "020-12355", True), 0)
    caller.meet(lambda at: DigitsCollected(at, "*"), 1)
    caller.callflow = CALLFLOW
    caller.meet(lambda at: Queued(at, 1), 1)
    assert caller.session.version == CALLFLOW.version
    assert caller.session.flow == "crisis"
    assert caller.turn.dip == JoinQueue("unknown", "zh-CN", Priority.CRISIS)


def hears_the_notice():
    caller = Caller()
    for event_at in (
        lambda at: CallOffered(at, "12355", True),
        lambda at: DigitsCollected(at, "1"),
        lambda at: Queued(at, 1),
    ):
        caller.meet(event_at, 0)
    assert any(say.recording_notice for say in said(caller.turn.verbs))
    return caller


@pytest.mark.parametrize(
    ("event_at", "told"),
    [
        (lambda at: ReservationNoticed(at), True),
        (lambda at: HoldEnded(at, "elapsed"), True),
        (lambda at: DigitsCollected(at, "*"), False),
        (lambda at: HoldEnded(at, "key", "*"), False),
        (lambda at: HoldEnded(at, "key", "5"), False),
        (lambda at: HoldEnded(at, "key", "9"), False),
    ],
)
def test_who_may_not_have_heard_the_recording_notice_is_not_recorded(event_at, told):
    caller = hears_the_notice()
    caller.meet(event_at, 1)
    assert caller.session.notice_given is told
