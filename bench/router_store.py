"""The queue's transactions in the store, as the nation grows."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, select, text, update

from agents import roster
from agents.roster import counselors
from bench.nation import CALLERS, NOON, TALK_SECONDS, Nation
from bench.results import Times, timed
from config.database import Store
from config.tables import load_tables
from routing import offers, waiting
from routing.offers import TALKS_AVERAGED, Offer
from routing.queues import Queues
from routing.waiting_call import WaitingCall
from tests.postgresql import PostgreSQL

JOIN, ASK, HANG_UP, SWEEP = "a call joins", "a caller asks", "a caller hangs up", "a second passes"
STORED = (JOIN, ASK, HANG_UP, SWEEP)
TIMES = 200
APART = timedelta(seconds=0.1)
"""Between two calls: all of them come before the first lease ends."""


def in_store(nation: Nation, kind: str) -> dict[str, Times]:
    """By `STORED`. `kind`: sqlite or postgresql."""
    server = PostgreSQL() if kind == "postgresql" else None
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            url = server.new_database() if server else f"sqlite:///{Path(folder) / 'store.db'}"
            store = Store(url)
            try:
                return _stored(nation, store)
            finally:
                store.close()
    finally:
        if server is not None:
            server.remove()


def _stored(nation: Nation, store: Store) -> dict[str, Times]:
    rng = random.Random(12355)
    load_tables()
    store.create_all()
    queues = Queues(nation)
    _fill(nation, store, rng)
    store.write(lambda c: queues.tick(c, NOON))
    if store.dialect == "postgresql":
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    times: dict[str, Times] = {what: [] for what in STORED}

    def join(connection: Connection, call: WaitingCall, at: datetime) -> None:
        queues.join(
            connection, call_id=call.call_id, order_no=call.call_id, topic=call.topic,
            language=call.language, priority=call.priority, home=call.home, kinds=call.kinds,
            node=call.node, at=at,
        )  # fmt: skip

    def measure(what: str, work: Callable[[Connection], object]) -> None:
        times[what].append(timed(lambda: store.write(work)))

    at = NOON
    for number, call in enumerate(nation.calls(rng, TIMES, "comes")):
        at += APART
        measure(JOIN, partial(join, call=call, at=at))
        measure(ASK, partial(queues.status, call_id=call.call_id, at=at))
        held = store.read(_somebody_held)
        if held is not None:
            measure(HANG_UP, partial(queues.call_ended, call_id=held, at=at))
        # As many wait as before.
        store.write(partial(queues.leave, call_id=call.call_id, at=at))
        if number % 10 == 0:
            measure(SWEEP, partial(queues.tick, at=at))
    return times


def _fill(nation: Nation, store: Store, rng: random.Random) -> None:
    def staff(connection: Connection) -> None:
        for person in nation.people(rng):
            roster.add(connection, person.counselor, NOON)
            here = counselors.c.id == person.counselor.id
            about = {"state": person.state, "available_since": person.available_since}
            connection.execute(update(counselors).where(here).values(about))

    def calls(connection: Connection) -> None:
        for call in nation.calls(rng, CALLERS * nation.size, "waits"):
            waiting.add(connection, call)

    def talks(connection: Connection) -> None:
        for number in range(TALKS_AVERAGED):
            began = NOON - timedelta(seconds=TALK_SECONDS)
            one = Offer(
                f"talk-{number}", "p0", "", "", "", 0, "", 0, False, began, answered_at=began
            )
            offers.add(connection, [one], NOON)
            offers.end(connection, one, "answered", NOON)

    for work in (staff, calls, talks):
        store.write(work)


def _somebody_held(connection: Connection) -> str | None:
    w = waiting.waiting_calls.c
    query = select(w.call_id).where(w.offer_id.is_not(None)).order_by(w.call_id.desc()).limit(1)
    found: str | None = connection.execute(query).scalar()
    return found
