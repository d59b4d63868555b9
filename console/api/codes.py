"""Values in requests and answers: codes that a deployment configures, instants, texts."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic_core import CoreSchema, core_schema

from agents.dialled_codes import CODES
from workorders.unified_fields import unified_fields

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class Model(BaseModel):
    """What a request holds: nothing unknown, nothing guessed from another type."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What an answer holds."""

    model_config = ConfigDict(frozen=True, json_schema_mode_override="serialization")


@dataclass(frozen=True, slots=True)
class OneOf:
    """A text that is one of these; they are read when they are needed first."""

    codes: Callable[[], Collection[str]]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._known, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        found: dict[str, Any] = handler(schema)
        return {**found, "enum": list(self.codes())}

    def _known(self, value: str) -> str:
        codes = self.codes()
        if value not in codes:
            raise ValueError(f"{value[:40]!r} is not one of {' '.join(codes)}")
        return value


def choice(name: str) -> OneOf:
    """A unified field of one value."""
    return OneOf(lambda: unified_fields().choices[name])


CAUSE = OneOf(lambda: unified_fields().cause_names)
GROUP = OneOf(lambda: unified_fields().several["groups"])
OUTCOME = OneOf(lambda: unified_fields().several["outcomes"])
NOT_A_CONSULTATION = OneOf(lambda: unified_fields().causes["非咨询"])
RESULT = OneOf(lambda: unified_fields().follow_up_results)
TARGET = OneOf(lambda: unified_fields().referral_targets)
REPORTED_TO = OneOf(lambda: unified_fields().report_targets)
CHANNEL = OneOf(lambda: unified_fields().report_channels)
CHECKED = OneOf(lambda: unified_fields().report_checklist)
PAUSE = OneOf(lambda: sorted({code.reason for code in CODES.values() if code.reason}))


def _of_our_time(at: datetime) -> datetime:
    if not EARLIEST <= at < LATEST:
        raise ValueError("an instant of this century, as 2026-11-24T04:00:00Z")
    return at.astimezone(UTC)


Utc = Annotated[
    AwareDatetime,
    AfterValidator(_of_our_time),
    Field(description="RFC 3339; answers are in UTC.", examples=["2026-11-24T04:00:00Z"]),
]
OrderNo = Annotated[str, Field(pattern=r"^[0-9]{8}-[0-9]{6,12}$", examples=["20261124-000017"])]
Region = Annotated[str, Field(pattern=r"^[0-9]{6}$", description="GB/T 2260", examples=["440100"])]
Text = Annotated[str, Field(pattern=r"\S", max_length=5000)]
Line = Annotated[str, Field(pattern=r"\S", max_length=500)]
Several = Annotated[int, Field(ge=1, le=100)]
"""How many of a list at once."""
