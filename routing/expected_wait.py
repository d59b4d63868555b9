"""How long a call may expect to wait while nobody is free for it.

A line of callers moves as often as one of its staff ends a call: whoever stands at place n waits
n times talk and wrap-up, divided by the staff. Home's people serve the line of its own callers;
everybody else who may serve them has callers of other stations before them, too. A call is served
by whichever line is shorter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection

from agents import presence
from agents.presence import Person
from routing import offers, waiting
from routing.floor import wait_in_line
from routing.rules import Rules
from routing.suitability import could_serve
from routing.waiting_call import WaitingCall


def expected_wait(
    connection: Connection, call: WaitingCall, rules: Rules, stations: Collection[str]
) -> int | None:
    """Seconds, as a caller is told; None where nothing is known.

    :param stations: those that may serve it.
    """
    talk = offers.mean_talk_seconds(connection)
    if talk is None:
        return None
    elsewhere = [station for station in stations if station != call.home]
    lines = (
        (presence.on_duty(connection, [call.home], call.urgent), waiting.ahead_at_home),
        (presence.on_duty(connection, elsewhere, call.urgent), waiting.ahead_anywhere),
    )
    handling = talk + rules.wrap_up_seconds
    wait = min(
        wait_in_line(ahead(connection, call) if staffed else 0, staffed, handling)
        for staffed, ahead in lines
    )
    return round(wait) if math.isfinite(wait) else None


def wait_at_home(
    connection: Connection,
    call: WaitingCall,
    people: Iterable[Person],
    rules: Rules,
    talk: Callable[[], float | None],
    at: datetime,
) -> float | None:
    """Seconds until home serves it, as the router decides by: endless where nobody there ever will,
    None where nothing is known.

    :param people: all present at home. `talk`: gives the mean talk in seconds.
    """
    staffed = sum(1 for _ in could_serve(call, people, rules, at))
    if not staffed:
        return math.inf
    seconds = talk()
    if seconds is None:
        return None
    ahead = waiting.ahead_at_home(connection, call)
    return round(wait_in_line(ahead, staffed, seconds + rules.wrap_up_seconds))
