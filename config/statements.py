"""Statements of the call path: SQLAlchemy's language, the driver's speed.

A statement is written with SQLAlchemy Core, whose tables and types it keeps, and compiled once
for each store; it then runs on the driver's own cursor. SQLAlchemy's own execution takes longer
than SQLite needs to do what it is told, and a call is some forty statements.

PostgreSQL is a round trip away. What is to be done `later` waits on the connection and goes out
with the next statement whose result is asked for, all in one round trip (libpq's pipeline mode:
https://www.postgresql.org/docs/current/libpq-pipeline-mode.html); the store sends what is left
before it commits. The order of statements never changes, so nothing else can tell.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import ARRAY, Boolean, ColumnElement, Connection, Text, TypeDecorator, bindparam
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.types import TypeEngine

Row = tuple[Any, ...]
Process = Callable[[Any], Any]

_PIPELINE = "pipeline"


@dataclass(frozen=True, slots=True)
class _Parameter:
    """`name` None: `value` stands in the statement itself. `process` gives the driver's type."""

    name: str | None
    value: Any
    process: Process | None


@dataclass(frozen=True, slots=True)
class _Compiled:
    """`parameters` by position. `results`: what turns a column's value into ours, by index."""

    text: str
    parameters: tuple[_Parameter, ...]
    results: tuple[tuple[int, Process], ...]

    def given(self, values: Mapping[str, Any]) -> list[Any]:
        """The driver's parameters. Raises KeyError for one that isn't given."""
        return [
            p.value
            if p.name is None
            else values[p.name]
            if p.process is None
            else p.process(values[p.name])
            for p in self.parameters
        ]

    def row(self, row: Row) -> Row:
        values = list(row)
        for index, process in self.results:
            if values[index] is not None:
                values[index] = process(values[index])
        return tuple(values)


