"""Webhooks of calls that we placed: what is said to who picks up, and what came of it.

The first to come, whichever it is, tells the call's SID to the attempt that its address names. A
call that its attempt doesn't know, for it was given up, is ended as soon as somebody picks up.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from config.database import Store
from ivr import placed_calls
from ivr.placed_calls import Result
from ivr.twilio import forms
from ivr.twilio.forms import Form
from ivr.twilio.placing import RESULTS
from ivr.twilio.synthetic_calls import THANKS, WORDS
from ivr.twilio.twiml import Twiml, hang_up

log = structlog.get_logger()


class PlacedLegs:
    """Every method may raise StoreUnavailable and BadForm.

    :param now: gives the aware UTC time.
    """

    def __init__(self, store: Store, twiml: Twiml, now: Callable[[], datetime]) -> None:
        self._store = store
        self._twiml = twiml
        self._now = now

    def picked_up(self, call_id: str, form: Form) -> str:
        if not self._is_ours(call_id, form):
            return hang_up()
        return self._twiml.accept_placed(call_id, WORDS)

    def key(self, call_id: str, form: Form) -> str:
        """A key was pressed."""
        if not self._is_ours(call_id, form) or forms.keys(form) != "1":
            return hang_up()
        self._end(call_id, Result.ACCEPTED)
        return self._twiml.whisper(THANKS)

    def status(self, call_id: str, form: Form) -> None:
        """What Twilio says of the call by itself, in any order and more than once."""
        result = RESULTS.get(form.get("CallStatus", ""))
        if self._is_ours(call_id, form) and result is not None:
            self._end(call_id, result)

    def _is_ours(self, call_id: str, form: Form) -> bool:
        sid = forms.call_sid(form)
        ours = self._store.write(lambda c: placed_calls.placed(c, call_id, sid, self._now()))
        if not ours:
            log.error("placed_call_given_up", id=call_id)
        return ours

    def _end(self, call_id: str, result: Result) -> None:
        self._store.write(lambda c: placed_calls.ended(c, call_id, result, self._now()))
