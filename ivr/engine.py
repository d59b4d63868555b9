"""One engine: everything a process needs to serve calls that come in by Asterisk."""

from __future__ import annotations

import gc
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from datetime import UTC, datetime

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from asterisk.manager import ManagerException

from agents.shifts import Shifts, end_shifts
from config.database import LOCK_SECONDS, StoreUnavailable
from config.postgresql import ANSWER_SECONDS
from config.yaml_file import ConfigErrors
from ivr.assembly import Assembly
from ivr.asterisk.ami import Ami, Headers
from ivr.asterisk.calls import CARRIER, CallHandler, HangupHandler
from ivr.asterisk.codes import CodeHandler
from ivr.asterisk.dialling import phone_number, phone_of_channel
from ivr.asterisk.provisions import Provisions
from ivr.asterisk.server import FastAgiServer, ping_handler
from ivr.asterisk.spool import Report, import_spool, unread
from ivr.asterisk.waker import Waker
from ivr.order_events import Note
from ivr.sessions import node_of
from ivr.transaction import Woken
from ivr.twilio.calls import CARRIER as TWILIO
from ivr.twilio.carrier import TwilioCarrier, WebhookServer
from recordings.prompts import PromptCache
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


class Engine:
    """Serves calls from `start()` to `stop()`."""

    def __init__(self, assembly: Assembly, ami_secret: str) -> None:
        settings = assembly.settings
        self._assembly = assembly
        assembly.store.answer_seconds = ANSWER_SECONDS
        self._node = settings.asterisk_name
        self.name = f"engine-{os.getpid()}-{secrets.token_hex(3)}"
        self.ami = Ami(settings.ami_address, settings.ami_user, ami_secret)
        self._waker = Waker(self.ami)
        self.controller = assembly.controller(self.name, self._wake)
        prompts = PromptCache(settings.prompts_directory, settings.recorded_prompts_directory)
        provisions = Provisions(assembly, self.controller, prompts)
        self.server = FastAgiServer(
            settings.fastagi_address,
            {
                "call": CallHandler(self.controller, provisions, now),
                "hangup": HangupHandler(self.controller, now),
                "code": CodeHandler(self.controller, prompts, now),
                "ping": ping_handler(self.healthy),
            },
        )
        self._twilio: TwilioCarrier | None = None
        if settings.twilio_account_sid:
            self._twilio = TwilioCarrier(assembly, self.controller, now)
            self._webhooks = WebhookServer(self._twilio.application, settings)
        self._probes = ThreadPoolExecutor(1, thread_name_prefix="probe")
        self._probe: Future[bool] | None = None
        self._probed_at = 0.0
        self._scheduler = BackgroundScheduler(timezone=UTC)
        self._reconciling = threading.Lock()
        self._reconciled = threading.Event()
        self._importing = threading.Lock()
        self._shifts = _shifts(assembly)
        self._shifts_seen = now()

    def start(self) -> None:
        """Take up what the former engine left, then serve."""
        self.ami.on_event("BridgeEnter", self._bridged)
        self.ami.on_event("FullyBooted", lambda _headers: _told(self._reconcile)())
        self._waker.start()
        self.ami.start()
        jobs: list[tuple[Callable[[], None], int]] = [
            (self._tick, 1),
            (self._import_spool, 3),
            (self._reconcile, 30),
            (self._seal, 60),
            (self._end_shifts, 60),
        ]
        if self._twilio is not None:
            jobs += [
                (self._twilio.tick, 1),
                (self._twilio.fetch_recordings, 15),
                (self._twilio.placing.reconcile, 15),
                (self._twilio.reconcile, 60),
            ]
        for job, seconds in jobs:
            self._scheduler.add_job(
                _told(job), "interval", seconds=seconds, coalesce=True, max_instances=1,
                misfire_grace_time=None,
            )  # fmt: skip
        self._scheduler.start()
        self.server.start()
        if self._twilio is not None:
            self._twilio.prepare()
            self._webhooks.start()
        log.info("engine_started", engine=self.name)

    def stop(self) -> None:
        self._scheduler.shutdown(wait=True)
        if self._twilio is not None:
            self._webhooks.stop()
        self.server.stop()
        if self._twilio is not None:
            self._twilio.close()
        self._waker.stop()
        self.ami.stop()
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
        """Can this process still commit, or at least say that it can't? A store that is down is
        no fault of the engine's, and a backlog is no hang while others' commits go on. An engine
        that is killed for a hung store comes back to the same store, and its calls have lost it
        for nothing."""
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
        node = node_of(woken.call_id)
        if node == TWILIO and self._twilio is not None:
            self._twilio.wake(woken)
        # A call on another machine looks for itself; here its channel's name is somebody else's.
        if node != self._node:
            return

        def still_asleep() -> bool:
            try:
                return self.controller.slept_on(woken)
            except StoreUnavailable:
                return False

        self._waker.wake(woken.call_id, woken.channel, still_asleep)

    def _bridged(self, headers: Headers) -> None:
        """Answered means bridged: a counselor's leg has met its caller's."""
        call_id = headers.get("Linkedid", "")
        if headers.get("Uniqueid") == call_id:
            return
        number = phone_of_channel(headers.get("Channel", ""))
        if not number:
            return
        try:
            self.controller.counselor_answered(call_id, number, now())
        except StoreUnavailable as error:
            # Found out when the talk ends, or reconciled before.
            log.error("answer_not_noted", call_id=call_id, reason=str(error))

    def _tick(self) -> None:
        # Before it is known who talks with whom, a talking counselor's lease may seem to be over.
        if self._reconciled.is_set() or not self.ami.connected:
            self.controller.tick(now())

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

    def _import_spool(self) -> None:
        with self._importing:
            settings = self._assembly.settings
            import_spool(settings.spool_directory, settings.recordings_directory, self._reported)

    def _reported(self, report: Report) -> None:
        call = report.call
        if not report.last_resort:
            self.controller.hung_up(
                call.call_id, report.at, report.dial, report.dial_turn, report.talk_seconds,
                report.desk, report.over,
            )  # fmt: skip
        notes = []
        if report.last_resort:
            notes.append(Note("last_resort", "asterisk", {"crisis": report.crisis}))
        if report.recording is not None:
            left = {"recording": report.recording, "seconds": report.recorded_seconds}
            columns = {"recording_ref": report.recording}
            notes.append(Note("voicemail_left", "caller", left, columns))
        self.controller.served_without_us(call, report.at, report.dial, notes, report.over)

    def _reconcile(self) -> None:
        """Calls that the store holds open and our Asterisk no longer has are over: it died, or
        lost them; other machines' calls are theirs. What the dialplan wrote of them comes first.
        Whoever began to talk while nobody listened to Asterisk's events is talking."""
        with self._reconciling:
            began = now()
            # Listed after the store was read: a call that is in the store was in Asterisk before.
            open_calls = {
                call.call_id: call
                for call in self.controller.open_calls()
                if call.carrier == CARRIER and call.node == self._node
            }
            try:
                live = self.ami.channels() if open_calls else {}
            except ManagerException:
                return
            self._import_spool()
            # A report that the store couldn't take yet tells better than we what became of a call.
            known = live.keys() | unread(self._assembly.settings.spool_directory)
            for call in open_calls.values():
                if call.call_id not in known and self.controller.lost(call.call_id, began):
                    log.error("call_lost", call_id=call.call_id, order_no=call.order_no)
            for leg in live.values():
                caller = live.get(leg.call_id)
                if caller and leg.bridged and leg is not caller and leg.call_id in open_calls:
                    self._talking(leg.name, leg.call_id, caller.name)
            self._reconciled.set()

    def _talking(self, leg: str, call_id: str, caller: str) -> None:
        if not self.controller.answer_unknown(call_id):
            return
        # By now Asterisk may have left out the Local channel that told the number.
        try:
            since = self.ami.variable(caller, "ANSWERED_AT")
            dialled = self.ami.variable(caller, "DIALEDPEERNUMBER")
        except ManagerException:
            since = dialled = ""
        at = datetime.fromtimestamp(int(since), UTC) if since.isdecimal() else now()
        number = phone_of_channel(leg) or phone_number(dialled)
        self.controller.counselor_answered(call_id, number, at)


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