class Statement:
    """One statement, for any connection of either store. Its parameters are given by the names
    of its `bindparam`s, an INSERT's by all columns of its table.

    :param clause: without expanding parameters.
    """

    def __init__(self, clause: ClauseElement) -> None:
        self._clause = clause
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, connection: Connection, **values: Any) -> list[Row]:
        """Every row it finds."""
        compiled = self._for(connection)
        found: list[Row] = _run(connection, compiled.text, compiled.given(values)).fetchall()
        return [compiled.row(row) for row in found] if compiled.results else found

    def first(self, connection: Connection, **values: Any) -> Row | None:
        """The first row it finds."""
        found = self.rows(connection, **values)
        return found[0] if found else None

    def scalar(self, connection: Connection, **values: Any) -> Any:
        """The first value of the first row it finds; None where there is no row."""
        found = self.rows(connection, **values)
        return found[0][0] if found else None

    def run(self, connection: Connection, **values: Any) -> int:
        """How many rows it changed."""
        compiled = self._for(connection)
        changed: int = _run(connection, compiled.text, compiled.given(values)).rowcount
        return changed

    def later(self, connection: Connection, **values: Any) -> None:
        """Do it before whatever comes next on this connection. Nobody asks how it went; an error
        is raised here or by what comes next."""
        self.later_all(connection, (values,))

    def later_all(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """The same for each of `rows`."""
        compiled = self._for(connection)
        pipeline = _pipeline(connection)
        if pipeline is not None:
            pipeline.waiting.extend((compiled.text, compiled.given(row)) for row in rows)
        else:
            for row in rows:
                _run(connection, compiled.text, compiled.given(row))

    def waits(self, connection: Connection) -> bool:
        """Is it still to be done?"""
        pipeline = _pipeline(connection)
        text = self._for(connection).text
        return pipeline is not None and any(text == waiting for waiting, _ in pipeline.waiting)

    def _for(self, connection: Connection) -> _Compiled:
        dialect = connection.dialect
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = _compile(self._clause, dialect)
        return compiled


class among(ColumnElement[bool]):
    """Is a column's text one of those given by `name`? In one parameter, however many they are:
    an IN has one for each, known only when it is executed."""

    type = Boolean()
    inherit_cache = False

    def __init__(self, column: ColumnElement[str], name: str) -> None:
        self.column = column
        self.texts = bindparam(name, type_=_Texts())

    def self_group(self, against: Any = None) -> among:
        """A condition already: SQLite need not compare it with 1."""
        return self


class _Texts(TypeDecorator[Iterable[str]]):
    """Texts in one parameter: JSON for SQLite, an array for PostgreSQL."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Text() if dialect.name == "sqlite" else ARRAY(Text)

    def bind_processor(self, dialect: Dialect) -> Callable[[Iterable[str] | None], Any]:
        def process(texts: Iterable[str] | None) -> Any:
            given = list(texts or ())
            return json.dumps(given) if dialect.name == "sqlite" else given

        return process


@compiles(among, "sqlite")
def _among_json(element: among, compiler: Any, **how: Any) -> str:
    column, texts = (compiler.process(part, **how) for part in (element.column, element.texts))
    return f"{column} IN (SELECT value FROM json_each({texts}))"


@compiles(among, "postgresql")
def _among_array(element: among, compiler: Any, **how: Any) -> str:
    column, texts = (compiler.process(part, **how) for part in (element.column, element.texts))
    return f"{column} = ANY ({texts})"


class _Pipeline:
    """What waits on a connection to PostgreSQL."""

    def __init__(self, driver: psycopg.Connection[Row]) -> None:
        self.waiting: list[tuple[str, Any]] = []
        self._driver = driver
        self._cursor = psycopg.RawCursor(driver)
        self._results_unread = psycopg.RawCursor(driver)

    def run(self, text: str, parameters: Any) -> psycopg.RawCursor[Row]:
        """After what waits, and after BEGIN, in one round trip."""
        if not self.waiting and self._driver.info.transaction_status != TransactionStatus.IDLE:
            return self._cursor.execute(text.encode(), parameters, prepare=True)
        with self._driver.pipeline():
            self._send()
            return self._cursor.execute(text.encode(), parameters, prepare=True)

    def send(self, *, commit: bool = False) -> None:
        """All that waits, in one round trip; `commit`: and COMMIT."""
        # A pipeline costs more than it saves where a single statement is all.
        if self.waiting:
            with self._driver.pipeline():
                self._send()
                if commit:
                    self._results_unread.execute(b"COMMIT", prepare=False)
        elif commit:
            self._results_unread.execute(b"COMMIT", prepare=False)

    def _send(self) -> None:
        waiting, self.waiting = self.waiting, []
        for text, parameters in waiting:
            self._results_unread.execute(text.encode(), parameters, prepare=True)


def begin_waiting(connection: Connection) -> None:
    """A transaction begins. On PostgreSQL, what is to be done `later` waits from now on; what
    waited in another transaction is not done any more."""
    if connection.dialect.name == "postgresql":
        driver: Any = connection.connection.dbapi_connection
        connection.info[_PIPELINE] = _Pipeline(driver)


def drop_waiting(connection: Connection) -> None:
    """Nothing that waits is done any more."""
    pipeline = _pipeline(connection)
    if pipeline is not None:
        pipeline.waiting.clear()


def send_waiting(connection: Connection, *, commit: bool = False) -> None:
    """Do what waits; `commit`: and, where anything can wait, end the transaction."""
    pipeline = _pipeline(connection)
    if pipeline is not None:
        pipeline.send(commit=commit)


def _pipeline(connection: Connection) -> _Pipeline | None:
    found: _Pipeline | None = connection.info.get(_PIPELINE)
    return found


def _run(connection: Connection, text: str, parameters: Any) -> Any:
    """The driver's cursor, after what waited was done."""
    pipeline = _pipeline(connection)
    if pipeline is not None:
        return pipeline.run(text, parameters)
    driver: Any = connection.connection.dbapi_connection
    return driver.execute(text, parameters)


def _compile(clause: ClauseElement, dialect: Dialect) -> _Compiled:
    if dialect.name == "postgresql":
        dialect = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
    compiled: Any = clause.compile(dialect=dialect)
    parameters = {}
    for bind, name in compiled.bind_names.items():
        process = bind.type.dialect_impl(dialect).bind_processor(dialect)
        if bind.required:
            parameters[name] = _Parameter(name, None, process)
        else:
            value = bind.value if process is None else process(bind.value)
            parameters[name] = _Parameter(None, value, None)
    results = [
        (index, process)
        for index, column in enumerate(getattr(clause, "exported_columns", ()))
        if (process := column.type.dialect_impl(dialect).result_processor(dialect, None))
    ]
    order = tuple(parameters[name] for name in compiled.positiontup or ())
    return _Compiled(compiled.string, order, tuple(results))
