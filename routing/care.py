"""Care for counselors: after a call of high risk the wrap-up is longer, and after so many calls in
a row, or so many of high risk in a shift, they rest.

Whoever rests is offered no ordinary call; for a caller in danger they ring after all others, but
they ring. So does whoever is in wrap-up, where nobody else is left (`routing.matcher`): they may
decline, and go on with it as a rest. The end of a wrap-up is the counselor's own to choose, the end
of a rest is not. Both are instants in the counselor's row, so changed settings touch none that
runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from agents import high_risk_calls, presence, presence_log
from agents.counselor import State
from agents.high_risk_calls import SHIFT, HighRiskCall
from agents.presence import HIGH_RISK_CALLS, IN_A_ROW
from agents.presence_log import PresenceChange
from routing import waiting
from routing.callbacks import call_behind
from routing.changes import Cared
from routing.offers import Offer
from routing.priority import CRISIS
from routing.rules import Places
from workorders.order import orders


class Care:
    """By the settings of each counselor's own station."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def end_talk(self, connection: Connection, part: Offer, at: datetime) -> Iterator[Cared]:
        """The counselor of an answered offer has hung up: into wrap-up, and to rest if it is time.
        The call holds its place still."""
        who = part.counselor_id
        place = waiting.place_of(connection, part.call_id)
        order_no = place.call.order_no if place is not None else None
        if place is not None and place.call.priority >= CRISIS:
            high_risk_calls.told(connection, who, place.call.order_no, at)
        high_risk = order_no is not None and high_risk_calls.known(connection, who, order_no)
        wrap_up = self._seconds(part.station, "wrap_up_seconds")
        if high_risk:
            wrap_up = max(wrap_up, self._seconds(part.station, "wrap_up_after_high_risk_seconds"))
        presence.end_call(connection, who, part.call_id, wrap_up, at)
        if high_risk and order_no is not None:
            yield self._heeded(connection, order_no, who, part.station, at + wrap_up, at)
        self._in_a_row(connection, who, part.station, at + wrap_up, at)

    def look(self, connection: Connection, at: datetime) -> Iterator[Cared]:
        """What was found out since the call ended, or rather before it did: to be called before
        wrap-ups end."""
        for found in high_risk_calls.new(connection):
            who, order_no = found.counselor, found.order_no
            talk = _talk(connection, found, at)
            there = presence.where(connection, who)
            if talk is None or there is None:
                high_risk_calls.not_theirs(connection, who, order_no)
                continue
            state, station, call_id = there
            if state == State.ON_CALL and call_id == talk.call_id:
                continue
            longer = self._seconds(station, "wrap_up_after_high_risk_seconds")
            until = found.at + longer
            begun = presence.wrap_up_longer(connection, who, until, at) if until > at else False
            yield self._heeded(connection, order_no, who, station, until if begun else None, at)

    def _heeded(
        self,
        connection: Connection,
        order_no: str,
        who: str,
        station: str,
        until: datetime | None,
        at: datetime,
    ) -> Cared:
        high_risk_calls.heeded(connection, who, order_no)
        calls = high_risk_calls.in_shift(connection, who, at)
        most = self._places.setting(station, "high_risk_calls_per_shift")
        rests = most is not None and calls >= most
        if rests:
            presence.rest(connection, who, HIGH_RISK_CALLS, at + SHIFT, at)
        return Cared(order_no, who, station, calls, until, rests, at)

    def _in_a_row(
        self, connection: Connection, who: str, station: str, wrapped_up: datetime, at: datetime
    ) -> None:
        most = self._places.setting(station, "calls_in_a_row")
        if most is None:
            return
        rest = self._seconds(station, "rest_seconds")
        done = presence_log.between(connection, [who], at - SHIFT, at)
        if calls_in_a_row(done, rest) >= most:
            presence.rest(connection, who, IN_A_ROW, wrapped_up + rest, at)

    def _seconds(self, station: str, setting: str) -> timedelta:
        return timedelta(seconds=self._places.setting(station, setting))


def calls_in_a_row(changes: Iterable[PresenceChange], rest: timedelta) -> int:
    """How many calls somebody has taken without `rest` between the end of one, its wrap-up
    included, and the next. Pure.

    :param changes: of one counselor, in order.
    """
    calls, idle_since = 0, None
    for change in changes:
        if change.state == State.ON_CALL:
            if idle_since is not None and change.at - idle_since >= rest:
                calls = 0
            calls += 1
            idle_since = None
        elif change.state == State.WRAP_UP:
            idle_since = None
        elif idle_since is None:
            idle_since = change.at
    return calls


def _talk(connection: Connection, found: HighRiskCall, at: datetime) -> PresenceChange | None:
    """When the counselor took the order's call, in this shift; None: they didn't."""
    query = select(orders.c.call_id).where(orders.c.order_no == found.order_no)
    call_id = connection.execute(query).scalar()
    done = presence_log.between(connection, [found.counselor], at - SHIFT, at)
    talks = [change for change in done if change.state == State.ON_CALL and change.call_id]
    mine = [talk for talk in talks if call_behind(str(talk.call_id)) == call_id]
    return mine[-1] if mine else None
