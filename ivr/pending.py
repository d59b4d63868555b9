"""What a carrier is to perform next for one call, and how it came to the house."""

from __future__ import annotations

from dataclasses import dataclass

from callflows.verbs import Verb


@dataclass(frozen=True, slots=True)
class OfferedCall:
    """A call as the carrier brought it. `caller_id` is what the carrier said, E.164 or not;
    None when withheld. `channel` is the carrier's own name for the live leg. `came_by`: what the
    order's channel is, where that isn't the carrier; `stated_region`: what the caller chose."""

    call_id: str
    carrier: str
    channel: str
    access_number: str
    caller_id: str | None
    caller_name: str | None = None
    came_by: str | None = None
    stated_region: str | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """Verbs committed and not yet performed.

    `turn` fences: whoever answers with another turn is told StaleTurn. `verbs_turn` is the turn
    that decided on these verbs: it stays the same when another engine takes the call over, so a
    Dial begun for it is known again. `crisis` is true of a silent call too; `star_counts` where
    `*` would still raise the call, `recorded` where the caller has been told that talks are.
    """

    call_id: str
    turn: int
    verbs_turn: int
    order_no: str
    verbs: tuple[Verb, ...]
    crisis: bool = False
    resumed: bool = False
    star_counts: bool = True
    recorded: bool = False


class StaleTurn(Exception):
    """Another engine has the call: stop, send nothing."""
