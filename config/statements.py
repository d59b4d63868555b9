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

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import ClauseElement

Row = tuple[Any, ...]
Process = Callable[[Any], Any]

_WAITING = "statements_waiting"


@dataclass(frozen=True, slots=True)
class _Parameter:
    """`name` None: `value` stands in the statement itself. `process` gives the driver's type."""

    name: str | None
    value: Any
    process: Process | None


@dataclass(frozen=True, slots=True)
class _Compiled:
    """`names`: None where the driver wants parameters by position. `results`: what turns a
    column's value into ours, by index."""

    text: str
    parameters: tuple[_Parameter, ...]
    names: tuple[str, ...] | None
    results: tuple[tuple[int, Process], ...]

    def given(self, values: Mapping[str, Any]) -> Any:
        """The driver's parameters. Raises KeyError for one that isn't given."""
        found = [
            p.value
            if p.name is None
            else values[p.name]
            if p.process is None
            else p.process(values[p.name])
            for p in self.parameters
        ]
        return found if self.names is None else dict(zip(self.names, found, strict=True))

    def row(self, row: Row) -> Row:
        values = list(row)
        for index, process in self.results:
            values[index] = process(values[index])
        return tuple(values)


class Statement:
    """One statement, for any connection of either store. Its parameters are given by the names
    of its `bindparam`s, an INSERT's by its columns.

    :param clause: without expanding parameters.
    :param columns: those that an INSERT is given; all of its table where none are named.
    """

    def __init__(self, clause: ClauseElement, columns: Iterable[str] = ()) -> None:
        self._clause = clause
        self._columns = list(columns)
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
        waiting = connection.info.get(_WAITING)
        if waiting is not None:
            waiting.extend((compiled.text, compiled.given(row)) for row in rows)
        elif len(rows) == 1:
            _run(connection, compiled.text, compiled.given(rows[0]))
        else:
            cursor = connection.connection.cursor()
            cursor.executemany(compiled.text, [compiled.given(row) for row in rows])

    def _for(self, connection: Connection) -> _Compiled:
        dialect = connection.dialect
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = _compile(self._clause, self._columns, dialect)
        return compiled


def begin_waiting(connection: Connection) -> None:
    """From now on what is to be done `later` waits; nothing that was waiting is done any more."""
    connection.info[_WAITING] = []


def send_waiting(connection: Connection) -> None:
    """Do what waits."""
    if waiting := connection.info.get(_WAITING):
        connection.info[_WAITING] = []
        driver: Any = connection.connection.dbapi_connection
        with driver.pipeline():
            for text, parameters in waiting:
                driver.execute(text, parameters, prepare=True)


def _run(connection: Connection, text: str, parameters: Any) -> Any:
    """The driver's cursor, after what waited was done."""
    driver: Any = connection.connection.dbapi_connection
    waiting = connection.info.get(_WAITING)
    if waiting is None:
        return driver.execute(text, parameters)
    if not waiting:
        return driver.execute(text, parameters, prepare=True)
    connection.info[_WAITING] = []
    with driver.pipeline():
        for earlier, its in waiting:
            driver.execute(earlier, its, prepare=True)
        return driver.execute(text, parameters, prepare=True)


def _compile(clause: ClauseElement, columns: Sequence[str], dialect: Dialect) -> _Compiled:
    compiled: Any = clause.compile(dialect=dialect, column_keys=columns or None)
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
    order = compiled.positiontup
    return _Compiled(
        compiled.string,
        tuple(parameters.values() if order is None else (parameters[name] for name in order)),
        tuple(parameters) if order is None else None,
        tuple(results),
    )
