"""Published call flows. A published version never changes, and a call keeps the version it
began with, whichever engine serves it: so the flow's files stand in the store beside it."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy import Column, Connection, Table, Text, select

from callflows.callflow import Callflow
from callflows.errors import FlowError, FlowErrors
from callflows.loader import LIBRARY, load_callflow, load_sources
from callflows.proof import prove
from config.database import Instant, Store, metadata

log = structlog.get_logger()

publications = Table(
    "publications",
    metadata,
    Column("version", Text, primary_key=True),
    Column("entry", Text, nullable=False),
    # {flow name: its YAML text}
    Column("sources", Text, nullable=False),
    Column("published_at", Instant, nullable=False),
)


WRONG_NUMBER = "wrong_number"
"""The flow for calls to a number that isn't ours."""


def proved(directory: Path, entry: str, at: datetime, services: Collection[str]) -> Callflow:
    """Load a flow and prove it. Raises FlowErrors; warnings go to the log."""
    callflow = load_callflow(directory, entry)
    problems = prove(callflow, at, services)
    for problem in problems:
        if problem.severity == "warning":
            log.warning("flow_warning", problem=str(problem))
    errors = [
        FlowError(problem.place, problem.message, f"{problem.flow}.{problem.step}", problem.key)
        for problem in problems
        if problem.severity == "error"
    ]
    if errors:
        raise FlowErrors(errors)
    return callflow


class Publications:
    """The flows this engine serves: `current` for new calls, older ones for calls that began
    with them."""

    def __init__(self, current: Callflow, wrong_number: Callflow) -> None:
        self.current = current
        self.wrong_number = wrong_number
        self._loaded = {flow.version: flow for flow in self.served()}
        self._loading = threading.Lock()

    @classmethod
    def open(
        cls, store: Store, directory: Path, entry: str, at: datetime, services: Collection[str]
    ) -> Publications:
        """Publish what stands in `directory`, if it holds up to the proof. `services` are the
        sister lines it may name.

        If it doesn't, the line must not break for it: new calls get what was published last, or
        else the flows as shipped, and the log says why, a line for each mistake.
        """
        wrong_number = load_callflow(LIBRARY, WRONG_NUMBER)
        try:
            current = proved(directory, entry, at, services)
        except FlowErrors as errors:
            for error in errors.errors:
                log.error("flow_refused", problem=str(error))
            last = store.read(lambda connection: _last(connection, entry))
            current = last or load_callflow(LIBRARY)
        opened = cls(current, wrong_number)
        opened._publish(store, at)
        return opened

    def _publish(self, store: Store, at: datetime) -> None:
        rows = [
            {
                "version": flow.version,
                "entry": flow.name,
                "sources": json.dumps(dict(flow.sources), ensure_ascii=False),
                "published_at": at,
            }
            for flow in self.served()
        ]

        def work(connection: Connection) -> None:
            known = set(connection.execute(select(publications.c.version)).scalars())
            for row in rows:
                if row["version"] in known:
                    # Published again, as by an undo: now it is the last.
                    same = publications.c.version == row["version"]
                    connection.execute(publications.update().where(same).values(published_at=at))
                else:
                    connection.execute(publications.insert(), row)

        store.write(work)

    def served(self) -> tuple[Callflow, Callflow]:
        """What new calls get."""
        return self.current, self.wrong_number

    def version(self, connection: Connection, version: str) -> Callflow:
        """The flow of `version`; the current one where that is nowhere to be had or can't be
        read any more: the call begins again rather than end."""
        found = self._loaded.get(version)
        if found is not None:
            return found
        with self._loading:
            row = connection.execute(
                select(publications).where(publications.c.version == version)
            ).first()
            try:
                found = load_sources(json.loads(row.sources), row.entry) if row else None
            except FlowErrors as errors:
                log.error("published_flow_unreadable", version=version, problem=str(errors))
            if found is None:
                log.error("published_flow_lost", version=version)
                found = self.current
            self._loaded[version] = found
            return found


def _last(connection: Connection, entry: str) -> Callflow | None:
    row = connection.execute(
        select(publications)
        .where(publications.c.entry == entry)
        .order_by(publications.c.published_at.desc())
        .limit(1)
    ).first()
    return load_sources(json.loads(row.sources), row.entry) if row is not None else None
