"""Calls placed by Twilio's REST side, and what became of those whose placing nobody heard of.

Creating a call has no key against doing it twice: a request that is repeated rings twice. So it is
never repeated. Each attempt is committed first; the call's own webhooks name the attempt, so its
first one tells the call's SID even where the answer to the request is lost; and where neither came,
Twilio's list of calls is looked through.

Source: Twilio, "Call resource".
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from agents import roster
from agents.roster import Contact
from config.database import Store
from ivr import placed_calls
from ivr.attempts import Attempts
from ivr.house import CARRIER_KINDS
from ivr.placed_calls import PlacedCall, Result
from ivr.placing import RING_SECONDS, Wanted
from ivr.twilio.addresses import Addresses
from ivr.twilio.calls import CARRIER
from ivr.twilio.rest import CallRefused, TwilioRest, TwilioUnavailable
from ivr.twilio.twiml import called
from workorders.keys import Keys
from workorders.personal import caller_hash

log = structlog.get_logger()

LISTED_WITHIN = timedelta(seconds=60)
"""A request, made late and given up after `rest.SECONDS`, may still be on its way through Twilio,
whose own limit is about half a minute. Until then it says nothing that there is no such call."""
CLOCKS_APART = timedelta(minutes=1)
"""By which Twilio's clock may be behind ours."""
LOOKED_AFTER = timedelta(minutes=2)
"""A call that is older, ringing and words included, is looked for: its end may not have been
told."""

RESULTS: Mapping[str, Result] = {
    "completed": Result.NOT_ACCEPTED,
    "busy": Result.BUSY,
    "no-answer": Result.NO_ANSWER,
    "canceled": Result.NO_ANSWER,
    "failed": Result.UNREACHABLE,
}
"""What a call's last status means for one whose key was not pressed ("Call resource", Status)."""


class TwilioPlacing:
    """:param caller_id: the account's number that a telephone is shown; E.164.
    :param now: gives the aware UTC time.
    """

    def __init__(
        self,
        store: Store,
        keys: Keys,
        attempts: Attempts,
        rest: TwilioRest,
        addresses: Addresses,
        caller_id: str,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._keys = keys
        self._attempts = attempts
        self._rest = rest
        self._addresses = addresses
        self._caller_id = caller_id
        self._now = now

    carrier = CARRIER

    @property
    def reached(self) -> Container[str]:
        return CARRIER_KINDS[CARRIER]

    def place(self, wanted: Wanted, contacts: Sequence[Contact]) -> None:
        """Ring the first of a counselor's telephones. What comes of it is told by the store.
        Raises AlreadyRinging, StoreUnavailable."""
        to = called(contacts[0].kind, contacts[0].address)
        call = self._attempts.begin(wanted, CARRIER, self._hashed(to))
        self._create(call, to)

    def hang_up(self, call: PlacedCall) -> None:
        try:
            sid = call.channel
            if sid is None and (to := self._where(call)) is not None:
                sid = self._listed(call, to)
            if sid is not None:
                self._rest.hang_up(sid)
        except TwilioUnavailable as error:
            log.error("twilio_not_asked", reason=str(error))

    def reconcile(self) -> None:
        """Whatever is not over and not heard of is looked for. Raises StoreUnavailable."""
        for call in self._attempts.live(CARRIER):
            try:
                if call.channel is None:
                    self._look_for(call)
                elif self._now() - call.committed_at > LOOKED_AFTER:
                    self._look_at(call, call.channel)
            except TwilioUnavailable as error:
                log.error("twilio_not_asked", reason=str(error))
                return

    def _create(self, call: PlacedCall, to: str) -> None:
        if not self._attempts.may_ask(call):
            return
        try:
            sid = self._rest.place(
                to,
                self._caller_id,
                self._addresses.placed(call.id),
                self._addresses.placed_status(call.id),
                RING_SECONDS,
            )
        except CallRefused as error:
            self._attempts.end(call.id, Result.NOT_PLACED, str(error))
        except TwilioUnavailable as error:
            log.error("placed_call_unanswered", id=call.id, reason=str(error))
        else:
            self._attempts.placed(call.id, sid)

    def _look_for(self, call: PlacedCall) -> None:
        to = self._where(call)
        if to is None:
            reason = "the roster has changed meanwhile"
            self._attempts.end(call.id, Result.NOT_PLACED, reason)
            return
        sid = self._listed(call, to)
        if sid is not None:
            self._attempts.placed(call.id, sid)
        elif self._now() - call.committed_at > LISTED_WITHIN:
            self._try_again(call, to)

    def _listed(self, call: PlacedCall, to: str) -> str | None:
        """The SID of an attempt that nobody heard of, as far as Twilio has it."""
        found = self._rest.placed(to, self._caller_id, call.committed_at - CLOCKS_APART)
        known = self._store.read(lambda c: {sid for sid in found if placed_calls.is_known(c, sid)})
        return next((sid for sid in found if sid not in known), None)

    def _try_again(self, call: PlacedCall, to: str) -> None:
        again = self._attempts.never_placed(call, "Twilio did not answer, and has no such call")
        if again is not None:
            self._create(again, to)

    def _look_at(self, call: PlacedCall, sid: str) -> None:
        status = self._rest.status(sid)
        result = Result.UNREACHABLE if status is None else RESULTS.get(status)
        if result is not None:
            log.error("placed_call_ended_untold", id=call.id)
            self._attempts.end(call.id, result)

    def _where(self, call: PlacedCall) -> str | None:
        """What was dialled; None where the roster no longer has it."""
        people = self._store.read(lambda c: roster.contacts_of(c, [call.counselor_id]))
        for contact in people.get(call.counselor_id, ()):
            if contact.kind in CARRIER_KINDS[CARRIER]:
                to = called(contact.kind, contact.address)
                if self._hashed(to) == call.destination:
                    return to
        return None

    def _hashed(self, to: str) -> bytes:
        return caller_hash(self._keys, to)
