"""A request on the callers' page to be called back, as a place in the queue: a counselor is on the
line before the telephone rings, and whoever answers hears neither topic nor name (`ivr.callbacks`).

A number typed on a page is nobody's proof. So whoever answers can say by one key that they asked
for nothing, which is remembered for a year (`number_flags.Kind.NOT_CALLED`); whoever answers and
agrees to nothing is not rung a second time; there is one request for a number at a time, and one a
day; the counselor is told where the number comes from. Nothing of a refusal is told on the page.

The console commits the place at rest, and the engine shows it at its next look: who is offered a
call is the engine's to say. Where this line can ring nobody outside, or whoever asked wrote when it
is safe, a counselor reads the request and calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection

from agents import roster
from callflows.data_dips import Priority
from config.database import MATCHING, one_at_a_time
from ivr.assembly import Assembly
from ivr.asterisk.calls import CARRIER
from ivr.house import CARRIER_KINDS
from ivr.sister_lines import carrier_numbers
from routing import callbacks, waiting
from routing.callbacks import Callback
from routing.stays import told_of
from routing.waiting_call import UNKNOWN_TOPIC, WaitingCall
from workorders import number_flags
from workorders.log import Entry
from workorders.number_flags import Kind

SAFE_TO_TALK = {
    "zh-CN": "你好，现在方便说话吗？通话会录音。方便请按1；打错了、不想再接到请按9；不方便请挂断。",
    "en": "Hello, can you talk now? The call is recorded. If so, press 1; if it is a wrong number "
    "and you want no more calls, 9; if not, hang up.",
}
SPOKEN = tuple((text, language) for language, text in SAFE_TO_TALK.items())


def possible(assembly: Assembly) -> bool:
    """Does this line ring telephones outside?"""
    settings = assembly.settings
    return settings.asterisk and "international" in carrier_numbers(settings)[CARRIER]


def may_be_asked_for(connection: Connection, number: bytes, at: datetime) -> bool:
    """Does nobody wait to be called back at this number already, and did whoever has it never say
    that they want no calls?"""
    refused = Kind.NOT_CALLED in number_flags.in_force(connection, number, at)
    return not refused and not callbacks.of_caller(connection, number)


def keep(
    connection: Connection,
    assembly: Assembly,
    order_no: str,
    call_id: str,
    home: str,
    language: str,
    number: bytes,
    at: datetime,
) -> Iterator[Entry]:
    """Take the place; what the order is to tell of it.

    :param call_id: the order's, which names our Asterisk. `number`: its hash.
    """
    node = assembly.settings.asterisk_name
    one_at_a_time(connection, MATCHING)
    call = WaitingCall(
        callbacks.waits_as(call_id), order_no, UNKNOWN_TOPIC, language, Priority.NORMAL, home, at,
        node, roster.reached(CARRIER_KINDS[CARRIER], node),
    )  # fmt: skip
    waiting.add(connection, call)
    waiting.rest(connection, call.call_id)
    safe_to_talk = SAFE_TO_TALK[language]
    callbacks.add(
        connection,
        Callback(
            order_no, call.call_id, CARRIER, home, number, safe_to_talk, language, at, due_at=at
        ),
    )
    yield Entry("queued", at, "engine", told_of(call))
    yield Entry("callback_agreed", at, "caller", {})
    yield Entry("callback_waits", at, "engine", {})
