"""How long a call may expect to wait while nobody is free for it.

A line of callers moves as often as one of its staff ends a call: whoever stands at place n waits
n times talk and wrap-up, divided by the staff. Home's people serve the line of its own callers;
everybody else who may serve them has callers of other stations before them, too. A call is served
by whichever line is shorter.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection

from agents import presence
from agents.presence import Person
from routing import offers, waiting
from routing.router import WaitingCall, could_serve
from routing.rules import Rules


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
    waits = [
        _seconds(rules, talk, ahead(connection, call), staffed)
        for staffed, ahead in lines
        if staffed
    ]
    return round(min(waits)) if waits else None


def wait_at_home(
    connection: Connection,
    call: WaitingCall,
    people: Iterable[Person],
    rules: Rules,
    talk: Callable[[], float | None],
    at: datetime,
) -> float | None:
    """Seconds until home serves it, as the router decides by; None where nothing is known, or
    nobody there ever will.

    :param people: all present at home. `talk`: gives the mean talk in seconds.
    """
    staffed = sum(1 for tier, _ in could_serve(call, people, rules, at) if tier == 0)
    if not staffed:
        return None
    seconds = talk()
    if seconds is None:
        return None
    return round(_seconds(rules, seconds, waiting.ahead_at_home(connection, call), staffed))


def _seconds(rules: Rules, talk: float, ahead: int, staffed: int) -> float:
    return (1 + ahead) * (talk + rules.wrap_up_seconds) / staffed
