"""Somebody is asked into a talk on Twilio: a colleague, talked with first or three together, and a
sister line; whoever is left goes on with the caller."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ivr.desk_requests import Kind, State, TargetKind
from ivr.twilio import browser_talks
from ivr.twilio.rest import TwilioRest, TwilioUnavailable
from tests.conformance.world import FOLDER as SISTER_LINES
from tests.test_twilio_with_others import asks, request, talking
from tests.twilio_line import TwilioLine, kinds
from tests.twilio_stand_in import Leg

POLICE = "+862083110110"
LIN = (TargetKind.COUNSELOR, "gz-lin")


@pytest.fixture
def line(tmp_path: Path) -> Iterator[TwilioLine]:
    line = TwilioLine(tmp_path, sister_lines_directory=SISTER_LINES)
    line.twilio.party("client:chen", answers_after=1, talks=600)
    line.twilio.party("client:lin", answers_after=1, talks=600)
    line.logs_in("gz-chen")
    yield line
    line.close()


def now_hears(leg: Leg) -> str:
    return leg.heard[-1].kind


def there(line: TwilioLine) -> set[str]:
    """Who is in the conference: `caller`, or what was rung."""
    found = [leg for legs in line.twilio.conferences.values() for leg in legs]
    return {"caller" if leg.direction == "inbound" else leg.to for leg in found}


def consulting(line: TwilioLine) -> tuple[Leg, str]:
    """The caller hears music, gz-chen talks with gz-lin; the request's id."""
    call = talking(line)
    line.logs_in("gz-lin")
    asked = asks(line, Kind.CONSULT, *LIN)
    line.clock.run_for(10)
    assert request(line, asked).state is State.TALKING
    assert there(line) == {"client:chen", "client:lin"}
    assert now_hears(call) in ("music", "play")
    return call, asked


def leg_of(line: TwilioLine, party: str) -> Leg:
    return line.twilio.parties[party].legs[-1]


def over(line: TwilioLine, call: Leg) -> list[str]:
    """The caller hangs up: nobody is left behind. What happened to the order."""
    call.hang_up()
    line.clock.run_for(10)
    assert there(line) == set()
    assert not [leg for leg in line.twilio.calls.values() if leg.ended is None]
    [order] = line.orders()
    assert order["first_responder"] == "counselor:gz-chen"
    return kinds(order)


def test_talked_over_with_music_for_the_caller_then_handed_on(line: TwilioLine) -> None:
    call, asked = consulting(line)
    line.clock.run_for(60)
    assert there(line) == {"client:chen", "client:lin"}
    asks(line, Kind.COMPLETE)
    line.clock.run_for(10)
    assert there(line) == {"caller", "client:lin"}
    assert (line.state("gz-chen"), line.state("gz-lin")) == ("wrap_up", "on_call")
    assert over(line, call)[-4:] == ["consulted", "handed_on", "answered", "ended"]
    assert request(line, asked).state is State.DONE


def test_the_counselor_comes_back_to_the_caller(line: TwilioLine) -> None:
    call, _ = consulting(line)
    asks(line, Kind.BACK)
    line.clock.run_for(10)
    assert there(line) == {"caller", "client:chen"}
    assert line.state("gz-lin") != "on_call"
    assert over(line, call)[-3:] == ["consulted", "left_again", "ended"]


def test_star_brings_the_counselor_back(line: TwilioLine) -> None:
    call, _ = consulting(line)
    call.press("*")
    line.clock.run_for(10)
    assert there(line) == {"caller", "client:chen"}
    over(line, call)
    assert line.orders()[0]["priority"] == 4


def test_a_consultation_that_loses_its_target_is_over(line: TwilioLine) -> None:
    call, _ = consulting(line)
    leg_of(line, "client:lin").hang_up()
    line.clock.run_for(10)
    assert there(line) == {"caller", "client:chen"}
    over(line, call)


def test_a_consultation_that_loses_its_counselor_is_a_transfer(line: TwilioLine) -> None:
    call, _ = consulting(line)
    leg_of(line, "client:chen").hang_up()
    line.clock.run_for(10)
    assert there(line) == {"caller", "client:lin"}
    # And when that colleague hangs up, the talk is over.
    line.assembly.store.write(lambda c: browser_talks.hangs_up(c, "gz-lin"))
    leg_of(line, "client:lin").hang_up()
    line.until_over(call)
    assert line.orders()[0]["outcome"] == "answered"
    assert there(line) == set()


def test_whom_both_have_left_waits_in_front(line: TwilioLine) -> None:
    call, _ = consulting(line)
    leg_of(line, "client:chen").hang_up()
    leg_of(line, "client:lin").hang_up()
    line.clock.run_for(20)
    assert call.status == "in-progress"
    assert there(line) == set()
    line.twilio.party("sip:sun@phones.example.cn", answers_after=1, talks=600)
    line.logs_in("gz-sip")
    line.clock.run_until(lambda: line.state("gz-sip") == "on_call", within=60)
    assert "left_alone" in over(line, call)


