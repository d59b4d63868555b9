"""Synthetic probes: a weak station's counselor is rung, hears what it is and presses 1.

Who is rung is held for it, from the transaction that commits the attempt to the one in which it
ends, which also notes what it says of the station: so they have one call at a time. To a caller who
may need them the probe gives way: it is given up and hung up on, and says nothing; they are free as
soon as it is over, so that the telephone is idle when it rings for the caller. A probe that nobody
ends, its engine or its carrier being gone, is given up by any engine.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from agents import presence
from agents.presence import Person
from config.database import Store
from ivr import placed_calls
from ivr.attempts import Attempts
from ivr.placed_calls import AlreadyRinging, PlacedCall, Result, attempt_id
from ivr.placing import CannotRing, Placing, Wanted
from routing import probing, trials
from routing.probing import SPARED, Probe
from routing.rules import Network
from routing.standing import Thresholds

log = structlog.get_logger()

PURPOSE = "probe"
KEPT = timedelta(days=7)
"""Calls that were placed; what they said of stations is kept where it counts."""
LEASE = timedelta(seconds=90)
"""Of whoever is held for a probe, whatever becomes of its engine and its carrier. Ringing, words
and key take less than a minute, and what Twilio doesn't answer for is looked for in its list 75 s
at the most."""
IDLE_WITHIN = timedelta(seconds=4)
"""Of a hang-up: a carrier tells sooner that it is done. A caller has 10 s to lose by a probe, and
a round of the job and its request to the carrier are among them."""
FORGOTTEN_EVERY = timedelta(hours=1)


class _Taken(Exception):
    """Somebody else was faster: the counselor has a call, or the station has its probe."""


class Probes:
    """:param thresholds_of: a station's. `now`: gives the aware UTC time."""

    def __init__(
        self,
        store: Store,
        placing: Placing,
        attempts: Attempts,
        places: Network,
        thresholds_of: Callable[[str], Thresholds],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._placing = placing
        self._attempts = attempts
        self._places = places
        self._thresholds_of = thresholds_of
        self._now = now
        self._tried: dict[str, datetime] = {}
        """By station: whose probe couldn't be placed isn't tried again at once."""
        self._hung_up: dict[str, datetime] = {}
        """Since when we see a probe given up that isn't over."""
        self._forgot_at = now()

    def begin(self, planned: Collection[str]) -> None:
        """Place every probe that is due. Raises StoreUnavailable.

        :param planned: ids of the counselors on duty by the plan of shifts.
        """
        at = self._now()

        def look(connection: Connection) -> list[Probe]:
            spared = placed_calls.rung_in_vain(connection, PURPOSE, at - SPARED)

            def may_ask(person: Person) -> bool:
                return person.counselor.id not in spared and self._placing.reaches(person.counselor)

            return probing.due(connection, self._places, planned, self._thresholds_of, may_ask, at)

        for probe in self._store.read(look):
            tried = self._tried.get(probe.station)
            if tried is None or at - tried >= self._thresholds_of(probe.station).probe_again:
                self._tried[probe.station] = at
                self._place(probe, at)
        if at - self._forgot_at >= FORGOTTEN_EVERY:
            self._store.write(lambda connection: placed_calls.forget(connection, at - KEPT))
            self._forgot_at = at

    def give_way(self) -> None:
        """Hang up on probes whose counselor a caller may need, and on those that nobody ended.
        Their counselors are free once the carrier tells the end: who is dialled for a caller while
        a telephone of theirs still rings is busy. Raises StoreUnavailable."""
        at = self._now()

        def look(connection: Connection) -> list[PlacedCall]:
            calls = placed_calls.live_of(connection, PURPOSE)
            if not calls:
                return []
            needed = probing.needed_by_callers(connection, self._places, at)

            def is_to_end(call: PlacedCall) -> bool:
                given_up = call.result is not None
                return given_up or at - call.committed_at > LEASE or needed(_station(call))

            return [call for call in calls if is_to_end(call)]

        calls = self._store.read(look)
        for call in calls:
            if call.result is None:
                self._attempts.give_up(call.id)
                log.info("probe_gives_way", id=call.id)
        self._hung_up = {call.id: self._hung_up.get(call.id, at) for call in calls}
        for call in calls:
            self._placing.hang_up(call)

    def free(self) -> None:
        """End the probes that were hung up on and whose carrier doesn't tell it. Raises
        StoreUnavailable."""
        at = self._now()
        for call_id, since in list(self._hung_up.items()):
            if at - since >= IDLE_WITHIN:
                self._attempts.end(call_id, Result.GIVEN_UP)
                self._hung_up.pop(call_id, None)

    def _place(self, probe: Probe, at: datetime) -> None:
        call = attempt_id(PURPOSE, f"{probe.station}-{secrets.token_hex(4)}")

        def hold(connection: Connection) -> None:
            # Its own row is among them.
            if placed_calls.live_for(connection, PURPOSE, probe.station) > 1:
                raise _Taken
            held_by = call.rpartition(":")[0]
            if not presence.reserve(connection, probe.counselor_id, held_by, at):
                raise _Taken

        about = " ".join((probe.station, *probe.topics))
        try:
            self._placing.place(Wanted(call, probe.counselor_id, about, hold))
        except (_Taken, AlreadyRinging):
            return
        except CannotRing as error:
            log.error("probe_not_placed", station=probe.station, reason=str(error))
        else:
            log.info("probe_begun", id=call, station=probe.station, topics=probe.topics)


def over(connection: Connection, call: PlacedCall, at: datetime) -> None:
    """A probe is over: its counselor is free, and what it says of the station is noted. One that
    was never placed, or that we ended, says nothing."""
    accepted = call.result == Result.ACCEPTED
    nothing_said = call.result in (Result.NOT_PLACED, Result.GIVEN_UP)
    # Whoever doesn't answer comes last from now on: so the next probe asks somebody else.
    keep_idle = accepted or nothing_said
    presence.release(connection, call.counselor_id, call.call, at, keep_idle)
    if nothing_said:
        return
    station, *topics = call.about.split()
    for topic in topics:
        probe_id = f"{call.id}/{topic}/{call.result}"
        trials.note_probe(connection, probe_id, station, topic, accepted, at)


def _station(call: PlacedCall) -> str:
    return call.about.partition(" ")[0]
