"""The calls by which somebody is asked into a talk on Twilio: what they are answered, and what
they tell of themselves. They meet counselor and caller in the conference of the order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from callflows.events import DialResult
from callflows.verbs import Say
from ivr import desk_requests
from ivr.controller import Controller
from ivr.desk_requests import Request, State
from ivr.transaction import Transaction
from ivr.twilio import forms
from ivr.twilio.forms import Form
from ivr.twilio.twiml import Twiml, hang_up

RESULTS: Mapping[str, DialResult] = {
    "busy": DialResult.BUSY,
    "no-answer": DialResult.NO_ANSWER,
    "canceled": DialResult.NO_ANSWER,
    "failed": DialResult.UNREACHABLE,
    "completed": DialResult.NO_ANSWER,
}
"""What it means that such a call is over before it has met anybody, by its CallStatus."""


class AskedInLegs:
    """Every method may raise StoreUnavailable and BadForm.

    :param accept: how to accept, for whoever picks up outside.
    """

    def __init__(
        self, controller: Controller, twiml: Twiml, accept: Say, now: Callable[[], datetime]
    ) -> None:
        self._controller = controller
        self._law = controller.house.with_others.asked_in
        self._twiml = twiml
        self._accept = accept
        self._now = now

    def picked_up(self, request_id: str, must_accept: bool, form: Form) -> str:
        if must_accept:
            return self._twiml.accept_asked_in(request_id, self._accept)
        return self._joins(request_id, form)

    def key(self, request_id: str, form: Form) -> str:
        """A key was pressed: a person presses 1, a voicemail doesn't."""
        return self._joins(request_id, form) if forms.keys(form) == "1" else hang_up()

    def counselor(self, order_no: str) -> str:
        """What the counselor is answered who is brought out of the Dial."""
        return self._twiml.conference(order_no)

    def status(self, request_id: str, form: Form) -> None:
        """What Twilio says of the call by itself, in any order and more than once."""
        result = RESULTS.get(form.get("CallStatus", ""))
        if result is None:
            return

        def work(tx: Transaction) -> None:
            request = desk_requests.get(tx.connection, request_id)
            if request is None:
                return
            if request.state is State.RINGING:
                self._law.not_answered(tx, request, result, self._now())
            elif request.state is State.TALKING:
                self._law.left(tx, request, self._now())
            # Where the caller is with them, it is looked who is left: `TwilioDeskWork`.

        self._controller.write(work)

    def _joins(self, request_id: str, form: Form) -> str:
        sid = forms.call_sid(form)

        def work(tx: Transaction) -> Request | None:
            request = desk_requests.get(tx.connection, request_id)
            if request is None:
                return None
            if request.state in (State.TALKING, State.JOINED) and request.leg == sid:
                return request  # asked twice
            known = desk_requests.step(
                tx.connection, request, request.state, request.changed_at, request.result, leg=sid
            )
            # The engine that rang them may never have learned by which call.
            joining = replace(request, leg=sid)
            return joining if known and self._law.answered(tx, joining, self._now()) else None

        request = self._controller.write(work)
        return hang_up() if request is None else self._twiml.conference(request.order_no)
