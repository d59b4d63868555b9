"""What the end of an offer means for the counselor it rang: one table, one row a result.

`returns`: after how long a paused counselor is available again by itself; None: when they
resume. `again`: may the same call be offered to them again?

Urgent offers are milder, for no rule may remove a caller's last human: `apply_urgent_miss`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, bindparam, exists, select

from agents import presence
from agents.counselor import Happening, State
from agents.presence import RONA
from agents.roster import Role, counselors
from config.statements import Statement

log = structlog.get_logger()

c = counselors.c


@dataclass(frozen=True, slots=True)
class Meaning:
    happening: Happening
    reason: str | None = None
    returns: timedelta | None = None
    again: bool = True


OFFER_RESULTS: dict[str, Meaning] = {
    "answered": Meaning(Happening.END_CALL),
    # They talked: whoever is back in time writes down what was said.
    "lost": Meaning(Happening.END_CALL),
    "no_answer": Meaning(Happening.MISS, RONA, None, again=False),
    "declined": Meaning(Happening.MISS, "declined", timedelta(seconds=30), again=False),
    "busy": Meaning(Happening.MISS, "busy", timedelta(seconds=30), again=False),
    # Fails at once: left available it would stay longest idle and eat every call.
    "unreachable": Meaning(Happening.MISS, "unreachable", timedelta(seconds=60), again=False),
    # The way to the phone is at fault, not the phone.
    "congestion": Meaning(Happening.MISS, "congestion", timedelta(seconds=10), again=True),
    "abandoned": Meaning(Happening.RELEASE),
}

NODE_WINDOW = timedelta(minutes=1)
NODE_OFFERS = 5
NODE_SHARE = 0.3


URGENT_BACK_OFF = timedelta(seconds=5)
"""A phone that fails at once isn't tried again at once, not even for a crisis."""


@dataclass(frozen=True, slots=True)
class ReturnOfTheLast:
    """A station's last counselor who didn't answer comes back `after` so long, `times` often."""

    after: timedelta
    times: int


@dataclass(frozen=True, slots=True)
class Alert:
    """What an operator must act on; logged by the caller once the transaction is committed."""

    event: str
    fields: Mapping[str, str | int] = field(default_factory=dict)

    def tell(self) -> None:
        log.error(self.event, **self.fields)


def node_is_failing(offers: int, unreachable: int) -> bool:
    """Is it the carrier's node, not the phones? Of one node's offers ended within NODE_WINDOW.

    Then nobody is paused, and an operator is told once. Its calls fall back by the rules for
    all: who was unreachable isn't tried again for the same call, so it comes to other places and
    at last to the flow's way for nobody; a caller in danger is tried again every URGENT_BACK_OFF.
    """
    return offers >= NODE_OFFERS and unreachable > NODE_SHARE * offers


_one = Statement(select(c.station, c.misses).where(c.id == bindparam("counselor")))
_colleague = Statement(
    select(
        exists().where(
            c.station == bindparam("at_station"),
            c.id != bindparam("counselor"),
            c.role == Role.COUNSELOR,
            c.state != State.LOGGED_OUT,
            c.state != State.PAUSED,
        )
    )
)


def apply_miss(
    connection: Connection,
    counselor_id: str,
    call_id: str,
    result: str,
    last: ReturnOfTheLast,
    at: datetime,
) -> Alert | None:
    """Pause the counselor as the table says. A station's last one who doesn't answer returns by
    itself, and the station's lead is alerted."""
    row = _one.first(connection, counselor=counselor_id)
    if row is None:
        return None
    station, misses = row
    meaning = OFFER_RESULTS[result]
    reason = meaning.reason or result
    until = at + meaning.returns if meaning.returns else None
    alert = None
    who = {"counselor": counselor_id, "at_station": station}
    if reason == RONA and not _colleague.scalar(connection, **who):
        if misses < last.times:
            until = at + last.after
        alert = Alert(
            "last_counselor_did_not_answer",
            {"station": station, "counselor": counselor_id, "misses": misses + 1},
        )
    presence.miss(connection, counselor_id, call_id, reason, until, at)
    return alert


def apply_urgent_miss(
    connection: Connection, counselor_id: str, call_id: str, result: str, at: datetime
) -> None:
    """Not answering, where several rang or the caller is in danger, is held against nobody; a
    phone that failed at once rests for URGENT_BACK_OFF."""
    reason = OFFER_RESULTS[result].reason
    if reason == RONA:
        presence.release(connection, counselor_id, call_id, at)
    else:
        presence.miss(connection, counselor_id, call_id, reason or result, at + URGENT_BACK_OFF, at)
