"""Drafts of an order's form, saved while it is typed: they survive a crashed browser, and are no
events until the form is saved.

One draft an author and order, so that a colleague's typing never overwrites another's; encrypted
with the order's key. A save names the version it began with: two tabs of one author cannot
overwrite each other unseen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from workorders.log import Log
from workorders.order import orders
from workorders.personal import order_drafts


@dataclass(frozen=True, slots=True)
class Draft:
    """`form` as the page gave it, checked by nobody yet; personal."""

    author: str
    version: int
    saved_at: datetime
    form: Mapping[str, Any]


class DraftChanged(Exception):
    """Another tab saved meanwhile; nothing was overwritten. `draft` is what stands now, None where
    it was saved as a form or thrown away."""

    def __init__(self, draft: Draft | None) -> None:
        super().__init__("the draft was changed elsewhere")
        self.draft = draft


def save_draft(
    connection: Connection,
    log: Log,
    order_no: str,
    author: str,
    at: datetime,
    form: Mapping[str, Any],
    version: int,
) -> int:
    """Keep what was typed; its version.

    :param version: the one this began with, 0 where there was none.

    Raises DraftChanged, OrderUnknown, OrderForgotten.
    """
    key = log.order_key(connection, order_no)
    # On PostgreSQL two tabs may save at once: they take turns at the order.
    connection.execute(
        select(orders.c.order_no).where(orders.c.order_no == order_no).with_for_update()
    )
    found = connection.execute(
        select(order_drafts.c.version).where(_of(order_no, author))
    ).scalar_one_or_none()
    if (found or 0) != version:
        raise DraftChanged(draft_of(connection, log, order_no, author))
    kept = {
        "version": version + 1,
        "saved_at": at,
        "form": key.encrypt(_place(author), json.dumps(form)),
    }
    if found is None:
        connection.execute(insert(order_drafts).values(order_no=order_no, author=author, **kept))
    else:
        connection.execute(update(order_drafts).where(_of(order_no, author)).values(kept))
    return version + 1


def draft_of(connection: Connection, log: Log, order_no: str, author: str) -> Draft | None:
    """What the author typed and never saved as a form. Raises as `drafts_of`."""
    found = [each for each in drafts_of(connection, log, order_no) if each.author == author]
    return found[0] if found else None


def drafts_of(connection: Connection, log: Log, order_no: str) -> list[Draft]:
    """Every author's: after a handover the next handler reads what was typed. Raises OrderUnknown,
    OrderForgotten, Unreadable."""
    key = log.order_key(connection, order_no)
    return [
        Draft(
            row.author,
            row.version,
            row.saved_at,
            json.loads(key.decrypt(_place(row.author), row.form)),
        )
        for row in connection.execute(
            select(order_drafts)
            .where(order_drafts.c.order_no == order_no)
            .order_by(order_drafts.c.author)
        )
    ]


def save_form(
    connection: Connection,
    log: Log,
    order_no: str,
    author: str,
    at: datetime,
    form: Mapping[str, Any],
) -> None:
    """The form is saved: an event, and the author's draft is gone. Raises as `Log.fill_in`."""
    log.fill_in(connection, order_no, at, author, form)
    throw_away(connection, order_no, author)


def throw_away(connection: Connection, order_no: str, author: str) -> None:
    connection.execute(delete(order_drafts).where(_of(order_no, author)))


def _of(order_no: str, author: str) -> Any:
    return (order_drafts.c.order_no == order_no) & (order_drafts.c.author == author)


def _place(author: str) -> str:
    return f"draft/{author}"
