"""The states of a counselor: one pure transition table. An event out of place changes nothing.

A counselor who pauses or logs out while held by a call stays on it: the wish is kept beside the
state (`agents.presence`) and granted when the call and its wrap-up are over.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    LOGGED_OUT = "logged_out"
    AVAILABLE = "available"
    RESERVED = "reserved"
    """Held for one call by a lease; nothing rings yet."""
    RINGING = "ringing"
    ON_CALL = "on_call"
    WRAP_UP = "wrap_up"
    PAUSED = "paused"


class Happening(StrEnum):
    LOG_IN = "log_in"
    LOG_OUT = "log_out"
    PAUSE = "pause"
    RESERVE = "reserve"
    RING = "ring"
    ANSWER = "answer"
    END_CALL = "end_call"
    WRAP_UP_OVER = "wrap_up_over"
    WRAP_UP_LONGER = "wrap_up_longer"
    """The call is found out to have been of high risk."""
    NEEDED = "needed"
    """A caller in danger has nobody else: what is left of a wrap-up becomes a rest."""
    RELEASE = "release"
    """Let go without fault: the caller left, somebody else answered first, the lease ran out."""
    MISS = "miss"
    """The offer failed on the counselor's side: not answered, declined, unreachable, busy."""


class OutOfPlace(Exception):
    """What happened doesn't fit the state; nothing was changed."""

    def __init__(self, state: State, happening: Happening) -> None:
        super().__init__(f"{happening} is not possible while {state}")
        self.state = state
        self.happening = happening


HELD = frozenset({State.RESERVED, State.RINGING, State.ON_CALL})
"""States in which one call holds the counselor."""

TRANSITIONS: dict[tuple[State, Happening], State] = {
    (State.LOGGED_OUT, Happening.LOG_IN): State.AVAILABLE,
    (State.AVAILABLE, Happening.LOG_OUT): State.LOGGED_OUT,
    (State.AVAILABLE, Happening.PAUSE): State.PAUSED,
    (State.AVAILABLE, Happening.RESERVE): State.RESERVED,
    (State.RESERVED, Happening.RING): State.RINGING,
    # Another engine may report the answer before anybody reported the ringing.
    (State.RESERVED, Happening.ANSWER): State.ON_CALL,
    (State.RESERVED, Happening.RELEASE): State.AVAILABLE,
    (State.RESERVED, Happening.MISS): State.PAUSED,
    (State.RINGING, Happening.ANSWER): State.ON_CALL,
    (State.RINGING, Happening.RELEASE): State.AVAILABLE,
    (State.RINGING, Happening.MISS): State.PAUSED,
    (State.ON_CALL, Happening.END_CALL): State.WRAP_UP,
    # A phone picked up and nobody accepted: a mobile's voicemail, a whisper hung up on.
    (State.ON_CALL, Happening.RELEASE): State.AVAILABLE,
    (State.ON_CALL, Happening.MISS): State.PAUSED,
    (State.WRAP_UP, Happening.WRAP_UP_OVER): State.AVAILABLE,
    (State.WRAP_UP, Happening.WRAP_UP_LONGER): State.WRAP_UP,
    (State.AVAILABLE, Happening.WRAP_UP_LONGER): State.WRAP_UP,
    (State.WRAP_UP, Happening.NEEDED): State.AVAILABLE,
    (State.WRAP_UP, Happening.LOG_IN): State.AVAILABLE,
    (State.WRAP_UP, Happening.PAUSE): State.PAUSED,
    (State.WRAP_UP, Happening.LOG_OUT): State.LOGGED_OUT,
    (State.PAUSED, Happening.LOG_IN): State.AVAILABLE,
    (State.PAUSED, Happening.PAUSE): State.PAUSED,
    (State.PAUSED, Happening.LOG_OUT): State.LOGGED_OUT,
}


def after(state: State, happening: Happening) -> State:
    """The state that follows. Raises OutOfPlace."""
    try:
        return TRANSITIONS[state, happening]
    except KeyError:
        raise OutOfPlace(state, happening) from None


def states_before(happening: Happening) -> tuple[State, ...]:
    """The states in which `happening` is in place: for conditional updates."""
    return tuple(state for state, other in TRANSITIONS if other is happening)
