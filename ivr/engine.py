"""One engine: everything a process needs to serve calls, whichever carriers bring them."""

from __future__ import annotations

import gc
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from datetime import UTC, datetime
from typing import Protocol

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from agents.shifts import Shifts, end_shifts
from config.database import LOCK_SECONDS, StoreUnavailable
from config.postgresql import ANSWER_SECONDS
from config.yaml_file import ConfigErrors
from ivr.assembly import Assembly
from ivr.asterisk.carrier import AsteriskCarrier
from ivr.asterisk.server import FastAgiServer, ping_handler
from ivr.placing import Placer, Placing
from ivr.probes import Probes
from ivr.purposes import attempts
from ivr.sessions import node_of
from ivr.transaction import Woken
from ivr.twilio.calls import CARRIER as TWILIO
from ivr.twilio.carrier import TwilioCarrier
from routing import trials
from routing.assessment import Assessment
from workorders.seals import SealFileDiffers, seal_minute

log = structlog.get_logger()

PROBE_SECONDS = 1.0
SILENT_SECONDS = LOCK_SECONDS + ANSWER_SECONDS + 1.0
"""A store that neither commits nor fails for longer is hung, and so are we: one that hangs by
itself is given up sooner, after a turn's wait and its own."""
SWITCH_SECONDS = 0.0005
"""A turn passes through three threads: Python's 5 ms for each hand-over would be most of it."""


def now() -> datetime:
    return datetime.now(UTC)


class Carrier(Protocol):
    """What brings calls to an engine."""

    @property
    def jobs(self) -> Sequence[tuple[Callable[[], None], int]]:
        """What is to be done again and again, every so many seconds."""

    @property
    def alive(self) -> bool:
        """Can it still bring calls, as far as this process goes?"""

    @property
    def placing(self) -> Placer:
        """How it places calls."""

    @property
    def settled(self) -> bool:
        """Is it known, as far as it can be, who talks with whom?"""

    def start(self) -> None:
        """Take up what the former engine left, then bring calls."""

    def stop(self) -> None: ...

    def wake(self, woken: Woken) -> None:
        """Tell a waiting call of its own to look at the store. A hint: it looks by itself."""


