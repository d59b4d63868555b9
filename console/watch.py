"""Watches who is there, for all the pages that show it: one look at the store, however many look
at a page."""

from __future__ import annotations

import threading
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

import structlog
from sqlalchemy import Connection, select

from agents.counselor import State
from agents.roster import Role, counselors
from config.database import Store, StoreUnavailable
from console.streams import Streams

log = structlog.get_logger()

LOOK_SECONDS = 0.5
DESK_THREADS = 8
"""Each desk reads its call, and commits that it has, before it shows it."""

c = counselors.c


class Present(NamedTuple):
    """Somebody who isn't logged out."""

    id: str
    station: str
    name: str
    number: str
    state: State
    reason: str | None
    since: datetime
    rests_until: datetime | None
    rest_reason: str | None
    until: datetime | None
    wish: State | None
    call_id: str | None


class Seen(NamedTuple):
    """Who was there at one look, by station and number; another `version` where anything has
    changed. 0: nobody has looked yet."""

    version: int
    people: tuple[Present, ...]

    def at(self, stations: Collection[str]) -> list[Present]:
        return _of(self.people, stations)


class Watch:
    """Looks from `start()` to `stop()`, while any page is told, and has the pages told."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._wanted = threading.Event()
        self.presence = Streams(2, self._wanted)
        self.desks = Streams(DESK_THREADS, self._wanted)
        self.seen = Seen(0, ())
        self._by_id: dict[str, Present] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._wanted.set()
        self._thread.join()
        self.presence.stop()
        self.desks.stop()

    def now(self, stations: Collection[str]) -> list[Present]:
        """Who is at these stations at this moment, by station and number."""
        return _of(self._store.read(people), stations)

    def now_of(self, counselor_id: str) -> Present | None:
        """The same of one counselor; None: logged out."""
        there = self._store.read(people)
        return next((one for one in there if one.id == counselor_id), None)

    def seen_of(self, counselor_id: str) -> Present | None:
        """How a counselor was at the last look."""
        return self._by_id.get(counselor_id)

    def _run(self) -> None:
        while not self._ended.is_set():
            self._wanted.wait()
            self._wanted.clear()
            try:
                there = tuple(self._store.read(people))
            except StoreUnavailable as error:
                log.error("presence_not_seen", reason=str(error))
            else:
                if there != self.seen.people or not self.seen.version:
                    self._by_id = {one.id: one for one in there}
                    self.seen = Seen(self.seen.version + 1, there)
            left = [kind.looked(self.seen.version) for kind in (self.presence, self.desks)]
            if any(left):
                self._wanted.set()
            self._ended.wait(LOOK_SECONDS)


def people(connection: Connection) -> list[Present]:
    """Everybody who isn't logged out, by station and number. Duty phones are always there and are
    left out."""
    rows = connection.execute(
        select(
            c.id,
            c.station,
            c.name,
            c.number,
            c.state,
            c.reason,
            c.since,
            c.rests_until,
            c.rest_reason,
            c.until,
            c.wish,
            c.call_id,
        )
        .where(c.state != State.LOGGED_OUT, c.role != Role.DUTY_PHONE)
        .order_by(c.station, c.number)
    )
    return [
        Present._make(r)._replace(state=State(r.state), wish=State(r.wish) if r.wish else None)
        for r in rows
    ]


def _of(people_: Collection[Present], stations: Collection[str]) -> list[Present]:
    return [one for one in people_ if one.station in stations]
