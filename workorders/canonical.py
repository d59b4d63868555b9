"""The one spelling of what is marked: whatever differs here, differs in truth."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
"""Time as people read it."""

NO_MARK = bytes(32)
"""Stands before the first mark of a chain."""


def instant(at: datetime) -> str:
    """UTC with microseconds."""
    if at.tzinfo is None:
        raise ValueError("a time without zone must not reach the log")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def canonical(value: Any) -> str:
    """JSON in one way only. ASCII, since not every string is valid UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_spelt)


def _spelt(value: Any) -> str:
    if isinstance(value, datetime):
        return instant(value)
    raise TypeError(f"an event cannot hold a {type(value).__name__}")
