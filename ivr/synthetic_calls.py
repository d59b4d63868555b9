"""A test call: a counselor's telephone rings, says what it is, and a person presses 1.

No caller is in it, so it has no session and opens no order.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from agents import presence
from agents.counselor import HELD
from callflows.verbs import Say
from config.database import Store
from ivr import placed_calls
from ivr.placed_calls import PlacedCall, Result, attempt_id
from ivr.placing import CannotRing, Placing, Wanted

PURPOSE = "test"
LANGUAGE = "zh-CN"
"""Of our own people."""
WORDS = Say("这是12355的测试电话，收到请按1。", LANGUAGE, "test_call")
THANKS = Say("收到，谢谢。", LANGUAGE, "test_call_accepted")
SAID = (WORDS, THANKS)
WAITED = timedelta(minutes=4)
"""The longest way: an attempt that is given up, then one that rings to its end."""


def ring(
    store: Store,
    placing: Placing,
    counselor_id: str,
    now: Callable[[], datetime],
    pause: Callable[[], None],
) -> PlacedCall:
    """Ring a counselor's telephone and wait for what comes of it; the last attempt, still live if
    nothing does.

    :param pause: lets a moment pass between two looks at the store. Raises CannotRing, also for who
        is with a caller, AlreadyRinging, StoreUnavailable.
    """
    began = now()
    reference = f"{counselor_id}-{secrets.token_hex(4)}"

    def is_free(connection: Connection) -> None:
        for person in presence.present(connection, began):
            if person.counselor.id == counselor_id and person.state in HELD:
                raise CannotRing(f"{counselor_id} is on a call: try again after it")

    placing.place(Wanted(attempt_id(PURPOSE, reference), counselor_id, also=is_free))
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
            return "nothing came of it: is the engine running, and does its carrier reach it?"


def spoken_texts() -> list[tuple[str, str]]:
    """Everything said here, to be synthesised ahead."""
    return [(said.text, said.language) for said in (WORDS, THANKS)]
