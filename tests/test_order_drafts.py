"""What is typed survives, unseen by others, and is never overwritten unseen."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from config.database import Store
from tests.order_life import FORM, MONDAY, Desk
from workorders.drafts import DraftChanged, draft_of, drafts_of, save_draft, save_form
from workorders.log import Log, OrderForgotten, OrderUnknown
from workorders.verify import verify


@pytest.fixture
def desk(store: Store, log: Log) -> Desk:
    return Desk(store, log)


def types(desk: Desk, form: Any, version: int, author: str = "counselor:1") -> int:
    return desk.store.write(
        lambda c: save_draft(c, desk.log, desk.order_no, author, MONDAY, form, version)
    )


def test_a_draft_survives_and_is_no_event(desk: Desk) -> None:
    before = len(desk.view["events"])
    assert types(desk, {"summary": "她说"}, 0) == 1
    assert types(desk, {"summary": "她说，父亲"}, 1) == 2
    again = Store(desk.store.url)  # the process that was typed into is gone
    kept = again.read(lambda c: draft_of(c, desk.log, desk.order_no, "counselor:1"))
    again.close()
    assert kept is not None
    assert (kept.form, kept.version, kept.saved_at) == ({"summary": "她说，父亲"}, 2, MONDAY)
    assert len(desk.view["events"]) == before
    assert verify(desk.store, desk.log.keys, Path("nowhere")) == []


def test_two_tabs_never_overwrite_each_other_unseen(desk: Desk) -> None:
    def tab(number: int) -> str:
        try:
            types(desk, {"tab": number}, 0)
        except DraftChanged as changed:
            return f"sees {changed.draft.form['tab'] if changed.draft else None}"
        return f"kept {number}"

    with ThreadPoolExecutor(4) as pool:
        said = sorted(pool.map(tab, range(4)))
    kept = said[0].removeprefix("kept ")
    assert said[1:] == [f"sees {kept}"] * 3


def test_each_author_types_alone(desk: Desk) -> None:
    types(desk, {"summary": "一"}, 0)
    types(desk, {"summary": "二"}, 0, "counselor:2")
    every = desk.store.read(lambda c: drafts_of(c, desk.log, desk.order_no))
    assert [(each.author, each.form["summary"]) for each in every] == [
        ("counselor:1", "一"),
        ("counselor:2", "二"),
    ]


def test_a_saved_form_ends_its_draft(desk: Desk) -> None:
    types(desk, FORM, 0)

    def save(form: dict[str, str]) -> None:
        desk.store.write(
            lambda c: save_form(c, desk.log, desk.order_no, "counselor:1", MONDAY, form)
        )

    with pytest.raises(ValueError, match="is not one of"):
        save(FORM | {"sex": "?"})
    assert desk.store.read(lambda c: drafts_of(c, desk.log, desk.order_no))
    save(FORM)
    assert desk.view["sex"] == "女"
    assert desk.store.read(lambda c: drafts_of(c, desk.log, desk.order_no)) == []
    with pytest.raises(DraftChanged) as raised:
        types(desk, {"summary": "a tab left open"}, 1)
    assert raised.value.draft is None


def test_drafts_are_sealed_and_forgotten(desk: Desk, log: Log) -> None:
    types(desk, {"summary": "机密"}, 0)
    rows = desk.store.read(lambda c: repr(c.execute(text("SELECT * FROM order_drafts")).all()))
    assert "机密" not in rows
    assert "summary" not in rows
    desk.store.write(lambda c: log.forget(c, desk.order_no, MONDAY, "admin:1", "asked"))
    assert not desk.store.read(lambda c: c.execute(text("SELECT * FROM order_drafts")).all())
    with pytest.raises(OrderForgotten):
        types(desk, {}, 0)
    desk.order_no = "20261124-999999"
    with pytest.raises(OrderUnknown):
        types(desk, {}, 0)
