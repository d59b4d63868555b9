"""The store: SQLite (embedded default) or PostgreSQL behind one small interface.

Two ways in, both taking a function of a connection: `read` and `write`. A `write` is one
transaction; it returns only after the commit is durable. No connection is ever held while a
carrier performs a verb.

A process writes one transaction at a time, and writes that wait share one (`config.group_commit`;
each in a savepoint of its own, so one that fails undoes itself alone). SQLite has one writer
anyway, and on PostgreSQL all that matters is done under one lock: there each commit shared is a
wait for the disk that nobody else has to wait for.

SQLite: `BEGIN IMMEDIATE`, and `synchronous=FULL`: NORMAL loses the last committed orders with the
power (https://www.sqlite.org/pragma.html#pragma_synchronous).

PostgreSQL: work that lost its connection or a deadlock before its commit was sent has left nothing
behind, so it is done once more on a fresh connection: a restarted server costs no call. A
connection lost during the commit is never retried, for it may have been heard; nor is one on which
a server that hangs was silent, for the caller has waited long enough.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, DateTime, Engine, MetaData, create_engine, event, text
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeDecorator

from config.group_commit import Closed, GroupCommit, Outcome, Work
from config.postgresql import NoAnswer, postgresql_engine
from config.reserve import Reserve
from config.statements import Statement, begin_waiting, drop_waiting, send_waiting
from config.turns import NoTurn, Turns

T = TypeVar("T")

metadata = MetaData()

LOCK_SECONDS = 5
READS_AT_ONCE = 8
MATCHING = 1
"""What `one_at_a_time` holds whenever a counselor's presence or the queue changes. It is taken
before any row is touched, so that two engines never wait for each other."""


class StoreUnavailable(Exception):
    """The store cannot be reached or cannot commit: serve the caller without it."""


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, in both stores; in SQLite as text, as SQLAlchemy writes it."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any]:
        as_text = dialect.name == "sqlite"

        def process(value: datetime | None) -> Any:
            if value is None:
                return None
            if value.tzinfo is None:
                raise ValueError("a time without zone must not reach the store")
            value = value.astimezone(UTC)
            if as_text:
                return value.replace(tzinfo=None).isoformat(" ", "microseconds")
            return value

        return process

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], datetime | None]:
        if dialect.name == "sqlite":
            return lambda value: value and datetime.fromisoformat(value + "+00:00")
        return lambda value: value and value.astimezone(UTC)


class Store:
    """One database. `Store(url)` doesn't connect yet; `close()` finishes the writes that wait.

    `engine` is for migrations alone.

    :param url: `sqlite:///path/to/file.db` or `postgresql+psycopg://…`.
    :param reserve: what is left of the disk for others when the store cannot commit. SQLite
        writes nothing while it isn't whole; PostgreSQL may have a disk of its own.
    """

    def __init__(self, url: str, reserve: Reserve | None = None) -> None:
        self.url = url
        self._reserve = reserve
        self.writes = 0
        """How many have been committed, about: shows whether they go on."""
        self.answer_seconds: float | None = None
        """How long PostgreSQL may take to answer. None: as long as it takes, for migrations and
        reports; who serves calls sets it."""
        self.dialect: Literal["sqlite", "postgresql"] = (
            "sqlite" if url.startswith("sqlite") else "postgresql"
        )
        if self.dialect == "sqlite":
            self._readers: Engine = _sqlite_engine(url, "BEGIN", read_only=True)
            self.engine: Engine = _sqlite_engine(url, "BEGIN IMMEDIATE", read_only=False)
        else:
            self._readers, self.engine = (
                postgresql_engine(
                    url, connections, lambda: self.answer_seconds, read_only=read_only
                )
                for connections, read_only in ((READS_AT_ONCE, True), (1, False))
            )
        self._reading = Turns(READS_AT_ONCE, LOCK_SECONDS)
        self._writer = _Writer(self.engine)

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one snapshot, which it cannot write to. Raises what `work` raises, or
        StoreUnavailable."""

        def attempt() -> T:
            with self._readers.connect() as connection:
                return _attempt(connection, work)

        with _unavailable_as_such(), self._reading.turn():
            return _twice(attempt)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction and return its result after the commit.

        `work` must touch nothing but its connection: it may be undone, or done twice. Raises
        what `work` raises (nothing is then written), or StoreUnavailable.
        """
        try:
            result = self._write(work)
        except StoreUnavailable:
            if self._reserve is not None:
                self._reserve.give()
            raise
        self.writes += 1
        return result

    def _write(self, work: Callable[[Connection], T]) -> T:
        room = self._reserve is None or self._reserve.whole()
        if self.dialect == "sqlite" and not room:
            raise StoreUnavailable("the disk is full: what is left of it is the spool's")
        with _unavailable_as_such():
            return self._writer.submit(work)

    def create_all(self) -> None:
        """Create every table known to `metadata` (tests); deployments migrate."""
        with _unavailable_as_such():
            metadata.create_all(self.engine)

    def close(self) -> None:
        self._writer.close()
        self._readers.dispose()
        self.engine.dispose()


def one_at_a_time(connection: Connection, what: int) -> None:
    """Hold the other writers of `what` off from this connection's next statement on, until its
    transaction ends.

    On SQLite nobody else writes anyway; on PostgreSQL several engines share the store, and fairness
    of the queue needs that they match in turn.
    """
    if connection.dialect.name == "postgresql":
        _take_lock.later(connection, what=what)


_take_lock = Statement(text("SELECT pg_advisory_xact_lock(12355, :what)"))


def _twice(attempt: Callable[[], T]) -> T:
    try:
        return attempt()
    except _Undone:
        try:
            return attempt()
        except _Undone as error:
            raise error.cause from error


def _attempt(connection: Connection, work: Callable[[Connection], T]) -> T:
    committing = False
    with connection.begin():
        try:
            begin_waiting(connection)
            result = work(connection)
            committing = True
            send_waiting(connection, commit=True)
        except (DBAPIError, psycopg.Error) as error:
            lost = _lost(connection)
            if lost:
                connection.invalidate()
            again = lost and not committing and not isinstance(_of_driver(error), NoAnswer)
            if again or _sqlstate(error) in ("40001", "40P01"):
                raise _Undone(error) from error
            raise
        return result


def _lost(connection: Connection) -> bool:
    """Has SQLAlchemy, or the driver, lost its connection?"""
    if connection.invalidated:
        return True
    driver: Any = connection.connection.dbapi_connection
    return isinstance(driver, psycopg.Connection) and driver.closed


def _idle(connection: Connection) -> bool:
    """Is no transaction open on it?"""
    if connection.closed or connection.invalidated:
        return False
    driver: Any = connection.connection.dbapi_connection
    if isinstance(driver, psycopg.Connection):
        return driver.info.transaction_status == TransactionStatus.IDLE
    return not driver.in_transaction


class _Undone(Exception):
    """A transaction that left nothing behind, through no fault of its work."""

    def __init__(self, cause: Exception) -> None:
        self.cause = cause


@contextmanager
def _unavailable_as_such() -> Iterator[None]:
    """Driver errors that mean `the store is gone` become StoreUnavailable."""
    try:
        yield
    except NoTurn as error:
        raise StoreUnavailable(f"the store is too busy: {error}") from error
    except Closed as error:
        raise StoreUnavailable("the store is closed") from error
    except (DBAPIError, sqlite3.Error, psycopg.Error) as error:
        if _is_unavailable(error):
            raise StoreUnavailable(str(error).splitlines()[0]) from error
        raise


def _is_unavailable(error: Exception) -> bool:
    """Whether the store, not the statement, is at fault."""
    driver = _of_driver(error)
    if isinstance(driver, sqlite3.Error):
        return getattr(driver, "sqlite_errorcode", 0) & 0xFF in _SQLITE_UNAVAILABLE
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = _sqlstate(error)
    if state is None:
        return isinstance(driver, psycopg.OperationalError | psycopg.InterfaceError)
    return state[:2] in _POSTGRESQL_UNAVAILABLE or state in ("25006", "55P03")


# https://www.sqlite.org/rescode.html: out of memory, locked, read-only, input/output error,
# damaged, disk full, cannot open, no permission, not a database.
_SQLITE_UNAVAILABLE = frozenset(
    (
        sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PROTOCOL,
    )
)  # fmt: skip
# https://www.postgresql.org/docs/current/errcodes-appendix.html: connection, resources (disk
# full), operator (shutdown), system, rolled back; 25006 is a standby, 55P03 a lock timeout.
_POSTGRESQL_UNAVAILABLE = frozenset(("08", "53", "57", "58", "40"))


def _sqlstate(error: Exception) -> str | None:
    state = getattr(_of_driver(error), "sqlstate", None)
    return state if isinstance(state, str) else None


def _of_driver(error: Exception) -> BaseException | None:
    return error.orig if isinstance(error, DBAPIError) else error


def _is_mistake(error: BaseException) -> bool:
    """Whether the work is at fault, not the store: it alone need be undone."""
    if isinstance(error, DBAPIError | sqlite3.Error | psycopg.Error):
        return not _is_unavailable(error)
    return isinstance(error, Exception)


def _sqlite_engine(url: str, begin: str, *, read_only: bool) -> Engine:
    """Transactions are begun by `begin`, never by the driver: a deferred one that turned into a
    write would fail as soon as another wrote."""
    engine = create_engine(
        url,
        hide_parameters=True,
        # One thread at a time is all that the driver needs; it need not be the same one.
        connect_args={"timeout": LOCK_SECONDS, "check_same_thread": False},
        **({"pool_size": READS_AT_ONCE} if read_only else {"poolclass": NullPool}),
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        # What is deleted is overwritten: a destroyed key must not linger in free pages.
        cursor.execute("PRAGMA secure_delete=ON")
        cursor.execute(f"PRAGMA query_only={'ON' if read_only else 'OFF'}")
        cursor.close()

    # A listener to "begin" would do it too, and make every statement a fifth slower.
    def _begun(connection: Any) -> None:
        connection.execute(begin)

    engine.dialect.do_begin = _begun  # type: ignore[assignment,method-assign]
    return engine


class _Writer:
    """The connection that writes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._group = GroupCommit(self._commit)
        self.submit = self._group.submit

    @property
    def waiting(self) -> int:
        return self._group.waiting

    def close(self) -> None:
        """Finish the writes that wait."""
        self._group.close()
        self._give_up()

    def _commit(self, works: list[Work]) -> list[Outcome]:
        """All in one transaction, each undone alone where it fails."""
        try:
            return _twice(lambda: self._attempt(works))
        except Exception as error:
            if len(works) == 1 and _is_mistake(error):
                return [Outcome(error=error)]
            raise

    def _attempt(self, works: list[Work]) -> list[Outcome]:
        if self._connection is None:
            self._connection = self._engine.connect()
        try:
            return _attempt(self._connection, partial(_all_of, works))
        except BaseException as error:
            # Whether the transaction is still open depends on what failed, and how.
            if not (_is_mistake(error) and _idle(self._connection)):
                self._give_up()
            raise

    def _give_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()


_savepoint = Statement(text("SAVEPOINT one"))
_back_to_savepoint = Statement(text("ROLLBACK TO SAVEPOINT one"))
_release_savepoint = Statement(text("RELEASE SAVEPOINT one"))


def _all_of(works: list[Work], connection: Connection) -> list[Outcome]:
    if len(works) == 1:
        return [Outcome(works[0](connection))]
    # Before any row, as each alone would: the second of them may match, too.
    one_at_a_time(connection, MATCHING)
    return [_in_savepoint(connection, work) for work in works]


def _in_savepoint(connection: Connection, work: Work) -> Outcome:
    try:
        _savepoint.later(connection)
        outcome = Outcome(work(connection))
        _release_savepoint.later(connection)
        send_waiting(connection)
        return outcome
    except Exception as error:
        if not _is_mistake(error):
            raise
        begun = not _savepoint.waits(connection)
        drop_waiting(connection)
        if begun:
            _back_to_savepoint.run(connection)
            _release_savepoint.run(connection)
        return Outcome(error=error)
