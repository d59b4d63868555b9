"""Performs on Twilio what desks ask for.

A transfer is the end of the counselor's leg: REST hangs up on it, the caller's Dial is over, and
Twilio asks what comes next. Whoever is asked in is a call of its own into a conference; once they
are there, REST brings the counselor's leg to them, and the caller's Dial is over likewise. The
caller's own call is sent on from Twilio's queue or out of a conference, and from nowhere else.
Everything is told Twilio until it is seen to have come about, so an engine that takes over goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from callflows.events import DialResult
from callflows.verbs import Confer, Dial
from ivr import desk_requests, sessions
from ivr.asked_in import COMPLETED, LEG, Refused, sister_line
from ivr.controller import Controller
from ivr.desk_requests import Kind, Request, State, TargetKind
from ivr.sessions import CallRow
from ivr.twilio import browser_talks
from ivr.twilio.addresses import Addresses
from ivr.twilio.calls import CARRIER
from ivr.twilio.forms import ENDED
from ivr.twilio.provisions import TwilioProvisions
from ivr.twilio.rest import CallRefused, LiveLeg, TwilioRest, TwilioUnavailable
from ivr.twilio.twiml import Phone

log = structlog.get_logger()

AGAIN = timedelta(seconds=2)
"""What was told Twilio and hasn't come about is told again."""
RING_SECONDS = 20
NEVER_RANG = timedelta(seconds=RING_SECONDS + 20)
"""By then a call that was asked for has rung and told its end, or isn't there."""


