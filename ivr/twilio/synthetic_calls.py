"""A test call: a counselor's telephone rings, says what it is, and a person presses 1.

No caller is in it, so it has no session and opens no order.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from agents import presence, roster
from agents.counselor import HELD
from agents.roster import Contact
from callflows.verbs import Say
from config.database import Store
from ivr import placed_calls
from ivr.house import CARRIER_KINDS
from ivr.placed_calls import PlacedCall, Result, attempt_id
from ivr.twilio.calls import CARRIER
from ivr.twilio.placing import Placing
from ivr.twilio.provisions import LANGUAGE

PURPOSE = "test"
WORDS = Say("这是12355的测试电话，收到请按1。", LANGUAGE, "test_call")
THANKS = Say("收到，谢谢。", LANGUAGE, "test_call_accepted")
WAITED = timedelta(minutes=4)
"""The longest way: an attempt that is given up, then one that rings to its end."""


class CannotRing(Exception):
    """Why nobody is rung, in one line with the way out."""


def contact_of(connection: Connection, counselor_id: str, at: datetime) -> Contact:
    """The first of a counselor's telephones that Twilio reaches. Raises CannotRing, also for who is
    with a caller."""
    contacts = roster.contacts_of(connection, [counselor_id]).get(counselor_id)
    if contacts is None:
        raise CannotRing(f"no counselor {counselor_id}")
    busy = {
        person.counselor.id for person in presence.present(connection, at) if person.state in HELD
    }
    if counselor_id in busy:
        raise CannotRing(f"{counselor_id} is on a call: try again after it")
    for contact in contacts:
        if contact.kind in CARRIER_KINDS[CARRIER]:
            return contact
    reached = ", ".join(sorted(CARRIER_KINDS[CARRIER]))
    raise CannotRing(f"{counselor_id} has no telephone that Twilio reaches: {reached}")


def ring(
    store: Store,
    placing: Placing,
    counselor_id: str,
    now: Callable[[], datetime],
    pause: Callable[[], None],
) -> PlacedCall:
    """Ring a counselor's telephone and wait for what comes of it; the last attempt, still live if
    nothing does.

    :param pause: lets a moment pass between two looks at the store. Raises CannotRing,
        AlreadyRinging, StoreUnavailable.
    """
    placing.reconcile()
    began = now()
    contact = store.read(lambda connection: contact_of(connection, counselor_id, began))
    reference = f"{counselor_id}-{secrets.token_hex(4)}"
    placing.place(attempt_id(PURPOSE, reference), counselor_id, contact)
    while True:
        call = store.read(lambda c: placed_calls.latest(c, PURPOSE, reference))
        assert call is not None
        if call.ended_at is not None or now() - began > WAITED:
            return call
        pause()


def told(call: PlacedCall) -> str:
    """What came of it, in one line."""
    match call.result:
        case Result.ACCEPTED:
            return "accepted"
        case Result.NOT_ACCEPTED:
            return "answered, but nobody pressed 1"
        case Result.NO_ANSWER:
            return "not answered"
        case Result.BUSY:
            return "not answered: busy or declined"
        case Result.UNREACHABLE:
            return "couldn't be placed: nothing can be reached there"
        case Result.NOT_PLACED:
            return f"couldn't be placed: {call.reason}"
        case _:
            return "nothing came of it: is the engine running, and does Twilio reach it?"
