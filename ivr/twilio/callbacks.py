"""Callbacks on Twilio: a counselor is rung by a call that we place, and accepts; then that call
dials the caller, who hears the safe-to-talk question and has to press 1, or * or 5, before they
meet (Number, url). Twilio tells of the key, and at the Dial's end what came of it; an end that it
doesn't tell is the placed call's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from callflows.verbs import Say
from ivr.callback_attempts import CONNECTS, CallbackAttempts
from ivr.callback_placing import NOT_REACHED, NOT_WANTED, CallbackPlacing
from ivr.controller import Controller
from ivr.placed_calls import PlacedCall, Result, result_of_dial
from ivr.twilio import forms
from ivr.twilio.forms import Form
from ivr.twilio.twiml import Twiml, hang_up, nothing


@dataclass(frozen=True, slots=True)
class TwilioCallbacks:
    """Every method may raise StoreUnavailable and BadForm. :param now: gives the aware UTC time."""

    controller: Controller
    placing: CallbackPlacing
    twiml: Twiml
    now: Callable[[], datetime]

    def words(self, call: PlacedCall) -> Say:
        return self.placing.whisper(call.id)

    def pressed(self, call: PlacedCall, accepted: bool) -> str:
        """A counselor accepts. Told twice, nobody is rung again."""
        if not accepted:
            self._end(call.id, Result.NOT_ACCEPTED)
            return hang_up()
        law = self._law
        ring = self.controller.write(lambda tx: law.accepted(tx, call.id, self.now()))
        if ring is not None:
            return self.twiml.call_back(call.id, ring.number, ring.ring_seconds)
        if self.controller.store.read(lambda c: law.safe_to_talk(c, call.id)) is not None:
            # What comes of that ringing, or that it never was, is told by the call's end.
            return hang_up()
        self._end(call.id, Result.NOT_ACCEPTED)
        return self.twiml.whisper(NOT_WANTED)

    def caller_picked_up(self, call_id: str) -> str:
        """Whoever it is."""
        check = self.controller.store.read(lambda c: self._law.safe_to_talk(c, call_id))
        return self.twiml.ask_called_back(call_id, check) if check else hang_up()

    def caller_key(self, call_id: str, form: Form) -> str:
        key = forms.keys(form)
        if not key or key not in CONNECTS:
            return hang_up()
        law, now = self._law, self.now()
        joined = self.controller.write(lambda tx: law.connected(tx, call_id, now, key))
        return nothing() if joined else hang_up()

    def over(self, call_id: str, form: Form) -> str:
        """The Dial is over; the counselor is still there where the caller hung up."""
        there = form.get("CallStatus") not in forms.ENDED
        talked = self.controller.store.read(lambda c: self._law.talks(c, call_id))
        if talked:
            self._end(call_id, Result.ACCEPTED, "caller" if there else "counselor")
            return hang_up()
        self._end(call_id, result_of_dial(forms.dial_result(form)))
        return self.twiml.whisper(NOT_REACHED)

    def _end(self, call_id: str, result: Result, by: str | None = None) -> None:
        self.controller.write(lambda tx: self._law.ended(tx, call_id, result, self.now(), by))

    @property
    def _law(self) -> CallbackAttempts:
        return self.placing.law
