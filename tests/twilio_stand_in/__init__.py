"""A stand-in for Twilio that behaves as its documentation says, for tests: nothing leaves the host.

A test gives it a way to reach the server under test, numbers and parties, lets somebody call, moves
the clock, and reads what was heard and requested:

    twilio = Twilio(over_flask(app))
    twilio.number("+8675512355", "https://line.example/voice")
    chen = twilio.party("client:chen", answers_after=2, talks=60)
    call = twilio.incoming("+8613800138000", "+8675512355")
    twilio.clock.run_until(lambda: call.has_heard("法律请按1"))
    call.press("1")
    twilio.clock.run()
    assert chen.legs[0].said == ["法律"]
    twilio.expect_no_faults()
"""

from tests.twilio_stand_in.account import Twilio
from tests.twilio_stand_in.clock import Clock, RealClock
from tests.twilio_stand_in.fetching import Fetch, Reply, over_flask, over_http
from tests.twilio_stand_in.leg import Leg
from tests.twilio_stand_in.party import Party

__all__ = [
    "Clock",
    "Fetch",
    "Leg",
    "Party",
    "RealClock",
    "Reply",
    "Twilio",
    "over_flask",
    "over_http",
]
