"""One turn's verbs on an Asterisk channel, as transcripts: what we say, what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callflows.events import (
    ConferenceEnded,
    DialEnded,
    DialResult,
    DigitsCollected,
    Event,
    HoldEnded,
    NoInput,
    RecordingFinished,
    ReservationNoticed,
)
from callflows.verbs import Answer, Confer, Dial, Gather, Hangup, Hold, Record, Say, Verb
from config.database import StoreUnavailable
from ivr.asterisk.calls import CallHandler, HangupHandler
from ivr.asterisk.channel import ChannelGone, ConnectionLost
from ivr.asterisk.performer import Performer, RecordingPlace
from ivr.pending import OfferedCall, Pending, StaleTurn
from tests.asterisk_peer import ENV, conversation, transcript

AT = datetime(2026, 6, 7, 13, 0, tzinfo=UTC)
WELCOME = Say("你好", "zh-CN", "welcome")
MENU = Gather((Say("请按一", "zh-CN", "menu"),), max_digits=1, timeout_seconds=4)
OFFER = Dial("offer", "offer-7", 20)


@dataclass(frozen=True)
class SipPhone:
    counselor_id: str
    address: str
    kind: str = "sip"


@dataclass
class Desk:
    """A house with two prompts and two counselors; `reserved` is what each look finds."""

    folder: Path
    reserved: list[bool] = field(default_factory=list)
    phones: Sequence[SipPhone] = (SipPhone("wang", "1001"), SipPhone("li", "1002"))
    line: SipPhone | None = SipPhone("gov", "02012345@trunk", "sister_line")

    def prompt_file(self, text: str, language: str, prompt: str) -> Path:
        return self.folder / prompt

    def reservation_waiting(self, call_id: str) -> bool:
        return self.reserved.pop(0) if self.reserved else False

    def contacts(self, call_id: str, offer_id: str) -> Sequence[SipPhone]:
        return self.phones

    def directory_line(self, entry_id: str) -> SipPhone | None:
        return self.line

    def recording_place(self, call_id: str, verbs_turn: int) -> RecordingPlace:
        return RecordingPlace("message-1", self.folder / "message")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    for name in ("welcome", "menu"):
        (tmp_path / f"{name}.wav").touch()
    return Desk(tmp_path)


def turn(*verbs: Verb, resumed: bool = False) -> Pending:
    return Pending("1795470143.1", 4, 3, "20260607-000001", verbs, resumed=resumed)


IN_CRISIS = replace(turn(OFFER), crisis=True, star_counts=False)


def play(desk: Desk, name: str, *turns: Pending, **values: object) -> list[Event | None]:
    """Perform the turns against a transcript; nothing else may be said."""
    lines = transcript(name, dir=desk.folder, **values)
    with conversation(*lines) as (channel, peer):
        performer = Performer(channel, desk, lambda: AT)
        events = [performer.perform(pending) for pending in turns]
    assert peer.heard == [line for line in lines if line.startswith("> ")]
    return events


def test_a_talk_is_recorded_where_the_caller_was_told(desk: Desk) -> None:
    """As one file, which is whole before anybody hears that the talk is over."""
    told = replace(turn(OFFER), recorded=True)
    event = DialEnded(AT, DialResult.ANSWERED, "wang", 9)
    assert play(desk, "dial_recorded", told, folder=desk.folder) == [event]


def test_what_a_lost_engine_began_to_record_is_ended(desk: Desk) -> None:
    told = replace(turn(OFFER, resumed=True), recorded=True)
    event = DialEnded(AT, DialResult.ANSWERED, "wang", 9)
    assert play(desk, "dial_recorded_resumed", told) == [event]


def test_a_conference_that_failed_is_no_talk_that_is_over(desk: Desk) -> None:
    alone = ConferenceEnded(AT, alone=True)
    assert play(desk, "conference_failed", turn(Confer())) == [alone]


def test_a_menu_is_spoken_and_heard_in_one_command(desk: Desk) -> None:
    assert play(desk, "menu", turn(Answer(), WELCOME, MENU)) == [DigitsCollected(AT, "1")]


def test_silence_is_no_input(desk: Desk) -> None:
    assert play(desk, "menu_silent", turn(MENU)) == [NoInput(AT)]


def test_a_wake_up_in_a_menu_counts_only_with_a_reservation(desk: Desk) -> None:
    desk.reserved = [False, True]
    assert play(desk, "menu_reserved", turn(MENU)) == [ReservationNoticed(AT)]


@pytest.mark.parametrize(
    ("key", "event"),
    [
        ("0", DigitsCollected(AT, "02")),
        (ord("#"), DigitsCollected(AT, "02")),
        (ord("0"), DigitsCollected(AT, "020")),
        (ord("*"), DigitsCollected(AT, "*")),
    ],
)
def test_digits_end_by_silence_end_key_number_and_crisis(
    desk: Desk, key: object, event: Event
) -> None:
    gather = replace(MENU, max_digits=3, finish_on="#")
    assert play(desk, "digits", turn(gather), key=key) == [event]


def test_music_plays_on_from_hold_to_hold(desk: Desk) -> None:
    assert play(desk, "hold", turn(Hold(20, "8")), turn(Hold(20, "8"))) == [
        HoldEnded(AT, "key", "8"),
        HoldEnded(AT, "key", "*"),
    ]


def test_a_reservation_ends_a_hold_and_a_key_its_announcement(desk: Desk) -> None:
    desk.reserved = [False, True]
    assert play(desk, "hold_announced", turn(Hold(20)), turn(WELCOME, Hold(20, "89"))) == [
        ReservationNoticed(AT),
        HoldEnded(AT, "key", "8"),
    ]


def test_a_reservation_lets_the_recording_notice_end(desk: Desk) -> None:
    desk.reserved = [True]
    notice = replace(WELCOME, recording_notice=True)
    assert play(desk, "hold_after_notice", turn(notice, Hold(20, "89"))) == [ReservationNoticed(AT)]


def test_the_crisis_key_stops_a_prompt_before_anything_is_dialled(desk: Desk) -> None:
    assert play(desk, "say_crisis", turn(WELCOME, OFFER)) == [DigitsCollected(AT, "*")]


def test_a_message_ended_by_hanging_up_is_kept(desk: Desk) -> None:
    assert play(desk, "record", turn(WELCOME, Record(120, 8))) == [
        RecordingFinished(AT, "message-1", 10, hung_up=True)
    ]


@pytest.mark.parametrize(
    ("report", "result", "who", "seconds"),
    [
        ("3|ANSWER|1000|1065|1002|16|||16", DialResult.ANSWERED, "li", 65),
        ("3|ANSWER|1000|1065|1002|16|||44", DialResult.LOST, "li", 65),
        ("3|NOANSWER||1000||", DialResult.NO_ANSWER, None, 0),
        ("3|BUSY||1000||17", DialResult.BUSY, None, 0),
        ("3|BUSY||1000||21", DialResult.DECLINED, None, 0),
        ("3|CHANUNAVAIL||1000||21", DialResult.DECLINED, None, 0),
        ("3|CHANUNAVAIL||1000||3", DialResult.UNREACHABLE, None, 0),
        ("3|CONGESTION||1000||34", DialResult.CONGESTION, None, 0),
        ("3|CANCEL||1000||21", DialResult.ABANDONED, None, 0),
        ("3|SOMETHING||1000||", DialResult.UNREACHABLE, None, 0),
        ("3|||1000||", DialResult.UNREACHABLE, None, 0),
    ],
)
def test_what_came_of_an_offer(
    desk: Desk, report: str, result: DialResult, who: str | None, seconds: int
) -> None:
    assert play(desk, "dial", turn(OFFER), report=report) == [DialEnded(AT, result, who, seconds)]


def test_the_crisis_key_ends_the_ringing(desk: Desk) -> None:
    assert play(desk, "dial", turn(OFFER), report="3|CANCEL||1000||||*") == [
        DigitsCollected(AT, "*")
    ]


def test_in_a_crisis_no_key_ends_the_ringing(desk: Desk) -> None:
    lines = transcript("dial", report="3|CANCEL||1000||||*")
    lines[2] = lines[2].replace("gmdU", "gmU")
    with conversation(*lines) as (channel, peer):
        event = Performer(channel, desk, lambda: AT).perform(IN_CRISIS)
    assert event == DialEnded(AT, DialResult.ABANDONED)
    assert peer.heard[1] == lines[2]


@pytest.mark.parametrize(
    ("report", "event"),
    [
        (
            "ANSWER|1000|1009|13800138000@outside-trunk/n|16|||16",
            DialEnded(AT, DialResult.ANSWERED, "zhao", 9),
        ),
        ("NOANSWER||1000||19", DialEnded(AT, DialResult.NO_ANSWER)),
    ],
)
def test_a_mobile_is_rung_where_it_has_to_accept(desk: Desk, report: str, event: Event) -> None:
    desk.phones = [SipPhone("zhao", "13800138000@trunk", "outside")]
    assert play(desk, "dial_outside", turn(OFFER), report=report) == [event]


def test_a_sister_line_answers_without_pressing_anything(desk: Desk) -> None:
    lines = [
        '> EXEC "MSet" "CALL_TURN=3,DIALSTATUS=,ANSWERED_AT=,TALK_OVER=,PHONE_CAUSE="',
        "< 200 result=0",
        '> EXEC "Dial" "PJSIP/02012345@trunk,20,gmdU(answered)"', "< 200 result=0",
        "> GET", "< 200 result=1 (3|ANSWER|1000|1007|02012345@trunk|16|||16)",
    ]  # fmt: skip
    with conversation(*lines) as (channel, peer):
        event = Performer(channel, desk, lambda: AT).perform(turn(Dial("directory", "gov", 20)))
    assert event == DialEnded(AT, DialResult.ANSWERED, "gov", 7)
    assert peer.heard[:2] == lines[:4:2]


@pytest.mark.parametrize(
    "address", ["", "1001&PJSIP/00861900", "1001,30,g", "${X}", "a b", "1@2@3"]
)
def test_an_address_that_is_none_is_not_dialled(desk: Desk, address: str) -> None:
    desk.phones = [SipPhone("wang", address)]
    with conversation() as (channel, peer):
        event = Performer(channel, desk, lambda: AT).perform(turn(OFFER))
    assert event == DialEnded(AT, DialResult.UNREACHABLE)
    assert peer.heard == []


@pytest.mark.parametrize("line", [None, SipPhone("gov", "020&12345@trunk", "sister_line")])
def test_a_directory_line_that_is_gone_or_cannot_be_dialled_is_unreachable(
    desk: Desk, line: SipPhone | None
) -> None:
    desk.line = line
    with conversation() as (channel, peer):
        event = Performer(channel, desk, lambda: AT).perform(turn(Dial("directory", "gov", 20)))
    assert event == DialEnded(AT, DialResult.UNREACHABLE)
    assert peer.heard == []


def test_a_duty_phone_has_to_accept(desk: Desk) -> None:
    desk.line = SipPhone("duty", "13800138000@trunk", "outside")
    dial = turn(Dial("directory", "duty", 20))
    report = "ANSWER|1000|1009|13800138000@outside-trunk/n|16|||16"
    assert play(desk, "dial_outside", dial, report=report) == [
        DialEnded(AT, DialResult.ANSWERED, "duty", 9)
    ]


def test_a_dial_that_another_engine_began_is_not_dialled_again(desk: Desk) -> None:
    pending = turn(WELCOME, OFFER, resumed=True)
    assert play(desk, "dial_resumed", pending, report="3|ANSWER|1000|1065|1001|16|||16") == [
        DialEnded(AT, DialResult.ANSWERED, "wang", 65)
    ]


def test_an_earlier_turns_dial_says_nothing_of_this_one(desk: Desk) -> None:
    resumed = transcript("dial_resumed", report="2|ANSWER|1000|1065|1001|16|||16")
    dialled = transcript("dial", report="3|BUSY||1000||17")
    with conversation(*resumed, *dialled) as (channel, _):
        event = Performer(channel, desk, lambda: AT).perform(turn(OFFER, resumed=True))
    assert event == DialEnded(AT, DialResult.BUSY)


def test_a_missing_prompt_costs_nobody_the_call(desk: Desk) -> None:
    missing = Gather((Say("没有", "zh-CN", "nothing"),), max_digits=1, timeout_seconds=4)
    with conversation('> WAIT FOR DIGIT "4000"', "< 200 result=49") as (channel, peer):
        event = Performer(channel, desk, lambda: AT).perform(turn(missing))
    assert event == DigitsCollected(AT, "1")
    assert peer.heard == ['> WAIT FOR DIGIT "4000"']


@dataclass
class Engine:
    """A controller that offers `turns` one after the other, or fails as told."""

    turns: list[Pending | Exception]
    known: bool = True
    heard: list[object] = field(default_factory=list)

    def offered(self, call: OfferedCall, at: datetime) -> Pending:
        self.heard.append(call.access_number)
        return self._next()

    def advanced(self, call_id: str, turn: int, event: Event) -> Pending:
        self.heard.append(event)
        return self._next()

    def hung_up(
        self,
        call_id: str,
        at: datetime,
        dial: DialResult | None = None,
        dial_turn: int | None = None,
        talk_seconds: int = 0,
        desk: str = "",
        over: bool = False,
    ) -> bool:
        self.heard.append((call_id, dial, dial_turn, talk_seconds))
        return self.known

    def _next(self) -> Pending:
        following = self.turns.pop(0)
        if isinstance(following, Exception):
            raise following
        return following


def test_a_call_is_served_to_its_end_and_says_so(desk: Desk) -> None:
    engine = Engine([replace(turn(Hold(20, "8")), crisis=True), turn(Hangup())])
    lines = [
        '> SET VARIABLE "CRISIS" "1"', "< 200 result=1",
        '> SET MUSIC "ON" "default"', "< 200 result=0",
        '> WAIT FOR DIGIT "5000"', "< 200 result=56",
        '> EXEC "MSet" "CALL_DONE=1,HANGUP_TOLD=1"', "< 200 result=0",
        "> HANGUP", "< 200 result=1",
    ]  # fmt: skip
    with conversation(*lines) as (channel, peer):
        CallHandler(engine, desk, lambda: AT)(channel)
    assert peer.heard == lines[::2]
    assert engine.heard == ["020-12355", HoldEnded(AT, "key", "8")]


def test_a_crisis_key_pressed_while_no_engine_was_there_is_heard(desk: Desk) -> None:
    engine = Engine([turn(MENU), replace(turn(OFFER), crisis=True), turn(Hangup())])
    desk.phones = []
    lines = ['> SET VARIABLE "CRISIS" "1"', "< 200 result=1", "> SET", "< 200 result=1", "> HANGUP"]
    with conversation(*lines, "< 200 result=1") as (channel, peer):
        channel.env["agi_arg_3"] = "1"
        CallHandler(engine, desk, lambda: AT)(channel)
    assert peer.heard[0] == lines[0]
    assert engine.heard[1:] == [DigitsCollected(AT, "*"), DialEnded(AT, DialResult.UNREACHABLE)]


def test_a_crisis_key_pressed_after_a_talk_that_nobody_saw_end_waits_for_its_end(
    desk: Desk,
) -> None:
    ringing = turn(OFFER, resumed=True)
    engine = Engine([ringing, turn(MENU), replace(turn(OFFER), crisis=True), turn(Hangup())])
    desk.phones = []
    lines = transcript("dial_resumed", report="3|ANSWER|1000|1065|1001|16|||16")
    lines += ["> ", "< 200 result=1"] * 4
    with conversation(*lines) as (channel, peer):
        channel.env["agi_arg_3"] = "1"
        CallHandler(engine, desk, lambda: AT)(channel)
    assert peer.heard[1] == '> EXEC "MSet" "DIALSTATUS=,TALK_OVER="'
    assert [type(event) for event in engine.heard[1:3]] == [DialEnded, DigitsCollected]


@pytest.mark.parametrize(
    ("verb", "lines"),
    [
        (Hold(20, "8"), ["> SET MUSIC", "< 200 result=0", "> WAIT", "< 200 result=42"]),
        (replace(MENU, says=()), ["> WAIT", "< 200 result=42"]),
        (Record(120, 8), ["> RECORD", "< 200 result=42 (dtmf) endpos=8000"]),
        (OFFER, transcript("dial", report="3|CANCEL||1000||||*")),
    ],
)
def test_a_crisis_key_outlives_a_store_that_cannot_hear_of_it(
    desk: Desk, verb: Verb, lines: list[str]
) -> None:
    engine = Engine([turn(verb), StoreUnavailable("disk full")])
    with conversation(*lines, "> SET", "< 200 result=1") as (channel, peer):
        CallHandler(engine, desk, lambda: AT)(channel)
    assert peer.heard[-1] == '> SET VARIABLE "CRISIS" "1"'


def test_a_talk_after_which_the_call_goes_on_is_not_its_end(desk: Desk) -> None:
    engine = Engine([turn(OFFER), turn(Hold(20)), turn(Hangup())])
    lines = transcript("dial", report="3|ANSWER|1000|1065|1001|16|||16")
    lines += ["> EXEC", "< 200 result=0", "> SET MUSIC", "< 200 result=0"]
    with conversation(*lines, "< EOF") as (channel, peer), pytest.raises(ConnectionLost):
        CallHandler(engine, desk, lambda: AT)(channel)
    assert peer.heard[3] == '> EXEC "MSet" "DIALSTATUS=,TALK_OVER="'


@pytest.mark.parametrize("failure", [StaleTurn("x"), StoreUnavailable("disk full")])
def test_an_engine_that_must_not_or_cannot_go_on_leaves_the_call_alone(
    desk: Desk, failure: Exception
) -> None:
    lines = ['> SET MUSIC "ON" "default"', "< 200 result=0", "> WAIT", "< 200 result=56"]
    with conversation(*lines) as (channel, peer):
        CallHandler(Engine([turn(Hold(20, "8")), failure]), desk, lambda: AT)(channel)
    assert len(peer.heard) == 2


def test_a_lost_channel_is_no_hang_up(desk: Desk) -> None:
    engine = Engine([turn(Answer(), MENU)])
    with (
        conversation("> ANSWER", "< 200 result=-1") as (channel, peer),
        pytest.raises(ChannelGone),
    ):
        CallHandler(engine, desk, lambda: AT)(channel)
    assert engine.heard == ["020-12355"]
    assert peer.heard == ["> ANSWER"]


def test_a_hang_up_tells_of_the_dial_it_ended() -> None:
    engine = Engine([])
    lines = transcript("dial_resumed", report="3|CANCEL||1000||")
    with conversation(*lines, "> SET", "< 200 result=1") as (channel, peer):
        HangupHandler(engine, lambda: AT)(channel)
    assert engine.heard == [(ENV["agi_uniqueid"], DialResult.ABANDONED, 3, 0)]
    assert peer.heard[-1] == '> SET VARIABLE "HANGUP_TOLD" "1"'


def test_a_hang_up_of_a_call_that_no_engine_ever_knew_is_left_to_the_spool() -> None:
    engine = Engine([], known=False)
    with conversation(*transcript("dial_resumed", report="||||||")) as (channel, peer):
        HangupHandler(engine, lambda: AT)(channel)
    assert engine.heard == [(ENV["agi_uniqueid"], None, None, 0)]
    assert len(peer.heard) == 1
