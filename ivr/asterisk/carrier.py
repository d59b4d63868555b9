"""Asterisk beside the engine: what FastAGI asks, AMI, wake-ups, and what is looked after."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import structlog
from asterisk.manager import ManagerException

from config.database import StoreUnavailable
from config.topics import load_topics
from ivr import heard_keys
from ivr.asked_in import LEG
from ivr.assembly import Assembly
from ivr.asterisk.ami import Ami, Headers
from ivr.asterisk.callbacks import AsteriskCallbacks
from ivr.asterisk.calls import CARRIER, CallHandler, HangupHandler
from ivr.asterisk.codes import CodeHandler
from ivr.asterisk.deployment import ami_secret
from ivr.asterisk.desk_work import SAID, DeskWork
from ivr.asterisk.dialling import phone_number, phone_of_channel
from ivr.asterisk.page_callers import PageCallers
from ivr.asterisk.page_calls import VisitHandler
from ivr.asterisk.placed_legs import Asking, PlacedLegs, SyntheticLeg
from ivr.asterisk.placing import AsteriskPlacing
from ivr.asterisk.provisions import Provisions
from ivr.asterisk.server import Handler
from ivr.asterisk.spool import Report, import_spool, unread
from ivr.asterisk.waker import Waker
from ivr.callback_attempts import PURPOSE
from ivr.callback_placing import CallbackPlacing
from ivr.controller import Controller
from ivr.order_events import Note
from ivr.purposes import SYNTHETIC, attempts
from ivr.transaction import Woken
from recordings.prompts import PromptCache

log = structlog.get_logger()


class AsteriskCarrier:
    """Serves Asterisk's calls for one engine, from `start()` to `stop()`. `handlers`: what it asks
    by FastAGI, by path."""

    def __init__(
        self, assembly: Assembly, controller: Controller, now: Callable[[], datetime]
    ) -> None:
        settings = assembly.settings
        self._assembly = assembly
        self._controller = controller
        self._now = now
        self._node = settings.asterisk_name
        self.ami = Ami(settings.ami_address, settings.ami_user, ami_secret(settings))
        self._waker = Waker(self.ami)
        prompts = PromptCache(settings.prompts_directory, settings.recorded_prompts_directory)
        provisions = Provisions(assembly, controller, prompts)
        ours = attempts(assembly, controller, now)
        asking = Asking(ours, prompts)
        self.placing = AsteriskPlacing(
            assembly.store, assembly.log.keys, ours, self.ami, settings, now
        )
        calling_back = CallbackPlacing(
            controller, self.placing, self._node, load_topics(settings.stations_directory), now
        )
        self.place_callbacks = calling_back.place_held
        self.callbacks = AsteriskCallbacks(
            controller, calling_back, self.ami, prompts, self._node, settings.outbound_trunk, now
        )
        self._page_callers = PageCallers(assembly.store, self.ami, self._node, now)
        self._desk_work = DeskWork(controller, provisions, self.ami, self._node, now)
        self.handlers: Mapping[str, Handler] = {
            "call": CallHandler(controller, provisions, now),
            "hangup": HangupHandler(controller, now),
            "code": CodeHandler(controller, prompts, now),
            "placed": PlacedLegs(
                ours,
                {
                    PURPOSE: self.callbacks.leg,
                    **{
                        purpose: SyntheticLeg(asking, words, thanks)
                        for purpose, (words, thanks) in SYNTHETIC.items()
                    },
                },
            ),
            "visit": VisitHandler(assembly.store, now),
            "unanswered": self.placing.unanswered,
            "safe": self.callbacks.safe,
            "not-asked-in": self._desk_work.not_asked_in,
        }
        self._reconciling = threading.Lock()
        self._reconciled = threading.Event()
        self._importing = threading.Lock()

    @property
    def jobs(self) -> Sequence[tuple[Callable[[], None], int]]:
        """What is to be done again and again, every so many seconds."""
        return (
            (self.import_spool, 3),
            (self.reconcile, 30),
            (self.placing.reconcile, 15),
            (self.place_callbacks, 1),
            (self.callbacks.reconcile, 2),
            (self._page_callers.look, 10),
        )

    @property
    def alive(self) -> bool:
        """FastAGI's server answers for itself; an Asterisk that is down is no fault of ours."""
        return True

    @property
    def settled(self) -> bool:
        """Is it known who talks with whom?"""
        return self._reconciled.is_set() or not self.ami.connected

    def start(self) -> None:
        self.ami.on_event("BridgeEnter", self._bridged)
        self.ami.on_event("DTMFEnd", self._pressed)
        self.ami.on_event("FullyBooted", self._booted)
        self.ami.on_event("OriginateResponse", self._responded)
        self._waker.start()
        self.ami.start()
        self._desk_work.start()

    def stop(self) -> None:
        self._desk_work.stop()
        self._waker.stop()
        self.ami.stop()

    def wake(self, woken: Woken) -> None:
        """Tell a waiting call to look, until it has."""

        def still_asleep() -> bool:
            try:
                return self._controller.slept_on(woken)
            except StoreUnavailable:
                return False

        self._waker.wake(woken.call_id, woken.channel, still_asleep)

    def import_spool(self) -> None:
        """What the dialplan wrote of calls while no engine could take them."""
        with self._importing:
            settings = self._assembly.settings
            import_spool(settings.spool_directory, settings.recordings_directory, self._reported)

    def reconcile(self) -> None:
        """Calls that the store holds open and our Asterisk no longer has are over: it died, or
        lost them; other machines' calls are theirs. What the dialplan wrote of them comes first.
        Whoever began to talk while nobody listened to Asterisk's events is talking."""
        with self._reconciling:
            began = self._now()
            # Listed after the store was read: a call that is in the store was in Asterisk before.
            open_calls = {
                call.call_id: call
                for call in self._controller.open_calls()
                if call.carrier == CARRIER and call.node == self._node
            }
            try:
                live = self.ami.channels() if open_calls else {}
            except ManagerException:
                return
            self.import_spool()
            # A report that the store couldn't take yet tells better than we what became of a call.
            known = live.keys() | unread(self._assembly.settings.spool_directory)
            for call in open_calls.values():
                if call.call_id not in known and self._controller.lost(call.call_id, began):
                    log.error("call_lost", call_id=call.call_id, order_no=call.order_no)
            for leg in live.values():
                caller = live.get(leg.call_id)
                if caller and leg.bridged and leg is not caller and leg.call_id in open_calls:
                    self._talking(leg.name, leg.call_id, caller.name)
            self._reconciled.set()

    def _booted(self, _headers: Headers) -> None:
        try:
            self.reconcile()
            self.placing.reconcile()
        except StoreUnavailable as error:
            log.error("job_postponed", job="reconcile", reason=str(error))

    def _bridged(self, headers: Headers) -> None:
        """Answered means bridged: a counselor's leg has met its caller's."""
        call_id, channel = headers.get("Linkedid", ""), headers.get("Uniqueid", "")
        number = phone_of_channel(headers.get("Channel", ""))
        try:
            self.callbacks.bridged(channel)
            if channel == call_id or not number:
                return
            self._controller.counselor_answered(call_id, number, self._now())
        except StoreUnavailable as error:
            # Found out when the talk ends, or reconciled before.
            log.error("answer_not_noted", call_id=call_id, reason=str(error))

    def _responded(self, headers: Headers) -> None:
        """Of a call that we asked for."""
        of_desk = headers.get("ActionID", "").startswith((LEG, SAID))
        (self._desk_work if of_desk else self.placing).responded(headers)

    def _pressed(self, headers: Headers) -> None:
        """A caller has pressed a key, which counts here while a counselor talks."""
        call_id, key = headers.get("Uniqueid", ""), headers.get("Digit", "")
        ours = call_id == headers.get("Linkedid") and headers.get("Direction") == "Received"
        store, at = self._assembly.store, self._now()
        try:
            if ours and store.read(lambda c: heard_keys.talks(c, call_id)):
                store.write(lambda c: heard_keys.hear(c, call_id, key, at))
        except StoreUnavailable as error:
            log.error("key_not_shown", call_id=call_id, reason=str(error))

    def _talking(self, leg: str, call_id: str, caller: str) -> None:
        if not self._controller.answer_unknown(call_id):
            return
        # By now Asterisk may have left out the Local channel that told the number.
        try:
            since = self.ami.variable(caller, "ANSWERED_AT")
            dialled = self.ami.variable(caller, "DIALEDPEERNUMBER")
        except ManagerException:
            since = dialled = ""
        at = datetime.fromtimestamp(int(since), UTC) if since.isdecimal() else self._now()
        number = phone_of_channel(leg) or phone_number(dialled)
        self._controller.counselor_answered(call_id, number, at)

    def _reported(self, report: Report) -> None:
        call = report.call
        if not report.last_resort:
            self._controller.hung_up(
                call.call_id, report.at, report.dial, report.dial_turn, report.talk_seconds,
                report.desk, report.over,
            )  # fmt: skip
        notes = []
        if report.last_resort:
            notes.append(Note("last_resort", CARRIER, {"crisis": report.crisis}))
        if report.recording is not None:
            left = {"recording": report.recording, "seconds": report.recorded_seconds}
            columns = {"recording_ref": report.recording}
            notes.append(Note("voicemail_left", "caller", left, columns))
        self._controller.served_without_us(
            call, report.at, report.dial, notes, report.over, report.last_resort and report.crisis
        )
