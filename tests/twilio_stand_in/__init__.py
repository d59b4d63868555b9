"""A stand-in for Twilio that behaves as its documentation says, for tests: nothing leaves the host.

A test gives it a way to reach the server under test, numbers and parties, lets somebody call, moves
the clock, and reads what was heard and requested.
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
