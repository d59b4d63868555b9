"""What leaves the house: referrals 转介 to other authorities, dispatches 派单 to offline stations
and partners. One pure transition table for both."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    SENT = "sent"
    SIGNED = "signed"
    """签收."""
    REFUSED = "refused"
    """退单, with a reason."""
    REPLIED = "replied"
    """回执: a referral came back with what was done."""
    DONE = "done"
    """线下办结: a dispatch was carried out."""


UNDER_WAY = (Stage.SENT, Stage.SIGNED)


class OutOfTurn(ValueError):
    """What happened doesn't fit the stage; nothing was changed."""

    def __init__(self, stage: Stage, kind: str) -> None:
        super().__init__(f"{kind!r} is not possible once it is {stage}")


TRANSITIONS: dict[tuple[Stage, str], Stage] = {
    (Stage.SENT, "referral_signed"): Stage.SIGNED,
    (Stage.SENT, "referral_refused"): Stage.REFUSED,
    (Stage.SIGNED, "referral_refused"): Stage.REFUSED,
    (Stage.SIGNED, "referral_replied"): Stage.REPLIED,
    (Stage.SENT, "dispatch_signed"): Stage.SIGNED,
    (Stage.SENT, "dispatch_refused"): Stage.REFUSED,
    (Stage.SIGNED, "dispatch_refused"): Stage.REFUSED,
    (Stage.SIGNED, "dispatch_done"): Stage.DONE,
}


def after(stage: Stage, kind: str) -> Stage:
    """The stage that follows. Raises OutOfTurn."""
    try:
        return TRANSITIONS[stage, kind]
    except KeyError:
        raise OutOfTurn(stage, kind) from None
