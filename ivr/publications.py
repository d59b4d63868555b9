"""Published call flows. A published version never changes, and a call keeps the version it
began with, whichever engine serves it: so the flow's files stand in the store beside it."""

from __future__ import annotations

import json
import threading
from datetime import datetime

from sqlalchemy import Column, Connection, Table, Text, select

from callflows.callflow import Callflow
from callflows.loader import load_sources
from config.database import Instant, Store, metadata

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


class Publications:
    """The flows this engine serves: `current` for new calls, older ones for calls that began
    with them."""

    def __init__(self, current: Callflow, wrong_number: Callflow) -> None:
        self.current = current
        self.wrong_number = wrong_number
        self._loaded = {flow.version: flow for flow in (current, wrong_number)}
        self._loading = threading.Lock()

    def publish(self, store: Store, at: datetime) -> None:
        """Keep the sources of what new calls get in the store, where they are new there."""
        rows = [
            {
                "version": flow.version,
                "entry": flow.name,
                "sources": json.dumps(dict(flow.sources), ensure_ascii=False),
                "published_at": at,
            }
            for flow in (self.current, self.wrong_number)
        ]

        def work(connection: Connection) -> None:
            known = set(connection.execute(select(publications.c.version)).scalars())
            for row in rows:
                if row["version"] not in known:
                    connection.execute(publications.insert(), row)

        store.write(work)

    def version(self, connection: Connection, version: str) -> Callflow:
        """The flow of `version`. Raises LookupError where nobody ever published it."""
        found = self._loaded.get(version)
        if found is not None:
            return found
        with self._loading:
            row = connection.execute(
                select(publications).where(publications.c.version == version)
            ).first()
            if row is None:
                raise LookupError(f"callflow version {version} was never published")
            found = load_sources(json.loads(row.sources), row.entry)
            self._loaded[version] = found
            return found