class TwilioDeskWork:
    """:param now: gives the aware UTC time."""

    def __init__(
        self,
        controller: Controller,
        provisions: TwilioProvisions,
        rest: TwilioRest,
        addresses: Addresses,
        caller_id: str,
        now: Callable[[], datetime],
    ) -> None:
        self._controller = controller
        self._law = controller.house.with_others
        self._provisions = provisions
        self._rest = rest
        self._addresses = addresses
        self._caller_id = caller_id
        self._now = now
        self._told: dict[tuple[str, State], datetime] = {}

    def look(self) -> None:
        """Perform what is asked for. Raises StoreUnavailable."""
        requests = self._controller.store.read(lambda c: desk_requests.open_of(c, CARRIER))
        open_ = {request.id for request in requests}
        self._told = {told: at for told, at in self._told.items() if told[0] in open_}
        for request in requests:
            asked = request.state is State.ASKED
            if asked and not self._take(request):
                continue
            taken = self._again(request) if asked else request
            try:
                if asked and taken.state is State.RINGING and taken.adds_somebody:
                    self._ring(taken)
                else:
                    self._perform(taken)
            except TwilioUnavailable as error:
                log.error("desk_request_untold", request=request.id, reason=str(error))

    def look_after_conferences(self) -> None:
        """Nobody sits in a conference alone. Raises StoreUnavailable."""
        busy = {r.call_id for r in self._controller.store.read(
            lambda c: desk_requests.open_of(c, CARRIER)
        )}  # fmt: skip
        for row in self._controller.open_calls():
            if row.carrier != CARRIER or not _confers(row) or row.call_id in busy:
                continue
            try:
                if not self._others(row):
                    self._talk_over(row)
            except TwilioUnavailable as error:
                log.error("conference_not_seen", call_id=row.call_id, reason=str(error))

    def _take(self, request: Request) -> bool:
        return self._controller.write(lambda tx: self._law.take(tx, request, self._now()))

    def _perform(self, request: Request) -> None:
        row = self._controller.store.read(lambda c: sessions.load(c, request.call_id))
        if row is None or not self._due(request):
            return
        match request.state:
            case State.TAKEN:
                self._taken(request, row)
            case State.RINGING if request.adds_somebody:
                if self._now() - request.changed_at > NEVER_RANG:
                    self._nobody(request, DialResult.NO_ANSWER)
            case State.TALKING | State.JOINED if request.adds_somebody:
                self._conferring(request, row)
            case State.ENDING:
                self._end(request, row)

    def _taken(self, request: Request, row: CallRow) -> None:
        """A transfer: everybody but the caller leaves; of one that was talked over, only who asked
        for it."""
        transfers = request.kind is Kind.BLIND
        if transfers and not (_confers(row) or _talks(row)):
            return  # What the caller hears next is their own call's to say.
        if self._controller.write(lambda tx: self._law.overdue(tx, request, self._now())):
            return
        leave = self._others(row) if transfers else [leg.sid for leg in self._talking(row)]
        for sid in leave:
            self._rest.hang_up(sid)
        if not leave and not transfers:
            self._step(request, State.DONE)
        elif not leave and _confers(row):
            self._out(row, alone=False)

    def _ring(self, request: Request) -> None:
        """Once, by the engine that has taken the request: there is no key against a second call."""
        phone = self._phone(request)
        if phone is None:
            self._nobody(request, DialResult.UNREACHABLE)
            return
        try:
            sid = self._rest.place(
                phone.called,
                self._caller_id,
                self._addresses.asked_in(request.id, must_accept=phone.must_accept),
                self._addresses.asked_in_status(request.id),
                RING_SECONDS,
            )
        except CallRefused as error:
            log.error("nobody_asked_in", request=request.id, reason=str(error))
            self._nobody(request, DialResult.UNREACHABLE)
            return
        self._controller.store.write(
            lambda c: desk_requests.step(c, request, State.RINGING, request.changed_at, leg=sid)
        )

    def _conferring(self, request: Request, row: CallRow) -> None:
        """Bring everybody to where they belong, and see who is gone."""
        now, legs = self._now(), self._talking(row)
        settled, gone = now - request.changed_at > AGAIN, self._gone(request)
        joined = request.state is State.JOINED
        if gone and joined and not legs and _confers(row):
            self._talk_over(row)
        elif settled and gone:
            self._controller.write(lambda tx: self._law.asked_in.left(tx, request, now))
        elif settled and not legs and request.result != COMPLETED:
            self._controller.write(lambda tx: self._law.asked_in.counselor_left(tx, request, now))
        elif _talks(row):
            for leg in legs:
                self._rest.redirect(leg.sid, self._addresses.conference(request.order_no))

    def _end(self, request: Request, row: CallRow) -> None:
        """Whoever was asked in leaves. Nobody is left behind: no telephone in a conference whose
        caller is gone, no caller in one to whom nobody comes back."""
        gone, legs = self._gone(request), self._talking(row)
        if not gone and request.leg is not None:
            self._rest.hang_up(request.leg)
        if row.ended_at is not None:
            for leg in legs:
                self._rest.hang_up(leg.sid)
            gone = gone and not legs
        elif not legs:
            if _confers(row):
                self._out(row, alone=True)
            gone = gone and not _confers(row)
        elif _talks(row):
            for leg in legs:
                self._rest.redirect(leg.sid, self._addresses.conference(request.order_no))
            gone = False
        else:
            gone = gone and _confers(row)
        if gone:
            self._step(request, State.DONE, request.result)

    def _phone(self, request: Request) -> Phone | None:
        """What is rung: the first telephone that is sure to be a person's, else the first."""
        row = self._controller.store.read(lambda c: sessions.load(c, request.call_id))
        if row is None or row.ended_at is not None:
            return None
        if request.target_kind is TargetKind.LINE:
            house = self._controller.house
            try:
                entry = self._controller.store.read(
                    lambda c: sister_line(house, c, row, request.target)
                )
            except Refused:
                return None
            phones = self._provisions.phones(Dial("directory", entry, RING_SECONDS))
        else:
            assert request.offer_id is not None
            phones = self._provisions.phones(Dial("offer", request.offer_id, RING_SECONDS))
        return min(phones, key=lambda phone: phone.must_accept, default=None)

    def _nobody(self, request: Request, result: DialResult) -> None:
        now = self._now()
        self._controller.write(lambda tx: self._law.asked_in.not_answered(tx, request, result, now))

    def _talking(self, row: CallRow) -> Sequence[LiveLeg]:
        """The legs of counselors: those that the caller's Dials began and that are there."""
        return self._rest.talking(row.channel)

    def _others(self, row: CallRow) -> list[str]:
        """Everybody in the call but the caller, by SID."""
        asked = self._controller.store.read(lambda c: desk_requests.of_order(c, row.order_no))
        joined = [r for r in asked if r.call_id == row.call_id and r.adds_somebody]
        there = [r.leg for r in joined if r.leg is not None and not self._gone(r)]
        return [leg.sid for leg in self._talking(row)] + there

    def _gone(self, request: Request) -> bool:
        if request.leg is None or request.leg.startswith(LEG):
            return True
        status = self._rest.status(request.leg)
        return status is None or status in ENDED

    def _talk_over(self, row: CallRow) -> None:
        """Nobody is with the caller any more: somebody has hung up, or their browser was lost."""
        lost = self._controller.store.read(lambda c: browser_talks.talks(c, row.call_id))
        self._out(row, alone=lost)

    def _out(self, row: CallRow, *, alone: bool) -> None:
        """Send the caller out of the conference."""
        self._rest.redirect(row.channel, self._addresses.out_of_conference(row.turn, alone=alone))

    def _step(self, request: Request, state: State, result: str = "") -> None:
        now = self._now()
        self._controller.store.write(lambda c: desk_requests.step(c, request, state, now, result))

    def _again(self, request: Request) -> Request:
        found = self._controller.store.read(lambda c: desk_requests.get(c, request.id))
        return found or request

    def _due(self, request: Request) -> bool:
        told, now = self._told.get((request.id, request.state)), self._now()
        if told is not None and now < told + AGAIN:
            return False
        self._told[request.id, request.state] = now
        return True


def _talks(row: CallRow) -> bool:
    """Is the call in the Dial of its talk?"""
    dialled = sessions.dial_of(row)
    return row.ended_at is None and dialled is not None and dialled.kind == "offer"


def _confers(row: CallRow) -> bool:
    verbs = sessions.verbs_from_json(row.verbs)
    return row.ended_at is None and bool(verbs) and isinstance(verbs[-1], Confer)
