"""An act is done once. Every form that is shown has a name of its own, and the events of an act
keep the name of the form that it came by: the same form pressed twice is one act. Another form is
another act, by whomever and however alike: a second report of harm is never taken for the first.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from workorders.canonical import canonical
from workorders.life import Case, NotPossible
from workorders.log import OrderForgotten
from workorders.order import order_events


class SaysOtherwise(NotPossible):
    """The same form did something else before; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it came back. `name`: empty for one that has none, which is always a new one.
    `words`: all that was written in it."""

    name: str
    words: Mapping[str, Any]


def new_name() -> str:
    """For a form that is going to be shown; nobody can guess it."""
    return secrets.token_urlsafe(12)


def done_before(case: Case, form: Form) -> Mapping[str, Any] | None:
    """What the first event says of what this very form did already. None where it did nothing yet:
    what is recorded from now on is done by it.

    Raises SaysOtherwise.
    """
    if not form.name:
        return None
    said = _digest(case, form)
    before = _done_by(case, form.name)
    if before is None:
        case.form = {"name": form.name, "said": said}
    elif said and before["form"]["said"] != said:
        raise SaysOtherwise("form: it was sent before and said something else")
    return before


def _done_by(case: Case, name: str) -> Mapping[str, Any] | None:
    e = order_events.c
    query = select(e.data).where(e.order_no == case.order_no, e.data.contains('"form":{'))
    for written in case.connection.execute(query.order_by(e.seq)).scalars():
        data: dict[str, Any] = json.loads(written)
        if data.get("form", {}).get("name") == name:
            return data
    return None


def _digest(case: Case, form: Form) -> str:
    """With the order's key: it tells nobody anything once that is gone."""
    try:
        key = case.log.order_key(case.connection, case.order_no)
    except OrderForgotten:
        return ""
    return key.digest("form", canonical(form.words))
