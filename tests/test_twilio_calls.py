"""Calls on Twilio from the first word to the order, the shipped flows behind the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.conformance.world import FOLDER as SISTER_LINES
from tests.twilio_line import CALLER, NUMBER, PUBLIC, TwilioLine, kinds

GREETING = "你好，这里是12355青少年服务台"


@pytest.fixture
def line(tmp_path: Path, store_url: str) -> Iterator[TwilioLine]:
    line = TwilioLine(tmp_path, store_url)
    yield line
    line.close()


# TwiML for Programmable Voice: a number's voice address is asked, and its document obeyed; each
# action is asked for the next one. Client, url: what is said there only the called hears.
def test_a_key_a_counselor_and_an_order(line: TwilioLine) -> None:
    line.logs_in("gz-chen")
    chen = line.twilio.party("client:chen", answers_after=2, talks=60)
    call = line.twilio.incoming(CALLER, NUMBER)
    line.clock.run_until(lambda: call.has_heard(GREETING), within=5)
    call.press("1", after=0.5)
    line.clock.run_until(lambda: line.state("gz-chen") == "on_call", within=30)
    line.clock.run_until(lambda: bool(call.status == "completed"), within=120)
    [order] = line.orders()
    assert order["channel"] == "twilio"
    assert order["outcome"] == "answered"
    assert order["topic"] == "law"
    assert order["first_responder"] == "counselor:gz-chen"
    assert order["caller"] == "135****1234"
    assert kinds(order)[0] == "offered"
    assert kinds(order)[-1] == "ended"
    assert [leg.said for leg in chen.legs] == [
        [f"广东省广州市，法律，工单{order['order_no'][-4:]}"]
    ]
    assert line.state("gz-chen") == "wrap_up"


# Gather, actionOnEmptyResult: so set, the action is asked though no key was pressed.
def test_silence_reaches_a_human(line: TwilioLine) -> None:
    line.logs_in("gz-lin")
    line.twilio.party("client:lin", answers_after=2, talks=30)
    call = line.twilio.incoming(CALLER, NUMBER)
    line.clock.run_until(lambda: bool(call.status == "completed"), within=120)
    [order] = line.orders()
    assert (order["outcome"], order["topic"]) == ("answered", "unknown")


# Gather, nested verbs: a key stops what is being said.
def test_the_crisis_key_is_heard_while_words_are_spoken(line: TwilioLine) -> None:
    line.logs_in("gz-chen", "gz-lin")
    line.twilio.party("client:chen", "no-answer")
    lin = line.twilio.party("client:lin", answers_after=3, talks=30)
    call = line.twilio.incoming(CALLER, NUMBER)
    line.clock.run_until(lambda: call.has_heard(GREETING), within=5)
    call.press("*", after=0.2)
    line.clock.run_until(lambda: bool(lin.legs), within=30)
    line.clock.run_until(
        lambda: call.status == "completed" or call.has_heard("通话断开了"), within=90
    )
    [order] = line.orders()
    assert order["priority"] == 4
    assert order["first_responder"] == "counselor:gz-lin"
    call.hang_up()
    line.clock.run_for(2)
    assert line.orders()[0]["outcome"] == "answered"


# Member resource, update: a call is let out of its queue and asks the address given. Enqueue,
# waitUrl: when its document is over it is asked again, and may itself leave the queue.
@pytest.mark.parametrize("wakes", [True, False])
def test_who_waits_is_released_by_rest_or_looks_by_itself(line: TwilioLine, wakes: bool) -> None:
    line.wakes = wakes
    line.logs_in("gz-chen")
    line.twilio.party("client:chen", answers_after=1, talks=20)
    line.busy("gz-chen")
    second = line.behind()
    line.clock.run_until(lambda: second.has_heard("music"), within=30)
    line.clock.run_until(lambda: line.state("gz-chen") == "wrap_up", within=60)
    line.clock.run_until(lambda: line.state("gz-chen") == "ringing", within=60)
    line.clock.run_until(lambda: bool(second.status == "completed"), within=120)
    assert [order["outcome"] for order in line.orders()] == ["answered", "answered"]
    # Whoever looks by itself does so every five seconds.
    assert kinds(line.orders()[1]).count("offer_made") == 1


def test_the_music_is_there_before_anybody_waits(line: TwilioLine) -> None:
    line.carrier.prepare()
    twiml = line.carrier.addresses
    client = line.carrier.application.test_client()
    address = twiml.sound("music-3-4").removeprefix(PUBLIC)
    answer = client.get(address)
    assert (answer.status_code, answer.mimetype) == (200, "audio/wav")
    assert len(answer.data) > 4 * 16_000
    assert client.get(address.replace("music-3-4", "music-4-4")).status_code == 403
    assert client.get(twiml.sound("../secret").removeprefix(PUBLIC)).status_code == 404


# Dial, Number: in E.164, so no trunk of ours is needed.
def test_without_an_outbound_trunk_the_duty_phone_is_rung(tmp_path: Path) -> None:
    with closing(TwilioLine(tmp_path, sister_lines_directory=SISTER_LINES)) as line:
        line.twilio.party("+8613900009000", answers_after=3, keys=[(2, "1")], talks=60)
        call = line.twilio.incoming(CALLER, NUMBER)
        call.press("*", after=3)
        line.clock.run_until(lambda: call.has_heard("通话断开了"), within=120)
        call.hang_up()
        line.clock.run_for(5)
        [order] = line.orders()
        assert order["outcome"] == "transferred"


def test_a_phone_of_asterisks_is_not_offered_on_twilio(line: TwilioLine) -> None:
    """Nobody is on duty, and 12356 is such a phone."""
    call = line.twilio.incoming(CALLER, NUMBER)
    line.clock.run_until(lambda: call.has_heard("现在没有老师值班"), within=60)
    assert not call.has_heard("接通12356")
    call.hang_up()
    line.clock.run_for(5)
