"""Lists, page by page, as every list resource gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime
from urllib.parse import urlencode


def page(
    key: str, items: Sequence[object], path: str, query: Mapping[str, str]
) -> dict[str, object]:
    """Call resource, read: 50 a page unless PageSize says otherwise."""
    size, number = int(query.get("PageSize", "50")), int(query.get("Page", "0"))
    shown = items[number * size : (number + 1) * size]

    def address(which: int) -> str:
        return f"{path}?{urlencode({**query, 'PageSize': size, 'Page': which})}"

    return {
        key: list(shown),
        "page": number,
        "page_size": size,
        "start": number * size,
        "end": max(number * size, number * size + len(shown) - 1),
        "uri": address(number),
        "first_page_uri": address(0),
        "next_page_uri": address(number + 1) if (number + 1) * size < len(items) else None,
        "previous_page_uri": address(number - 1) if number else None,
    }


def in_time(moment: datetime, name: str, query: Mapping[str, str]) -> bool:
    """Call resource, read: on a day (name), on or after (name>), before (name<), in UTC."""
    if exact := query.get(name):
        begin = _moment(exact)
        if not begin <= moment < begin + timedelta(days=1):
            return False
    if (after := query.get(f"{name}>")) and moment < _moment(after):
        return False
    before = query.get(f"{name}<")
    return not before or moment < _moment(before)


def _moment(text: str) -> datetime:
    if len(text) == len("2026-11-24"):
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def stamp(moment: datetime | None) -> str | None:
    """TwiML for Programmable Voice, dates and times: RFC 2822, in GMT."""
    return format_datetime(moment) if moment else None
