"""Working days of China, holidays and 调休 included, from the package chinesecalendar; beyond the
last year announced, Monday to Friday."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import lru_cache

import chinese_calendar

from workorders.canonical import SHANGHAI


@lru_cache(maxsize=2048)
def is_working_day(day: date) -> bool:
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5


def end_of_working_day(start: datetime, days: int) -> datetime:
    """When the last of so many working days after `start` ends, at midnight in Shanghai. The day
    of `start` isn't counted (民法典 第201条)."""
    day = start.astimezone(SHANGHAI).date()
    while days:
        day += timedelta(days=1)
        days -= is_working_day(day)
    return datetime.combine(day + timedelta(days=1), time(), SHANGHAI)
