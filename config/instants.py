"""Instants as people write them on the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

PEOPLE_TIME = ZoneInfo("Asia/Shanghai")


class When(click.ParamType[datetime]):
    """An instant as people write it; without a zone it is Shanghai's."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time: write 2026-06-07T21:00+08:00", param, ctx)
        return (at if at.tzinfo else at.replace(tzinfo=PEOPLE_TIME)).astimezone(UTC)
