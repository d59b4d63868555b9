"""Harassment 骚扰: the counselor ends the call with one key and a scripted warning, and nothing of
it counts against them. A number may be slowed, 24 hours at most, once a supervisor approves it; its
`*` works as ever, and it is never blocked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from workorders import number_flags
from workorders.alarms import SLOWING, met, raised
from workorders.closing import close
from workorders.decisions import class_non_consultation
from workorders.life import Case, NotPossible, must_say
from workorders.number_flags import SLOWED_AT_MOST, Kind
from workorders.personal import order_secrets

CAUSE = "N2"
"""骚扰 in order_fields.yaml."""


def end_with_warning(case: Case, slow: str = "") -> None:
    """The caller was warned; the order is closed as 骚扰, or once it is decided whether the number
    is slowed.

    :param slow: why it is to be; empty: it isn't. Personal.
    """
    class_non_consultation(case, CAUSE)
    case.record("harassment_warned")
    if not slow.strip():
        close(case)
        return
    if _number(case) is None:
        raise NotPossible("slowing: the caller's number isn't known")
    raised(case, SLOWING, "slowing_asked", notes={"reason": slow.strip()})


def decide_slowing(case: Case, *, approved: bool, reason: str) -> datetime | None:
    """A supervisor's word, who isn't whoever asked; until when it holds, where approved.

    :param reason: kept with the number; names no person.
    """
    must_say("the reason", reason)
    asked = next((each for each in case.row["alarms"] or () if each["kind"] == SLOWING), None)
    if asked is None:
        raise NotPossible("slowing: nobody asks for it")
    if asked["by"] == case.actor:
        raise NotPossible("slowing: another person approves it")
    until = None
    number = _number(case)
    if approved and number is not None:
        until = case.at + SLOWED_AT_MOST
        by = case.actor.removeprefix("counselor:")
        number_flags.say(case.connection, number, Kind.SLOWED, case.at, until, by, reason)
    kind = "slowing_approved" if approved else "slowing_declined"
    case.record(kind, alarms=met(case, SLOWING))
    close(case)
    return until


def _number(case: Case) -> bytes | None:
    """None where it may be somebody else's: it was only typed, on a page."""
    if case.row["id_trust"] == "stated":
        return None
    query = select(order_secrets.c.caller_hash).where(order_secrets.c.order_no == case.order_no)
    found: bytes | None = case.connection.execute(query).scalar()
    return found
