"""Calls placed by Asterisk, over AMI.

The attempt is committed, then Originate is sent, once, with the attempt's id for the call's: so
the list of channels tells whether it lives, and a second call by that name cannot be. Who doesn't
pick up is told by the dialplan, which knows best why; if it can't, by OriginateResponse; and what
neither told is found missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from asterisk.manager import ManagerException

from agents import roster
from agents.roster import Contact
from config.database import Store, StoreUnavailable
from config.settings import Settings
from ivr import placed_calls
from ivr.asterisk import dialling
from ivr.asterisk.ami import Ami, Headers, NotPlaced
from ivr.asterisk.calls import CARRIER
from ivr.asterisk.channel import Channel
from ivr.asterisk.dialling import contact_address, dial_string
from ivr.attempts import Attempts
from ivr.house import CARRIER_KINDS
from ivr.placed_calls import PlacedCall, Result
from ivr.placing import RING_SECONDS, CannotRing, Wanted
from workorders.keys import Keys
from workorders.personal import caller_hash

log = structlog.get_logger()

GRACE_SECONDS = 5
"""By which the telephones' own end of ringing comes before the call's."""
THERE_WITHIN = timedelta(seconds=15)
"""A call that Asterisk was asked for, and whose answer came late or never, is a channel by now."""

STILL_RINGING = "3"
"""AST_CONTROL_RINGING: OriginateResponse's Reason where the time is over."""


class AsteriskPlacing:
    """Over one Asterisk. :param now: gives the aware UTC time."""

    def __init__(
        self,
        store: Store,
        keys: Keys,
        attempts: Attempts,
        ami: Ami,
        settings: Settings,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._keys = keys
        self._attempts = attempts
        self._ami = ami
        self.carrier = settings.asterisk_name
        self._trunk = settings.outbound_trunk
        self._now = now
        self.reached = roster.reached(CARRIER_KINDS[CARRIER], self.carrier)
        self._missing: set[str] = set()
        """Calls that were no longer there at the last look: their end may be on its way."""

    def place(self, wanted: Wanted, contacts: Sequence[Contact]) -> None:
        """Ring a counselor's desk, all its telephones at once; of who has none, the first
        telephone outside. Raises AlreadyRinging, StoreUnavailable, CannotRing."""
        phones = self._phones(contacts)
        if not phones:
            raise CannotRing(f"{wanted.counselor_id} has no telephone that a trunk leads to")
        call = self._attempts.begin(wanted, self.carrier, self._hashed(phones))
        self._originate(call, phones)

    def hang_up(self, call: PlacedCall) -> None:
        self._ami.hang_up(call.id)

    def reconcile(self) -> None:
        """What Asterisk has is known to be placed; what it no longer has is over; what it never
        had is tried again. Raises StoreUnavailable."""
        # Read before the channels are listed: whatever was placed is in the list.
        calls = self._attempts.live(self.carrier)
        try:
            channels = self._ami.channels() if calls else {}
        except ManagerException:
            return
        missing: set[str] = set()
        for call in calls:
            if call.id in channels:
                self._attempts.placed(call.id, call.id)
            elif self._now() - call.committed_at <= THERE_WITHIN:
                continue
            elif call.channel is None:
                self._try_again(call)
            elif call.id in self._missing:
                log.error("placed_call_ended_untold", id=call.id)
                self._attempts.end(call.id, Result.NO_ANSWER)
            else:
                missing.add(call.id)
        self._missing = missing

    def responded(self, headers: Headers) -> None:
        """OriginateResponse: somebody has picked up, or it came to nothing."""
        call_id = headers.get("ActionID", "")
        try:
            if headers.get("Response") == "Success":
                self._attempts.placed(call_id, call_id)
            elif headers.get("Reason") == STILL_RINGING:
                self._attempts.end(call_id, Result.NO_ANSWER)
            else:
                self._attempts.end(call_id, Result.UNREACHABLE)
        except StoreUnavailable as error:
            # It is found missing.
            log.error("placed_call_not_noted", id=call_id, reason=str(error))

    def unanswered(self, channel: Channel) -> None:
        """Handles `unanswered`: nobody picked up, and the dialplan says why."""
        call_id = channel.env.get("agi_arg_1", "")
        status, cause = (channel.env.get(f"agi_arg_{n}", "") for n in (2, 3))
        result = placed_calls.result_of_dial(dialling.result_of(status, cause))
        try:
            self._attempts.end(call_id, result)
        except StoreUnavailable as error:
            log.error("placed_call_not_noted", id=call_id, reason=str(error))

    def _originate(self, call: PlacedCall, phones: Sequence[str]) -> None:
        if not self._attempts.may_ask(call):
            return
        try:
            self._ami.originate(
                call.id, "Local/s@place/n", "placed", RING_SECONDS + GRACE_SECONDS,
                PLACED=call.id, RINGS=RING_SECONDS, PHONES="&".join(phones),
            )  # fmt: skip
        except NotPlaced as error:
            self._attempts.end(call.id, Result.NOT_PLACED, str(error))
        except ManagerException as error:
            log.error("placed_call_unanswered", id=call.id, reason=str(error))
        else:
            self._attempts.placed(call.id, call.id)

    def _try_again(self, call: PlacedCall) -> None:
        phones = self._where(call)
        if phones is None:
            reason = "the roster has changed meanwhile"
            self._attempts.end(call.id, Result.NOT_PLACED, reason)
            return
        reason = "Asterisk did not answer, and has no such call"
        again = self._attempts.never_placed(call, reason)
        if again is not None:
            self._originate(again, phones)

    def _where(self, call: PlacedCall) -> list[str] | None:
        """What was dialled; None where the roster no longer has it."""
        who = call.counselor_id
        people = self._store.read(lambda c: roster.contacts_of(c, [who]))
        phones = self._phones([c for c in people.get(who, ()) if c.reach in self.reached])
        return phones if self._hashed(phones) == call.destination else None

    def _phones(self, contacts: Sequence[Contact]) -> list[str]:
        """Dial strings. Whoever picks up is asked to accept, so a number outside is dialled as it
        is."""
        found = [
            (contact.kind, dialled)
            for contact in contacts
            if (address := contact_address(contact, self._trunk)) is not None
            and (dialled := dial_string(address, must_accept=False)) is not None
        ]
        desk = [dialled for kind, dialled in found if kind != "outside"]
        return desk or [dialled for _, dialled in found[:1]]

    def _hashed(self, phones: Sequence[str]) -> bytes:
        return caller_hash(self._keys, "&".join(phones))
