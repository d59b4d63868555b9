"""Webhooks of calls that we placed: what is said to who picks up, and what came of it.

The first to come, whichever it is, tells the call's SID to the attempt that its address names. A
call that its attempt doesn't know, or that is being given up, is ended as soon as somebody picks
up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from callflows.verbs import Say
from ivr.attempts import Attempts
from ivr.placed_calls import PlacedCall, Result
from ivr.twilio import forms
from ivr.twilio.forms import Form
from ivr.twilio.placing import RESULTS
from ivr.twilio.twiml import Twiml, hang_up


class Leg(Protocol):
    """What is done with whoever picks up."""

    def words(self, call: PlacedCall) -> Say:
        """What it is, for them to press 1."""

    def pressed(self, call: PlacedCall, accepted: bool) -> str:
        """The document for who has pressed that, or another key."""


@dataclass(frozen=True, slots=True)
class SyntheticLeg:
    """Of a call without a caller."""

    attempts: Attempts
    twiml: Twiml
    said: Say
    thanks: Say

    def words(self, _call: PlacedCall) -> Say:
        return self.said

    def pressed(self, call: PlacedCall, accepted: bool) -> str:
        if not accepted:
            return hang_up()
        self.attempts.end(call.id, Result.ACCEPTED)
        return self.twiml.whisper(self.thanks)


class PlacedLegs:
    """Every method may raise StoreUnavailable and BadForm.

    :param legs: by purpose.
    """

    def __init__(self, attempts: Attempts, twiml: Twiml, legs: Mapping[str, Leg]) -> None:
        self._attempts = attempts
        self._twiml = twiml
        self._legs = legs

    def picked_up(self, call_id: str, form: Form) -> str:
        call = self._placed(call_id, form)
        if call is None or call.result is not None:
            return hang_up()
        return self._twiml.accept_placed(call_id, self._legs[call.purpose].words(call))

    def key(self, call_id: str, form: Form) -> str:
        """A key was pressed."""
        call = self._placed(call_id, form)
        if call is None:
            return hang_up()
        return self._legs[call.purpose].pressed(call, forms.keys(form) == "1")

    def status(self, call_id: str, form: Form) -> None:
        """What Twilio says of the call by itself, in any order and more than once."""
        result = RESULTS.get(form.get("CallStatus", ""))
        if self._placed(call_id, form) is not None and result is not None:
            self._attempts.end(call_id, result)

    def _placed(self, call_id: str, form: Form) -> PlacedCall | None:
        return self._attempts.placed(call_id, forms.call_sid(form))
