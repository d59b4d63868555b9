"""What the store promises: durable writes, snapshots, and a plain word when it is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    func,
    insert,
    select,
)
from sqlalchemy.exc import IntegrityError, ProgrammingError

from config.database import Store, StoreUnavailable
from config.statements import Statement
from tests.postgresql import PostgreSQL

_tables = MetaData()
things = Table(
    "things", _tables, Column("id", Integer, primary_key=True), Column("body", LargeBinary)
)
parts = Table("parts", _tables, Column("thing", Integer, ForeignKey("things.id"), primary_key=True))


@pytest.fixture
def things_store(store_url: str) -> Iterator[Store]:
    store = Store(store_url)
    _tables.create_all(store.engine)
    yield store
    store.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    _tables.create_all(store.engine)
    yield store
    store.close()


def adding(number: int, body: bytes = b"") -> Callable[[Connection], int]:
    def work(connection: Connection) -> int:
        connection.execute(insert(things), {"id": number, "body": body})
        return number

    return work


add = Statement(insert(things))


def adding_later(number: int) -> Callable[[Connection], int]:
    def work(connection: Connection) -> int:
        add.later(connection, id=number, body=b"")
        return number

    return work


def count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(things)).scalar_one()


class Together:
    """Makes writes wait for one another, so that they share a commit."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pool = ThreadPoolExecutor(8)
        self._entered, self._go = threading.Event(), threading.Event()
        self._first = self._pool.submit(store.write, self._hold)
        self._entered.wait()

    def _hold(self, _connection: Connection) -> None:
        self._entered.set()
        self._go.wait()

    def results(self, *works: Callable[[Connection], Any]) -> list[Future[Any]]:
        waiting = [self._pool.submit(self._store.write, work) for work in works]
        while self._store._writer.waiting < len(works):
            pass
        self._go.set()
        self._first.result()
        self._pool.shutdown()
        return waiting


def test_failed_work_undoes_itself_alone(things_store: Store) -> None:
    things_store.write(adding(1))

    def half(connection: Connection) -> None:
        adding(2)(connection)
        adding(1)(connection)

    with pytest.raises(IntegrityError):
        things_store.write(half)
    assert things_store.read(count) == 1


def test_a_mistake_in_a_statement_is_not_called_unavailable(things_store: Store) -> None:
    with pytest.raises(Exception, match="nowhere") as raised:
        things_store.write(lambda c: c.exec_driver_sql("SELECT * FROM nowhere"))
    assert not isinstance(raised.value, StoreUnavailable)


def test_read_is_one_snapshot(things_store: Store) -> None:
    def twice(connection: Connection) -> tuple[int, int]:
        before = count(connection)
        things_store.write(adding(1))
        return before, count(connection)

    assert things_store.read(twice) == (0, 0)
    assert things_store.read(count) == 1


def test_read_cannot_write(things_store: Store) -> None:
    with pytest.raises(StoreUnavailable):
        things_store.read(adding(1))
    assert things_store.read(count) == 0


def test_neighbours_in_a_commit_are_independent(things_store: Store) -> None:
    def gives_up(connection: Connection) -> None:
        add.later(connection, id=7, body=b"")
        raise LookupError

    one, again, two, none = Together(things_store).results(
        adding(1), adding(1), adding_later(2), gives_up
    )
    outcomes = sorted(type(future.exception()).__name__ for future in (one, again))
    assert outcomes == ["IntegrityError", "NoneType"]
    assert two.result() == 2
    assert isinstance(none.exception(), LookupError)
    assert things_store.read(count) == 2


