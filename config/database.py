"""The store: SQLite (embedded default) or PostgreSQL behind one small interface.

Two ways in, both taking a function of a connection: `read` and `write`. A `write` is one
transaction; it returns only after the commit is durable. No connection is ever held while a
carrier performs a verb.

SQLite: all writes pass one writer thread, `BEGIN IMMEDIATE`, several waiting writes sharing one
commit (group commit; each in its own savepoint, so one that fails undoes itself alone).
`synchronous=FULL`: NORMAL loses the last committed orders with the power
(https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, DateTime, Engine, MetaData, create_engine, event, text
from sqlalchemy.engine import Dialect
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeDecorator

T = TypeVar("T")

metadata = MetaData()

WRITES_A_COMMIT = 64


class StoreUnavailable(Exception):
    """The store cannot be reached or cannot commit: serve the caller without it."""


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, in both stores."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without zone must not reach the store")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Store:
    """One database. Open with `Store(url)`; `close()` ends the writer thread and the pool.

    :param url: `sqlite:///path/to/file.db` or `postgresql+psycopg://…`.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.dialect: Literal["sqlite", "postgresql"] = (
            "sqlite" if url.startswith("sqlite") else "postgresql"
        )
        if self.dialect == "sqlite":
            self._engine = create_engine(url, pool_size=16, max_overflow=16)
            _prepare_sqlite(self._engine)
            self._writer: _Writer | None = _Writer(url)
        else:
            self._engine = create_engine(
                url, pool_size=16, max_overflow=16, pool_pre_ping=False, pool_timeout=5,
                connect_args={"connect_timeout": 3},
            )
            self._writer = None

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a snapshot. Raises StoreUnavailable when the store cannot be reached."""
        with _unavailable_as_such(), self._engine.connect() as connection:
            return work(connection)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction and return its result after the commit.

        `work` must touch nothing but its connection: it may be undone. Raises what `work`
        raises (nothing is then written), or StoreUnavailable.
        """
        if self._writer is not None:
            return self._writer.submit(work)
        with _unavailable_as_such(), self._engine.begin() as connection:
            return work(connection)

    def create_all(self) -> None:
        """Create every table known to `metadata` (tests); deployments migrate."""
        metadata.create_all(self._engine)

    @property
    def engine(self) -> Engine:
        """For migrations alone."""
        return self._engine

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._engine.dispose()


def one_at_a_time(connection: Connection, what: int) -> None:
    """Hold the other writers of `what` off until this transaction ends.

    On SQLite there is one writer anyway; on PostgreSQL several engines share the store, and
    fairness of the queue needs that they match in turn.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(12355, :what)"), {"what": what})


class _unavailable_as_such:
    """Driver errors that mean `the store is gone` become StoreUnavailable."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        from sqlalchemy.exc import InterfaceError, OperationalError
        from sqlalchemy.exc import TimeoutError as PoolTimeout

        if isinstance(error, OperationalError | InterfaceError | PoolTimeout):
            raise StoreUnavailable(str(error).splitlines()[0]) from error


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA busy_timeout=5000")
        cursor.close()


class _Writer:
    """The only thread that writes an SQLite store."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, poolclass=NullPool)
        _prepare_sqlite(self._engine)
        self._jobs: queue.SimpleQueue[tuple[Callable[[Connection], Any], Future[Any]] | None] = (
            queue.SimpleQueue()
        )
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Connection], T]) -> T:
        future: Future[T] = Future()
        self._jobs.put((work, future))
        return future.result()

    def close(self) -> None:
        self._jobs.put(None)
        self._thread.join(timeout=10)
        self._engine.dispose()

    def _run(self) -> None:
        connection: Connection | None = None
        while True:
            job = self._jobs.get()
            if job is None:
                break
            batch = [job]
            closing = False
            while len(batch) < WRITES_A_COMMIT:
                try:
                    more = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    closing = True
                    break
                batch.append(more)
            try:
                with _unavailable_as_such():
                    if connection is None:
                        connection = self._engine.connect()
                    self._commit(connection, batch)
            except BaseException as error:  # every waiter must learn of it, whatever it is
                for _work, future in batch:
                    if not future.done():
                        future.set_exception(error)
                if connection is not None:
                    connection.invalidate()
                    connection.close()
                    connection = None
            if closing:
                break
        if connection is not None:
            connection.close()

    @staticmethod
    def _commit(
        connection: Connection, batch: list[tuple[Callable[[Connection], Any], Future[Any]]]
    ) -> None:
        """All of `batch` in one transaction; results are told only after the commit."""
        results: list[tuple[Future[Any], Any, BaseException | None]] = []
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        for work, future in batch:
            connection.exec_driver_sql("SAVEPOINT one")
            try:
                results.append((future, work(connection), None))
            except Exception as error:
                connection.exec_driver_sql("ROLLBACK TO one")
                results.append((future, None, error))
            connection.exec_driver_sql("RELEASE one")
        connection.exec_driver_sql("COMMIT")
        for future, result, error in results:
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
