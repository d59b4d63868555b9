"""Who is where, asked of the store station by station."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from agents import presence
from agents.presence import Person


class StoredStaff:
    """The staff of one moment, as a transaction sees it; see `routing.floor.Staff`."""

    def __init__(self, connection: Connection, at: datetime) -> None:
        self._connection = connection
        self._at = at

    def free(self, stations: Sequence[str]) -> Iterable[Person]:
        return presence.available(self._connection, stations, self._at)

    def present(self, stations: Sequence[str]) -> Iterable[Person]:
        return presence.present_at(self._connection, stations, self._at)

    def how_many(self, station: str) -> int:
        return presence.how_many(self._connection, station)
