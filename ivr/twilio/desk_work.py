"""Performs on Twilio what desks ask for.

A transfer is the end of the counselor's leg: REST hangs up on it, the caller's Dial is over, and
Twilio asks what comes next. Everything is told Twilio until it is seen to have come about, so an
engine that takes over goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from callflows.verbs import Dial
from ivr import desk_requests, sessions
from ivr.controller import Controller
from ivr.desk_requests import Request, State
from ivr.sessions import CallRow
from ivr.twilio.calls import CARRIER
from ivr.twilio.rest import TwilioRest, TwilioUnavailable

log = structlog.get_logger()

AGAIN = timedelta(seconds=2)
"""What was told Twilio and hasn't come about is told again."""


class TwilioDeskWork:
    """:param now: gives the aware UTC time."""

    def __init__(self, controller: Controller, rest: TwilioRest, now: Callable[[], datetime]):
        self._controller = controller
        self._law = controller.house.with_others
        self._rest = rest
        self._now = now
        self._told: dict[str, datetime] = {}

    def look(self) -> None:
        """Perform what is asked for. Raises StoreUnavailable."""
        requests = self._controller.store.read(lambda c: desk_requests.open_of(c, CARRIER))
        open_ = {request.id for request in requests}
        self._told = {one: at for one, at in self._told.items() if one in open_}
        for request in requests:
            taken = request.state is State.TAKEN
            if taken or (request.state is State.ASKED and self._take(request)):
                self._taken(request)

    def _take(self, request: Request) -> bool:
        return self._controller.write(lambda tx: self._law.take(tx, request, self._now()))

    def _taken(self, request: Request) -> None:
        """A transfer: whoever talks with the caller leaves."""
        row = self._talk(request)
        if row is None or not self._due(request):
            return  # What the caller hears next is their own call's to say.
        if self._controller.write(lambda tx: self._law.overdue(tx, request, self._now())):
            return
        try:
            for leg in self._rest.talking(row.channel):
                self._rest.hang_up(leg.sid)
        except TwilioUnavailable as error:
            log.error("desk_request_untold", request=request.id, reason=str(error))

    def _talk(self, request: Request) -> CallRow | None:
        """The call, as long as it is in the Dial of its talk."""
        row = self._controller.store.read(lambda c: sessions.load(c, request.call_id))
        if row is None or row.ended_at is not None:
            return None
        dialled = sessions.dial_of(row)
        return row if isinstance(dialled, Dial) and dialled.kind == "offer" else None

    def _due(self, request: Request) -> bool:
        told, now = self._told.get(request.id), self._now()
        if told is not None and now < told + AGAIN:
            return False
        self._told[request.id] = now
        return True
