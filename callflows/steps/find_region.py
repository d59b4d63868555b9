"""The step `find_region`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from callflows.call import Call
from callflows.data_dips import FindRegion
from callflows.events import Event, RegionFound, RegionUnknown
from callflows.steps.step import Asked, Exit, Heard, Step


class FindRegionStep(Step):
    """Find the caller's region, and keep it with its source and confidence.

    `by: access` looks at the trunk the call came in on, `by: number` at the caller's number (a
    hint only), `by: stated` at what the caller typed, named by `digits`. No region question
    stands before the queue: use `stated` only where a human is not waited for.

    Exits: `found`, `unknown`.

    Example:

        look_up_region:
          type: find_region
          by: stated
          digits: area_code
          exits:
            found: confirm
            unknown: anyone
    """

    type: Literal["find_region"]
    by: Literal["access", "number", "stated"]
    digits: Annotated[str, Field(pattern=r"^[a-z][a-z_]*$")] | None = None

    EXITS = ("found", "unknown")

    @model_validator(mode="after")
    def _digits_for_stated_only(self) -> Self:
        if (self.by == "stated") != (self.digits is not None):
            raise ValueError("digits goes with `by: stated`, and only with it")
        return self

    def ask(self, call: Call) -> Asked:
        return FindRegion(self.by, call.value(self.digits) if self.digits else None)

    def hear(self, call: Call, event: Event) -> Heard:
        if isinstance(event, RegionFound):
            known = call.with_values(
                region=event.region,
                region_name=event.name,
                region_source=event.source,
                region_confidence=event.confidence,
            )
            return Exit("found", known)
        if isinstance(event, RegionUnknown):
            return Exit("unknown", call)
        return None
