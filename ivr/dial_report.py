"""What a carrier says of the last Dial of a call that has ended."""

from __future__ import annotations

from dataclasses import dataclass

from callflows.events import DialResult


@dataclass(frozen=True, slots=True)
class DialReport:
    """`verbs_turn` is the turn whose Dial it was; `address` the contact that answered, ""
    where nobody did; `talk_seconds` counts from the answer."""

    verbs_turn: int
    result: DialResult
    address: str
    talk_seconds: int
