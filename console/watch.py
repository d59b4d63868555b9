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

log = structlog.get_logger()

LOOK_SECONDS = 0.5

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


class Watch:
    """Looks from `start()` to `stop()`, while anybody watches."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._people: tuple[Present, ...] = ()
        self._changed = threading.Condition()
        self._version = 0
        self._watched = threading.Event()
        self._watchers = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._watched.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join()

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def now(self, stations: Collection[str]) -> list[Present]:
        """Who is at these stations at this moment, by station and number."""
        return _of(self._store.read(people), stations)

    def now_of(self, counselor_id: str) -> Present | None:
        """The same of one counselor; None: logged out."""
        return _one(self._store.read(people), counselor_id)

    def watching(self, by: int) -> int:
        """So many more watch, or fewer; how many watch now."""
        with self._changed:
            self._watchers += by
            (self._watched.set if self._watchers else self._watched.clear)()
            return self._watchers

    def next(
        self, stations: Collection[str], seen: int, seconds: float
    ) -> tuple[int, list[Present]]:
        """The version after `seen` and who was there, or the same again when `seconds` have
        passed without any change."""
        with self._changed:
            self._changed.wait_for(lambda: self._version != seen or self.ended, seconds)
            return self._version, _of(self._people, stations)

    def next_of(
        self, counselor_id: str, seen: int, shown: Present | None, seconds: float
    ) -> tuple[int, Present | None]:
        """The same of one counselor: the next version in which they are not as `shown`."""
        found = shown

        def changed() -> bool:
            nonlocal found
            if self._version != seen:
                found = _one(self._people, counselor_id)
            return found != shown or self.ended

        with self._changed:
            self._changed.wait_for(changed, seconds)
            return self._version, found

    def _run(self) -> None:
        while not self.ended:
            self._watched.wait()
            try:
                people_ = tuple(self._store.read(people))
            except StoreUnavailable as error:
                log.error("presence_not_seen", reason=str(error))
            else:
                self._tell(people_)
            self._ended.wait(LOOK_SECONDS)

    def _tell(self, people_: tuple[Present, ...]) -> None:
        with self._changed:
            if people_ != self._people or not self._version:
                self._people = people_
                self._version += 1
                self._changed.notify_all()


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


def _one(people_: Collection[Present], counselor_id: str) -> Present | None:
    return next((one for one in people_ if one.id == counselor_id), None)
