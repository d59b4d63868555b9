"""PostgreSQL, and connections that wait no longer for it than they are told.

A server that hangs (stopped, out of memory, its disk stalled) keeps its sockets, and the kernel
acknowledges for it whatever it is sent: no limit of TCP's or of the server's own ends a wait for
it. So the wait itself is limited, and the connection is closed: its transaction is undone as soon
as the server goes on, unless the commit had been sent, which may yet be heard.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
import sqlalchemy
from psycopg.abc import PQGen
from sqlalchemy import Engine, create_engine, event

from config.statements import send_waiting

RV = TypeVar("RV")

LOCK_SECONDS = 3
ANSWER_SECONDS = 4.0
"""For a call: longer than a wait for a lock, which the server itself ends."""


class NoAnswer(psycopg.OperationalError):
    """The server takes what it is sent and says nothing."""


def postgresql_engine(
    url: str, connections: int, answer_seconds: Callable[[], float | None], *, read_only: bool
) -> Engine:
    """:param answer_seconds: how long a server may take to answer; None: as long as it takes.
    :param read_only: each transaction sees one snapshot, and cannot write.
    """
    options = (
        f"-c lock_timeout={LOCK_SECONDS}s -c idle_in_transaction_session_timeout=15s"
        # Set once: by SQLAlchemy it would be each time that a connection is taken and given back.
        + " -c default_transaction_isolation=repeatable\\ read -c default_transaction_read_only=on"
        * read_only
    )

    class Connection(psycopg.Connection[Any]):
        def wait(self, gen: PQGen[RV], *arguments: Any, **options: Any) -> RV:
            seconds = answer_seconds()
            if seconds is None:
                return super().wait(gen, *arguments, **options)
            try:
                return super().wait(_answered(gen, seconds), *arguments, **options)
            except NoAnswer:
                self.close()
                raise

    engine = create_engine(
        url,
        hide_parameters=True,
        pool_size=connections,
        connect_args={
            "connect_timeout": 3,
            # A server that vanished from the network is noticed; so are engines that did, whose
            # open transactions would hold others up.
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 5000,
            "options": options,
        },
    )

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> Connection:
        return Connection.connect(*arguments, **options)

    # What SQLAlchemy itself executes comes in its place among our own statements.
    @event.listens_for(engine, "before_cursor_execute")
    def _before(connection: sqlalchemy.Connection, *_about: Any) -> None:
        send_waiting(connection)

    return engine


def _answered(gen: PQGen[RV], seconds: float) -> PQGen[RV]:
    """`gen`, a conversation with the server, for as long as it isn't silent."""
    deadline = time.monotonic() + seconds
    try:
        waits_for = next(gen)
        while True:
            ready = yield waits_for
            if not ready and time.monotonic() >= deadline:
                raise NoAnswer(f"PostgreSQL has not answered for {seconds:g} s")
            waits_for = gen.send(ready)
    except StopIteration as over:
        result: RV = over.value
        return result
