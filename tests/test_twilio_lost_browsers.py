"""A counselor's browser is lost in a talk on Twilio, as far as Twilio and the page tell: the caller
isn't left with nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.twilio import browser_talks
from tests.twilio_line import TwilioLine, kinds
from tests.twilio_stand_in import Leg

SUN = "sip:sun@phones.example.cn"


@pytest.fixture
def line(tmp_path: Path) -> Iterator[TwilioLine]:
    line = TwilioLine(tmp_path)
    line.twilio.party("client:chen", answers_after=1, talks=600)
    line.twilio.party(SUN, answers_after=1, talks=600)
    line.logs_in("gz-chen")
    yield line
    line.close()


def talking(line: TwilioLine, *, by_page: bool = True) -> Leg:
    """The caller talks with gz-chen; the page has said that it answers."""
    call = line.behind()
    line.clock.run_until(lambda: line.state("gz-chen") == "ringing", within=30)
    if by_page:
        line.assembly.store.write(lambda c: browser_talks.answers(c, "gz-chen"))
    line.clock.run_until(lambda: line.state("gz-chen") == "on_call", within=30)
    line.clock.run_for(30)
    return call


def leg_ends(line: TwilioLine) -> None:
    line.twilio.parties["client:chen"].legs[-1].hang_up()
    line.clock.run_for(20)


# Dial, DialCallStatus: `completed`, whoever ended the talk and however.
def test_a_lost_browser_costs_the_caller_nothing(line: TwilioLine) -> None:
    call = talking(line)
    line.logs_in("gz-sip")
    heard = len(call.said)
    leg_ends(line)
    assert line.state("gz-sip") == "on_call"
    assert "你好，这里是12355" not in " ".join(call.said[heard:])
    # Whoever has them now hangs up, and that is a hang-up: of such a telephone nothing is known.
    line.twilio.parties[SUN].legs[-1].hang_up()
    line.until_over(call)
    [order] = line.orders()
    assert (order["outcome"], order["hung_up_by"]) == ("answered", "counselor")
    after = kinds(order)[kinds(order).index("counselor_lost") :]
    assert after == ["counselor_lost", "queued", "offer_made", "answered", "survey_asked", "ended"]
    assert order["first_responder"] == "counselor:gz-chen"


def test_nobody_else_is_free_and_the_caller_waits_in_front(line: TwilioLine) -> None:
    call = talking(line)
    leg_ends(line)
    assert call.heard[-1].kind != "talk"
    assert call.status == "in-progress"
    line.logs_in("gz-sip")
    line.clock.run_until(lambda: line.state("gz-sip") == "on_call", within=30)
    call.hang_up()
    line.clock.run_for(5)


def test_who_hangs_up_says_so_and_the_talk_is_over(line: TwilioLine) -> None:
    call = talking(line)
    line.logs_in("gz-sip")
    line.assembly.store.write(lambda c: browser_talks.hangs_up(c, "gz-chen"))
    leg_ends(line)
    line.until_over(call)
    assert line.state("gz-sip") == "available"
    assert line.orders()[0]["hung_up_by"] == "counselor"


def test_a_caller_who_hangs_up_has_lost_nobody(line: TwilioLine) -> None:
    call = talking(line)
    call.hang_up()
    line.clock.run_for(5)
    [order] = line.orders()
    assert (order["outcome"], order["hung_up_by"]) == ("answered", "caller")
    assert "counselor_lost" not in kinds(order)


def test_a_browser_that_told_nothing_hangs_up_as_any_telephone(line: TwilioLine) -> None:
    call = talking(line, by_page=False)
    line.logs_in("gz-sip")
    leg_ends(line)
    line.until_over(call)
    assert line.state("gz-sip") == "available"
