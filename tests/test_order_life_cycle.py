"""The tables of an order's life: every state with every event."""

from __future__ import annotations

import pytest

from workorders import life_cycle, referral
from workorders.life_cycle import DECISIONS, KINDS, OPEN, STEPS, OutOfPlace, State
from workorders.referral import OutOfTurn, Stage

RECEIVED, HANDLING, ASSESSING, CLOSED = State

MOVES = {
    **{(RECEIVED, kind): HANDLING for kind in DECISIONS},
    (RECEIVED, "assessment_convened"): ASSESSING,
    (HANDLING, "assessment_convened"): ASSESSING,
    (ASSESSING, "assessment_concluded"): HANDLING,
    (HANDLING, "closed"): CLOSED,
    (CLOSED, "reopened"): HANDLING,
}
STAYS = {
    *((state, kind) for state in OPEN for kind in STEPS),
    *((state, kind) for state in (HANDLING, ASSESSING) for kind in DECISIONS),
    (ASSESSING, "assessment_signed"),
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_state_with_every_event(state: State, kind: str) -> None:
    if (state, kind) in MOVES:
        assert life_cycle.after(state, kind) is MOVES[state, kind]
    elif (state, kind) in STAYS:
        assert life_cycle.after(state, kind) is state
    else:
        with pytest.raises(OutOfPlace, match=f"'{kind}' is not possible while the order is"):
            life_cycle.after(state, kind)


@pytest.mark.parametrize("state", State)
def test_what_the_call_tells_is_never_refused(state: State) -> None:
    for kind in ("queued", "answered", "ended", "failed", "recording_made", "forgotten"):
        assert life_cycle.after(state, kind) is state


STAGES = {
    "referral_signed": {Stage.SENT: Stage.SIGNED},
    "referral_refused": {Stage.SENT: Stage.REFUSED, Stage.SIGNED: Stage.REFUSED},
    "referral_replied": {Stage.SIGNED: Stage.REPLIED},
    "dispatch_signed": {Stage.SENT: Stage.SIGNED},
    "dispatch_refused": {Stage.SENT: Stage.REFUSED, Stage.SIGNED: Stage.REFUSED},
    "dispatch_done": {Stage.SIGNED: Stage.DONE},
}


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("kind", STAGES)
def test_every_stage_of_what_was_sent_out(stage: Stage, kind: str) -> None:
    if stage in STAGES[kind]:
        assert referral.after(stage, kind) is STAGES[kind][stage]
    else:
        with pytest.raises(OutOfTurn, match=f"'{kind}' is not possible once it is {stage}"):
            referral.after(stage, kind)
