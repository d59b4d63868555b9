"""Compiled statements do on both stores what SQLAlchemy would, in the order they were given."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Date,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    func,
    insert,
    select,
    update,
)

from config.database import Instant, Store, StoreUnavailable
from config.statements import Statement

_tables = MetaData()
things = Table(
    "things",
    _tables,
    Column("id", Integer, primary_key=True),
    Column("name", String),
    Column("at", Instant),
    Column("day", Date),
    Column("body", LargeBinary),
    Column("good", Boolean),
    Column("more", JSON(none_as_null=True)),
)
NOON = datetime(2026, 6, 7, 4, 0, 0, 250_000, UTC)
FULL = {
    "id": 1, "name": "a'b%s:c", "at": NOON, "day": date(2026, 6, 7), "body": b"\0\xff",
    "good": True, "more": {"字": [1, None]},
}  # fmt: skip

add = Statement(insert(things))
add_named = Statement(insert(things).values(id=bindparam("id_"), name=bindparam("name_")))
everything = Statement(select(things).order_by(things.c.id))
of_name = Statement(select(things.c.id).where(things.c.name == bindparam("called")))
rename = Statement(
    update(things).where(things.c.id == bindparam("which")).values(name=bindparam("new"))
)
bad = Statement(
    update(things)
    .where(things.c.good.is_(True), things.c.day == date(2026, 6, 7))
    .values(good=None)
)
how_many = Statement(select(func.count()).select_from(things))


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    opened = Store(store_url)
    _tables.create_all(opened.engine)
    yield opened
    opened.close()


def test_every_type_comes_back_as_it_went_in(store: Store) -> None:
    empty = dict.fromkeys(FULL) | {"id": 2}
    store.write(lambda c: add.later_all(c, [FULL, empty]))
    assert store.read(everything.rows) == [tuple(FULL.values()), tuple(empty.values())]

    def by_sqlalchemy(connection: Connection) -> list[Any]:
        return [tuple(row) for row in connection.execute(select(things).order_by(things.c.id))]

    assert store.read(by_sqlalchemy) == store.read(everything.rows)


def test_what_is_done_later_is_done_before_what_comes_next(store: Store) -> None:
    def work(connection: Connection) -> None:
        add_named.later(connection, id_=1, name_="first")
        assert of_name.scalar(connection, called="first") == 1
        rename.later(connection, which=1, new="second")
        assert of_name.first(connection, called="first") is None
        rename.later(connection, which=1, new="third")
        # SQLAlchemy's own statements keep their place, too.
        assert connection.execute(select(things.c.name)).scalar() == "third"
        rename.later(connection, which=1, new="last")

    store.write(work)
    assert store.read(lambda c: of_name.rows(c, called="last")) == [(1,)]


def test_changed_rows_are_counted(store: Store) -> None:
    def work(connection: Connection) -> tuple[int, int, int]:
        add.later(connection, **FULL)
        return (
            rename.run(connection, which=1, new="x"),
            rename.run(connection, which=9, new="x"),
            bad.run(connection),
        )

    assert store.write(work) == (1, 0, 1)


def test_a_failed_later_undoes_all_and_nothing_of_it_stays_behind(store: Store) -> None:
    def twice(connection: Connection) -> None:
        add_named.later(connection, id_=1, name_="a")
        add_named.later(connection, id_=1, name_="a")
        add_named.later(connection, id_=2, name_="b")

    for _ in range(2):
        with pytest.raises(Exception, match=r"(?i)unique") as raised:
            store.write(twice)
        assert not isinstance(raised.value, StoreUnavailable)
    assert store.read(how_many.scalar) == 0

    def gives_up(connection: Connection) -> None:
        add_named.later(connection, id_=3, name_="c")
        raise LookupError

    with pytest.raises(LookupError):
        store.write(gives_up)
    store.write(lambda c: add_named.later(c, id_=4, name_="d"))
    assert store.read(everything.rows) == [(4, "d", None, None, None, None, None)]


def test_a_parameter_that_is_missing_is_a_mistake(store: Store) -> None:
    with pytest.raises(KeyError):
        store.write(lambda c: rename.run(c, which=1))
