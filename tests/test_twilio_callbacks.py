"""Callbacks on Twilio: who is rung, what is heard, and that no death rings anybody twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ivr.callback_placing import NOT_REACHED
from tests.twilio_line import CALLER, NUMBER, TwilioLine, kinds
from workorders.views import View

SAFE = "你好，现在方便说话吗？通话会录音。方便请按1，不方便请挂断。"
ACCEPTS = [(4.0, "1")]


@pytest.fixture
def line(tmp_path: Path) -> Iterator[TwilioLine]:
    line = TwilioLine(tmp_path)

    def again() -> None:
        line.carrier.place_callbacks()
        line.carrier.placing.reconcile()
        line.clock.after(1, again)

    line.clock.after(1, again)
    yield line
    line.close()


def agreed(line: TwilioLine) -> None:
    """Somebody has agreed to be called back, while the one counselor talked with somebody else,
    who has hung up now."""
    line.twilio.party("client:chen", answers_after=2, keys=ACCEPTS)
    line.logs_in("gz-chen")
    talks = line.twilio.incoming("+8613570009999", NUMBER)
    talks.press("1", after=4)
    line.clock.run_until(lambda: line.state("gz-chen") == "on_call", within=30)
    call = line.twilio.incoming(CALLER, NUMBER)
    call.press("1", after=4)
    line.clock.run_for(10)
    call.press("8", after=1)
    line.clock.run_for(4)
    call.press("1", after=1)
    line.until_over(call)
    talks.hang_up()


@pytest.mark.parametrize("key", ["*", "5"])
def test_a_key_for_danger_connects_too(line: TwilioLine, key: str) -> None:
    line.twilio.party(CALLER, answers_after=3, keys=[(5.0, key)], talks=40)
    agreed(line)
    line.clock.run_until(lambda: order(line)["t_end"] is not None, within=200)
    assert order(line)["outcome"] == "answered"
    assert "priority_raised" in kinds(order(line))


def order(line: TwilioLine) -> View:
    return line.orders()[-1]


def test_counselor_first_then_the_caller_who_presses_1(line: TwilioLine) -> None:
    mobile = line.twilio.party(CALLER, answers_after=3, keys=[(5.0, "1")], talks=40)
    agreed(line)
    assert mobile.legs == []
    line.clock.run_until(lambda: order(line)["t_end"] is not None, within=200)
    [leg] = mobile.legs
    assert (leg.from_, leg.said) == (NUMBER, [SAFE])
    assert order(line)["outcome"] == "answered"
    assert order(line)["first_responder"] == "counselor:gz-chen"
    assert kinds(order(line))[-7:] == [
        "callback_agreed", "callback_waits", "offer_made", "callback_tried", "callback_connected",
        "answered", "ended",
    ]  # fmt: skip
    assert line.state("gz-chen") == "wrap_up"
    assert len(line.orders()) == 2


@pytest.mark.parametrize(
    ("how", "result"),
    [
        # A voicemail, too: whoever isn't connected has not answered, for Twilio.
        ({"answers_after": 3, "talks": 30}, "no_answer"),
        ({"outcome": "no-answer"}, "no_answer"),
        ({"outcome": "busy"}, "busy"),
    ],
)
def test_whom_nobody_reaches_is_tried_three_times(
    line: TwilioLine, how: dict[str, Any], result: str
) -> None:
    mobile = line.twilio.party(CALLER, **how)
    agreed(line)
    line.clock.run_until(lambda: order(line)["t_end"] is not None, within=2000)
    assert (order(line)["outcome"], order(line)["outcomes"]) == ("callback_failed", ["回拨未通"])
    assert len(mobile.legs) == 3
    assert not any(heard.kind == "talk" for leg in mobile.legs for heard in leg.heard)
    tries = [e["data"] for e in order(line)["events"] if e["kind"] == "callback_not_answered"]
    assert tries == [{"number": n, "result": result} for n in (1, 2, 3)]
    # No fault of the counselor's.
    assert line.state("gz-chen") == "available"
    asked = [leg for leg in line.twilio.parties["client:chen"].legs if NOT_REACHED.text in leg.said]
    assert len(asked) == 3


def test_a_key_that_is_told_twice_rings_nobody_twice(line: TwilioLine) -> None:
    mobile = line.twilio.party(CALLER, answers_after=20, keys=[(5.0, "1")], talks=40)
    agreed(line)
    line.clock.run_until(lambda: mobile.legs != [], within=60)
    attempt = f"callback:{order(line)['order_no']}-1:1"
    [_, leg] = line.twilio.parties["client:chen"].legs
    again = {"CallSid": leg.sid, "Digits": "1", "AccountSid": line.twilio.account_sid}
    line.post(f"/twilio/placed/{attempt}/key", again)
    line.clock.run_for(200)
    assert len(mobile.legs) == 1
    assert kinds(order(line)).count("callback_tried") == 1
    assert order(line)["outcome"] == "answered"


def test_who_has_called_again_is_not_rung(line: TwilioLine) -> None:
    mobile = line.twilio.party(CALLER)
    agreed(line)
    chen = line.twilio.parties["client:chen"]
    line.clock.run_until(lambda: len(chen.legs) == 2, within=60)
    again = line.twilio.incoming(CALLER, NUMBER)
    line.clock.run_for(120)
    assert mobile.legs == []
    first = line.orders()[1]
    assert (first["outcome"], kinds(first)[-2:]) == (
        "called_again",
        ["callback_cancelled", "ended"],
    )
    again.hang_up()
    line.clock.run_for(60)