def test_the_police_come_in_and_the_counselor_stays(line: TwilioLine) -> None:
    line.twilio.party(POLICE, answers_after=2, talks=600)
    call = talking(line)
    consult = asks(line, Kind.CONSULT, TargetKind.LINE, "police")
    line.clock.run_for(3)
    assert request(line, consult).result == "only_three_way"
    asks(line, Kind.THREE_WAY, TargetKind.LINE, "police")
    line.clock.run_for(10)
    assert there(line) == {"caller", "client:chen", POLICE}
    complete = asks(line, Kind.COMPLETE)
    line.clock.run_for(3)
    assert request(line, complete).result == "stay_on_the_line"
    asks(line, Kind.BACK)
    line.clock.run_for(10)
    assert there(line) == {"caller", "client:chen"}
    # Nothing is open about the call any more, and still nobody stays there alone.
    line.assembly.store.write(lambda c: browser_talks.hangs_up(c, "gz-chen"))
    leg_of(line, "client:chen").hang_up()
    line.until_over(call)
    [order] = line.orders()
    assert (order["outcome"], order["hung_up_by"]) == ("answered", "counselor")


def test_a_browser_lost_in_a_conference_costs_the_caller_nothing(line: TwilioLine) -> None:
    line.twilio.party("sip:sun@phones.example.cn", answers_after=1, talks=600)
    call, _ = consulting(line)
    asks(line, Kind.BACK)
    line.clock.run_for(10)
    line.logs_in("gz-sip")
    leg_of(line, "client:chen").hang_up()
    line.clock.run_for(20)
    assert line.state("gz-sip") == "on_call"
    over(line, call)


@pytest.mark.parametrize("outcome", ["no-answer", "busy", "failed"])
def test_who_does_not_come_costs_the_caller_nothing(line: TwilioLine, outcome: str) -> None:
    line.twilio.party("client:lin", outcome)  # type: ignore[arg-type]
    call = talking(line)
    line.logs_in("gz-lin")
    asked = asks(line, Kind.CONSULT, *LIN)
    line.clock.run_for(30)
    assert request(line, asked).state is State.FAILED
    assert now_hears(call) == "talk"
    assert line.state("gz-chen") == "on_call"
    over(line, call)


def test_a_voicemail_is_nobody(line: TwilioLine) -> None:
    fang = line.twilio.party("+8613900001111", answers_after=1, talks=600)
    call = talking(line)
    line.logs_in("gz-fang")
    asked = asks(line, Kind.THREE_WAY, TargetKind.COUNSELOR, "gz-fang")
    line.clock.run_for(30)
    assert request(line, asked).state is State.FAILED
    assert now_hears(call) == "talk"
    fang.keys = [(6, "1")]
    line.presence("gz-fang", available=True)
    asks(line, Kind.THREE_WAY, TargetKind.COUNSELOR, "gz-fang")
    line.clock.run_for(20)
    assert there(line) == {"caller", "client:chen", "+8613900001111"}
    over(line, call)


def test_passed_on_from_three_together(line: TwilioLine) -> None:
    line.twilio.party("sip:sun@phones.example.cn", answers_after=1, talks=600)
    call = talking(line)
    line.logs_in("gz-lin")
    asks(line, Kind.THREE_WAY, *LIN)
    line.clock.run_for(10)
    assert there(line) == {"caller", "client:chen", "client:lin"}
    line.logs_in("gz-sip")
    asks(line, Kind.BLIND, TargetKind.COUNSELOR, "gz-sip")
    line.clock.run_for(20)
    assert there(line) == set()
    assert line.state("gz-sip") == "on_call"
    over(line, call)


def test_who_was_rung_though_twilio_did_not_say_so_is_no_stranger(
    line: TwilioLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = TwilioRest.place

    def unanswered(rest: TwilioRest, *asked: Any, **named: Any) -> str:
        real(rest, *asked, **named)
        raise TwilioUnavailable("Timeout")

    call = talking(line)
    line.logs_in("gz-lin")
    monkeypatch.setattr(TwilioRest, "place", unanswered)
    asks(line, Kind.CONSULT, *LIN)
    line.clock.run_for(20)
    assert there(line) == {"client:chen", "client:lin"}
    assert (line.state("gz-chen"), line.state("gz-lin")) == ("on_call", "on_call")
    asks(line, Kind.BACK)
    line.clock.run_for(10)
    assert there(line) == {"caller", "client:chen"}
    over(line, call)


@pytest.mark.parametrize("first", [Kind.CONSULT, Kind.THREE_WAY])
def test_nothing_is_talked_over_from_a_conference_and_nobody_is_put_out_of_it(
    line: TwilioLine, first: Kind
) -> None:
    call = talking(line)
    line.logs_in("gz-lin")
    asks(line, first, *LIN)
    line.clock.run_for(10)
    asks(line, Kind.BACK)
    line.clock.run_for(1)
    at_once = asks(line, Kind.CONSULT, *LIN)
    line.clock.run_for(10)
    assert request(line, at_once).result == "not_on_this_line"
    line.presence("gz-lin", available=True)
    later = asks(line, Kind.CONSULT, *LIN)
    line.clock.run_for(20)
    assert request(line, later).result == "not_on_this_line"
    assert there(line) == {"caller", "client:chen"}
    asks(line, Kind.THREE_WAY, *LIN)
    line.clock.run_for(20)
    assert there(line) == {"caller", "client:chen", "client:lin"}
    over(line, call)