class Engine:
    """Serves calls from `start()` to `stop()`."""

    def __init__(self, assembly: Assembly) -> None:
        settings = assembly.settings
        self._assembly = assembly
        assembly.store.answer_seconds = ANSWER_SECONDS
        self.name = f"engine-{os.getpid()}-{secrets.token_hex(3)}"
        self.controller = assembly.controller(self.name, self._wake)
        self._carriers: dict[str, Carrier] = {}
        """By what the ids of their calls begin with."""
        self.asterisk: AsteriskCarrier | None = None
        handlers = {"ping": ping_handler(self.healthy)}
        if settings.asterisk:
            self.asterisk = AsteriskCarrier(assembly, self.controller, now)
            self._carriers[settings.asterisk_name] = self.asterisk
            handlers |= self.asterisk.handlers
        if settings.twilio_account_sid:
            self._carriers[TWILIO] = TwilioCarrier(assembly, self.controller, now)
        # Without Asterisk, for the supervisor's ping alone.
        self.server = FastAgiServer(settings.fastagi_address, handlers)
        self._probes = ThreadPoolExecutor(1, thread_name_prefix="probe")
        self._probe: Future[bool] | None = None
        self._probed_at = 0.0
        self._scheduler = BackgroundScheduler(timezone=UTC)
        self._shifts = _shifts(assembly)
        self._shifts_seen = now()
        self._assessment = Assessment(assembly.stations)
        placers = [carrier.placing for carrier in self._carriers.values()]
        self._station_probes = Probes(
            assembly.store,
            Placing(assembly.store, placers),
            attempts(assembly, self.controller, now),
            assembly.stations,
            self._assessment.thresholds,
            now,
        )

    def start(self) -> None:
        """Take up what the former engine left, then serve. Whoever is answered a ping may send
        calls."""
        jobs: list[tuple[Callable[[], None], int]] = [
            (self._tick, 1),
            (self._seal, 60),
            (self._end_shifts, 60),
            (self._tell_due, 60),
            (self._reassess, 15),
            (self._begin_probes, 5),
            # Carriers are asked, and may be long: the tick doesn't wait for them.
            (self._station_probes.give_way, 1),
        ]
        for carrier in self._carriers.values():
            carrier.start()
            jobs += carrier.jobs
        for job, seconds in jobs:
            self._scheduler.add_job(
                _told(job), "interval", seconds=seconds, coalesce=True, max_instances=1,
                misfire_grace_time=None,
            )  # fmt: skip
        self._scheduler.start()
        self.server.start()
        log.info("engine_started", engine=self.name, carriers=list(self._carriers))

    def stop(self) -> None:
        self._scheduler.shutdown(wait=True)
        self.server.stop()
        for carrier in self._carriers.values():
            carrier.stop()
        self._probes.shutdown(wait=False)
        self._assembly.store.close()
        log.info("engine_stopped", engine=self.name)

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: ended.set())
        sys.setswitchinterval(SWITCH_SECONDS)
        self.start()
        # What is here to stay is not looked through again and again while calls wait.
        gc.collect()
        gc.freeze()
        ended.wait()
        self.stop()

    def healthy(self) -> bool:
        """Can this process still bring calls and commit, or at least say that it can't? A store
        that is down is no fault of the engine's, and a backlog is no hang while others' commits go
        on. An engine that is killed for a hung store comes back to the same store, and its calls
        have lost it for nothing."""
        for name, carrier in self._carriers.items():
            if not carrier.alive:
                log.error("carrier_died", carrier=name)
                return False
        store = self._assembly.store
        writes = store.writes
        if self._probe is None or self._probe.done():
            self._probe = self._probes.submit(self._commits)
            self._probed_at = time.monotonic()
        try:
            return self._probe.result(timeout=PROBE_SECONDS)
        except NotInTime:
            waited = time.monotonic() - self._probed_at
            return waited < SILENT_SECONDS or store.writes != writes

    def _commits(self) -> bool:
        try:
            self._assembly.store.write(lambda connection: None)
        except StoreUnavailable:
            log.error("store_unavailable")
        return True

    def _wake(self, woken: Woken) -> None:
        # A call on another machine looks for itself; here its channel's name is somebody else's.
        carrier = self._carriers.get(node_of(woken.call_id))
        if carrier is not None:
            carrier.wake(woken)

    def _tick(self) -> None:
        # Before it is known who talks with whom, a talking counselor's lease may seem to be over.
        if all(carrier.settled for carrier in self._carriers.values()):
            self.controller.tick(now())
        self._station_probes.free()

    def _seal(self) -> None:
        assembly = self._assembly
        try:
            seal_minute(assembly.store, assembly.log.keys, assembly.settings.seal_file, now())
        except (SealFileDiffers, OSError) as error:
            log.error("seal_not_exported", reason=str(error))

    def _end_shifts(self) -> None:
        """Whoever's shift is over is logged out, after the call they are on; then their orders
        are their station's."""
        shifts, since, until = self._shifts, self._shifts_seen, now()
        if shifts is not None:
            self.controller.counselors_changed(
                lambda connection: end_shifts(connection, shifts, since, until), until
            )
            self._assembly.release_handlers(shifts, until)
        self._shifts_seen = until

    def _tell_due(self) -> None:
        """Who is late, and who is to see to it, once each."""
        at, shifts = now(), self._shifts
        for told in self._assembly.tell_due(shifts, at):
            log.warning(
                "deadline_told", order_no=told.order_no, clock=told.deadline.clock,
                due=told.deadline.due.isoformat(), level=told.level, station=told.station,
            )  # fmt: skip

    def _reassess(self) -> None:
        """How strong each station is; what changed is told once it is committed."""
        at = now()
        planned = self._planned(at)
        store, assessment = self._assembly.store, self._assessment
        look = store.read(lambda connection: assessment.look(connection, planned, at))
        for change in store.write(lambda connection: assessment.reassess(connection, look)):
            log.warning(
                "standing_changed", change=change.id, station=change.station, topic=change.topic,
                before=change.from_state, after=change.to_state, cause=change.cause,
            )  # fmt: skip

    def _begin_probes(self) -> None:
        """Weak stations are asked whether they answer; what the last probe said may decide it."""
        if self._assembly.store.read(trials.probe_told):
            self._reassess()
        self._station_probes.begin(self._planned(now()))

    def _planned(self, at: datetime) -> frozenset[str]:
        """Who is on duty by the plan of shifts."""
        return self._shifts.planned(at) if self._shifts is not None else frozenset()


def _shifts(assembly: Assembly) -> Shifts | None:
    """The plan of shifts; a mistake in it must not keep the line closed."""
    try:
        return assembly.shifts()
    except ConfigErrors as errors:
        for problem in errors.errors:
            log.error("shifts_refused", problem=problem)
        return None


def _told(job: Callable[[], None]) -> Callable[[], None]:
    """A job that cannot reach the store tries again next time; one line says so."""

    def run() -> None:
        try:
            job()
        except StoreUnavailable as error:
            log.error("job_postponed", job=job.__name__, reason=str(error))

    return run
