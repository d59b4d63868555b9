"""Attempts at calls that we place, as their carrier tells of them: each told in one transaction,
with whatever its purpose does about the end.

Which purposes there are is said once, when a process is put together: a carrier knows how to ring,
not what for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

import structlog
from sqlalchemy import Connection

from config.database import Store
from ivr import placed_calls
from ivr.placed_calls import PlacedCall, Result
from ivr.placing import Wanted

log = structlog.get_logger()

ASKED_WITHIN = timedelta(seconds=5)
"""Whoever was kept longer between the commit and the request doesn't make it: the call may be given
up before it rings."""

T = TypeVar("T")

Over = Callable[[Connection, PlacedCall, datetime], None]
"""Given the last attempt as it ended. Called again where a key pressed is told after the end."""


class Write(Protocol):
    """One transaction, as `Store.write`."""

    def __call__(self, work: Callable[[Connection], T]) -> T: ...


class Attempts:
    """Every method may raise StoreUnavailable.

    :param now: gives the aware UTC time. `over`: by purpose, what is done in the transaction in
        which a call for it is over, and nothing more is tried. `write`: where that frees
        counselors, a transaction which the matcher follows; None: the store's own.
    """

    def __init__(
        self,
        store: Store,
        now: Callable[[], datetime],
        over: Mapping[str, Over] | None = None,
        write: Write | None = None,
    ) -> None:
        self._store = store
        self._now = now
        self._over = over or {}
        self._write: Write = write or store.write

    def begin(self, wanted: Wanted, carrier: str, destination: bytes) -> PlacedCall:
        """Commit an attempt; only then is the carrier asked. Raises AlreadyRinging, and what
        `wanted.also` raises.

        :param destination: a keyed hash of what is dialled.
        """
        who, at = wanted.counselor_id, self._now()
        call = PlacedCall(wanted.id, carrier, who, destination, at, about=wanted.about)

        def work(connection: Connection) -> None:
            placed_calls.commit(connection, call)
            wanted.also(connection)

        self._write(work)
        return call

    def may_ask(self, call: PlacedCall) -> bool:
        """Is the carrier to be asked for it now? Not for what is given up already, or may be before
        it rings."""
        if self._now() - call.committed_at > ASKED_WITHIN:
            return False
        now = self._store.read(lambda connection: placed_calls.load(connection, call.id))
        return now is not None and now.result is None

    def live(self, carrier: str) -> list[PlacedCall]:
        """Every attempt of a carrier's that isn't over, oldest first."""
        return self._store.read(lambda connection: placed_calls.live(connection, carrier))

    def placed(self, call_id: str, channel: str) -> PlacedCall | None:
        """The carrier calls it `channel`: the attempt. None: that is no call of this attempt's, and
        is to be ended."""

        def work(connection: Connection) -> PlacedCall | None:
            ours = placed_calls.placed(connection, call_id, channel, self._now())
            return placed_calls.load(connection, call_id) if ours else None

        call = self._store.write(work)
        if call is None:
            log.error("placed_call_given_up", id=call_id)
        return call

    def give_up(self, call_id: str) -> None:
        """It is to be hung up, and will have been given up, whatever is told of its end."""
        self._store.write(lambda connection: placed_calls.give_up(connection, call_id))

    def end(self, call_id: str, result: Result, reason: str = "") -> None:
        """It is over. Whatever is told after the first end changes nothing, but a key pressed."""
        at = self._now()

        def work(connection: Connection) -> PlacedCall | None:
            if not placed_calls.ended(connection, call_id, result, at, reason):
                return None
            return self._tell(connection, call_id, at)

        over = self._write(work)
        if over is not None:
            log.info("placed_call_over", id=call_id, result=over.result)

    def never_placed(self, call: PlacedCall, reason: str) -> PlacedCall | None:
        """The carrier has nothing of an attempt that nobody heard of. The next one, committed, for
        the carrier to place; None: there is none, or another engine places it."""
        at = self._now()

        def work(connection: Connection) -> PlacedCall | None:
            if not placed_calls.ended(connection, call.id, Result.NOT_PLACED, at, reason):
                return None
            over = placed_calls.load(connection, call.id)
            wanted = over is not None and over.result == Result.NOT_PLACED
            again = placed_calls.again(connection, call, at) if wanted else None
            if again is None:
                self._tell(connection, call.id, at)
            return again

        again = self._write(work)
        log.error("placed_call_not_there", id=call.id, again=again is not None)
        return again

    def _tell(self, connection: Connection, call_id: str, at: datetime) -> PlacedCall | None:
        call = placed_calls.load(connection, call_id)
        if call is not None and call.purpose in self._over:
            self._over[call.purpose](connection, call, at)
        return call
