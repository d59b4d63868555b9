"""Harassment 骚扰: the counselor ends the call with one key and a scripted warning, and nothing of
it counts against them: the order is no consultation, so nobody is asked how the service was. A
number may be slowed, 24 hours at most, once a supervisor approves it; its `*` works as ever, and it
is never blocked."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from sqlalchemy import select

from workorders import number_flags
from workorders.alarms import SLOWING, met, raised
from workorders.closing import close
from workorders.decisions import class_non_consultation
from workorders.life import Case, NotPossible, must_say
from workorders.life_cycle import OutOfPlace, State
from workorders.number_flags import SLOWED_AT_MOST, Kind
from workorders.personal import order_secrets

CAUSE = "N2"
"""骚扰 in order_fields.yaml."""


def end_with_warning(case: Case, slow: str = "") -> None:
    """The counselor has warned the caller; the order is closed as 骚扰, or once it is decided
    whether the number is slowed.

    :param slow: why it is to be; empty: it isn't. Personal.
    """
    class_non_consultation(case, CAUSE)
    case.record("harassment_warned")
    if slow.strip():
        ask_slowing(case, slow)
    else:
        _close(case)


def call_ended(case: Case, *, danger: bool) -> None:
    """The line has warned the caller and hung up. Where the order speaks of more than harassment,
    or the caller had told of danger, what becomes of it is for its handler to say."""
    if case.state is State.CLOSED:
        return
    case.record("harassment_warned")
    if not danger:
        with suppress(NotPossible, OutOfPlace):
            class_non_consultation(case, CAUSE)
            _close(case)


def ask_slowing(case: Case, why: str) -> None:
    """:param why: personal."""
    if _number(case) is None:
        raise NotPossible("slowing: the caller's number isn't known")
    raised(case, SLOWING, "slowing_asked", notes={"reason": why.strip()})


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
    # Or the call goes on still, or has come to more.
    if case.row["cause_main"] == CAUSE:
        close(case)
    return until


def _close(case: Case) -> None:
    """Unless a supervisor has still to say whether the number is slowed."""
    if not any(each["kind"] == SLOWING for each in case.row["alarms"] or ()):
        close(case)


def _number(case: Case) -> bytes | None:
    """None where it may be somebody else's: it was only typed, on a page."""
    if case.row["id_trust"] == "stated":
        return None
    query = select(order_secrets.c.caller_hash).where(order_secrets.c.order_no == case.order_no)
    found: bytes | None = case.connection.execute(query).scalar()
    return found
