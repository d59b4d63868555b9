"""Orders for other systems: JSON lines with everything, CSV with one row an order."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from typing import Any, TextIO

from workorders.views import VIEW_FIELDS, View

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_json_lines(views: Iterable[View], output: TextIO) -> int:
    """One object a line, events included. Returns the number of orders."""
    count = 0
    for view in views:
        output.write(json.dumps(view, ensure_ascii=False) + "\n")
        count += 1
    return count


def write_csv(views: Iterable[View], output: TextIO) -> int:
    """A header and one row an order, events left out; lists in a cell are joined by `;`.

    Begins with a byte-order mark, without which Excel takes Chinese for another encoding; a cell
    that Excel would run as a formula is quoted. Returns the number of orders.
    """
    output.write("\ufeff")
    rows = csv.writer(output, lineterminator="\r\n")
    rows.writerow(VIEW_FIELDS)
    count = 0
    for view in views:
        rows.writerow([_cell(view[name]) for name in VIEW_FIELDS])
        count += 1
    return count


def _cell(value: Any) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    if isinstance(value, list):
        text = ";".join(
            each if isinstance(each, str) else json.dumps(each, ensure_ascii=False)
            for each in value
        )
    else:
        text = str(value)
    return f"'{text}" if text.startswith(_STARTS_A_FORMULA) else text
