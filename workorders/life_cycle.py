"""The life of an order: one pure transition table. An event out of place changes nothing.

What the call itself tells (`queued`, `answered`, `ended` …) is always in place and leaves the
state as it is: a call isn't lost because its order was closed.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    RECEIVED = "received"
    """受理: nobody has said yet what becomes of it."""
    HANDLING = "handling"
    """办理中: decided, and not everything is done."""
    ASSESSING = "assessing"
    """联合研判中: several stations are asked for their word."""
    CLOSED = "closed"
    """办结."""


OPEN = (State.RECEIVED, State.HANDLING, State.ASSESSING)


class OutOfPlace(ValueError):
    """What happened doesn't fit the state; nothing was changed."""

    def __init__(self, state: State, kind: str) -> None:
        super().__init__(f"{kind!r} is not possible while the order is {state}")
        self.state = state
        self.kind = kind


DECISIONS = frozenset({
    "answered_directly", "appointed", "referred", "dispatched", "reported", "outcome_recorded",
    "classed_non_consultation",
})  # fmt: skip
"""Say what becomes of an order."""

STEPS = frozenset({
    "handed_in", "noted",
    "form_filled", "risk_assessed", "risk_lowering_proposed", "reviewed", "supervised",
    "harm_suspected", "guardian_cleared", "receipt_given", "appointment_kept", "appointment_missed",
    "referral_signed", "referral_refused", "referral_replied",
    "dispatch_signed", "dispatch_refused", "dispatch_done", "follow_up_planned", "followed_up",
    "handover_offered", "handover_accepted", "handover_declined", "handler_released",
    "reminded", "escalated",
    "crisis_declared", "crisis_dropped", "drop_seen_to", "colleague_asked", "colleague_reported",
    "alarm_taken", "message_waits", "message_heard", "safe_to_end", "silent_ended",
    "incident_placed", "harassment_warned", "slowing_asked", "slowing_approved", "slowing_declined",
    "identity_checked", "contact_plan_written",
})  # fmt: skip
"""Are possible as long as an order is open."""

TRANSITIONS: dict[tuple[State, str], State] = {
    **{(state, kind): state for state in OPEN for kind in STEPS},
    **{(State.RECEIVED, kind): State.HANDLING for kind in DECISIONS},
    **{(State.HANDLING, kind): State.HANDLING for kind in DECISIONS},
    # Nobody waits for an assessment to help a child.
    **{(State.ASSESSING, kind): State.ASSESSING for kind in DECISIONS},
    (State.RECEIVED, "assessment_convened"): State.ASSESSING,
    (State.HANDLING, "assessment_convened"): State.ASSESSING,
    (State.ASSESSING, "assessment_signed"): State.ASSESSING,
    (State.ASSESSING, "assessment_concluded"): State.HANDLING,
    (State.HANDLING, "closed"): State.CLOSED,
    (State.CLOSED, "reopened"): State.HANDLING,
}

KINDS = frozenset(kind for _, kind in TRANSITIONS)
"""The events that this table judges."""


def after(state: State, kind: str) -> State:
    """The state that follows. Raises OutOfPlace."""
    if kind not in KINDS:
        return state
    try:
        return TRANSITIONS[state, kind]
    except KeyError:
        raise OutOfPlace(state, kind) from None
