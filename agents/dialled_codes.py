"""What counselors dial on any phone to log in, pause and log out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from agents import presence, roster
from agents.counselor import HELD, State
from agents.roster import RosterError


@dataclass(frozen=True, slots=True)
class Code:
    """`reason` of a pause, as statistics and the desk know it."""

    does: Literal["log_in", "log_out", "pause"]
    reason: str = ""


CODES: Mapping[str, Code] = {
    "*50": Code("log_in"),
    "*51": Code("pause", "break"),
    "*52": Code("pause", "meal"),
    "*53": Code("pause", "training"),
    "*54": Code("pause", "supervision"),
    "*55": Code("pause", "paperwork"),
    "*56": Code("pause", "recovery"),
    "*60": Code("log_out"),
}
"""`*50` also ends a pause or a wrap-up. `*56`: rest after a hard call."""

Spoken = Literal[
    "logged_in",
    "paused",
    "logged_out",
    "after_this_call",
    "unknown_number",
    "unknown_code",
    "refused",
]


def apply_code(connection: Connection, number: str, code: str, at: datetime) -> Spoken:
    """Do what the counselor with desk `number` dialled; the name of what to say to them.

    After it, in the same transaction, the queue's `counselor_changed` is due.
    """
    wanted = CODES.get(code)
    if wanted is None:
        return "unknown_code"
    who = roster.by_number(connection, number)
    if who is None:
        return "unknown_number"
    try:
        if wanted.does == "log_in":
            presence.log_in(connection, who, at)
            return "logged_in"
        if wanted.does == "pause":
            state = presence.pause(connection, who, wanted.reason, at)
        else:
            state = presence.log_out(connection, who, at)
    except RosterError:
        return "refused"
    if state in HELD:
        return "after_this_call"
    return "logged_out" if state is State.LOGGED_OUT else "paused"