def test_failed_commit_is_told_to_every_waiter(sqlite: Store) -> None:
    def orphan(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        connection.execute(insert(parts), {"thing": 99})

    for future in Together(sqlite).results(adding(1), orphan, adding(2)):
        assert isinstance(future.exception(), IntegrityError)
    assert sqlite.read(count) == 0
    sqlite.write(adding(3))
    assert sqlite.read(count) == 1


def test_full_disk(sqlite: Store) -> None:
    def full(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count=1")
        adding(2, bytes(100_000))(connection)

    for future in Together(sqlite).results(adding(1), full, adding(3)):
        assert isinstance(future.exception(), StoreUnavailable)
    sqlite.write(adding(4))
    assert sqlite.read(count) == 1


def test_another_process_holding_the_lock(sqlite: Store) -> None:
    other = Store(sqlite.url)
    sqlite.write(lambda c: c.exec_driver_sql("PRAGMA busy_timeout=1"))
    with other.engine.begin(), pytest.raises(StoreUnavailable, match="locked"):
        sqlite.write(adding(1))
    sqlite.write(adding(1))
    other.close()


def test_folder_missing(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'missing' / 'store.db'}")
    for use in (store.read, store.write):
        with pytest.raises(StoreUnavailable):
            use(count)
    (tmp_path / "missing").mkdir()
    _tables.create_all(store.engine)
    store.write(adding(1))
    store.close()


def test_not_a_database(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("these are my holiday notes, not a database " * 50)
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    with pytest.raises(StoreUnavailable):
        store.write(adding(1))
    store.close()


def test_read_only_file(sqlite: Store) -> None:
    path = sqlite.url.removeprefix("sqlite:///")
    store = Store(f"sqlite:///file:{path}?mode=ro&uri=true")
    with pytest.raises(StoreUnavailable, match="readonly"):
        store.write(adding(1))
    store.close()


def test_closed_store_refuses_at_once(sqlite: Store) -> None:
    sqlite.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        sqlite.write(adding(1))


def test_write_inside_a_write_is_named(sqlite: Store) -> None:
    with pytest.raises(RuntimeError, match="inside"):
        sqlite.write(lambda _c: sqlite.write(adding(1)))


def test_number_of_threads(things_store: Store) -> None:
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda n: things_store.write(adding(n)), range(200)))
    assert things_store.read(count) == 200


@pytest.fixture
def server() -> Iterator[PostgreSQL]:
    server = PostgreSQL()
    yield server
    server.remove()


@pytest.mark.postgresql
def test_restarted_server_costs_no_call(server: PostgreSQL) -> None:
    store = Store(server.new_database())
    _tables.create_all(store.engine)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.write(adding(n)), range(40)))
        server.stop()
        with pytest.raises(StoreUnavailable):
            store.write(adding(100))
        with pytest.raises(StoreUnavailable):
            store.read(count)
        server.start()
        list(pool.map(lambda n: store.write(adding(n)), range(40, 80)))
    server.stop()
    server.start()
    assert store.read(count) == 80
    server.stop()
    server.start()
    store.write(adding(200))

    def dies_in_the_middle(connection: Connection) -> None:
        adding(300)(connection)
        times.append(1)
        if len(times) == 1:
            connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    times: list[int] = []
    store.write(dies_in_the_middle)
    assert store.read(count) == 82
    store.close()


@pytest.mark.postgresql
def test_a_server_that_hangs_is_given_up_and_used_again(server: PostgreSQL) -> None:
    store = Store(server.new_database())
    _tables.create_all(store.engine)
    store.answer_seconds = 0.5
    store.write(adding(1))
    with server.hung():
        with pytest.raises(StoreUnavailable, match="has not answered"):
            store.write(adding(2))
        # On a new connection, which the kernel accepts for the server.
        with pytest.raises(StoreUnavailable):
            store.write(adding(3))
        with pytest.raises(StoreUnavailable):
            store.read(count)
    store.write(adding(4))
    assert store.read(count) == 2
    store.close()


@pytest.mark.postgresql
def test_unknown_table_is_a_mistake(server: PostgreSQL) -> None:
    store = Store(server.new_database())
    with pytest.raises(ProgrammingError):
        store.read(count)
    store.close()
