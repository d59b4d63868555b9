"""Workdays of China, holidays and 调休 included, from the package chinesecalendar.

Its data end with the last year the State Council has announced; beyond, Monday to Friday
count as workdays, and the proof warns ahead of time.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import chinese_calendar
from chinese_calendar import constants

CALENDAR_ENDS = date(max(constants.holidays).year, 12, 31)
"""The last day whose holidays are known."""

WARN_BEFORE = timedelta(days=60)


@lru_cache(maxsize=2048)
def is_workday(day: date) -> bool:
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.weekday() < 5
