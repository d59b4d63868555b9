"""Callbacks on Asterisk: a counselor is rung by a call that we place, and accepts; then that leg
dials the caller, who hears the safe-to-talk question (the dialplan's `safe`) and has to press 1,
or * or 5, before the two are connected. The dialplan asks first whether they still may be; no
engine to ask is no reason to hang up on a child.

`SAFE_AT` holds the second in which that was, `CALLBACK_TRY` that the Dial was begun: whoever goes
on with the leg never dials again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from asterisk.manager import ManagerException
from sqlalchemy import Connection

from callflows.events import DialResult
from callflows.verbs import Say
from config.database import StoreUnavailable
from ivr import placed_calls
from ivr.asterisk.ami import Ami
from ivr.asterisk.channel import Channel, ChannelGone
from ivr.asterisk.dialling import result_of
from ivr.asterisk.placed_legs import ACCEPT_SECONDS, ACCEPTS
from ivr.callback_attempts import PURPOSE, REFUSES, Try
from ivr.callback_placing import NOT_REACHED, NOT_WANTED, CallbackPlacing
from ivr.controller import Controller
from ivr.placed_calls import PlacedCall, Result
from recordings.prompts import PromptCache

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AsteriskCallbacks:
    """Of one Asterisk. :param now: gives the aware UTC time."""

    controller: Controller
    placing: CallbackPlacing
    ami: Ami
    prompts: PromptCache
    node: str
    trunk: str
    now: Callable[[], datetime]

    def reconcile(self) -> None:
        """Who began to talk while nobody listened to Asterisk's events is talking; for a callback
        that was cancelled nobody is rung on. Raises StoreUnavailable."""
        law = self.placing.law

        def work(connection: Connection) -> dict[str, bool]:
            live = placed_calls.live(connection, self.node)
            ours = [call.id for call in live if call.purpose == PURPOSE]
            return {
                one: law.lives(connection, one) for one in ours if not law.talks(connection, one)
            }

        wanted = self.controller.store.read(work)
        if not wanted:
            return
        with contextlib.suppress(ManagerException):
            channels = self.ami.channels()
            for one in wanted.keys() & channels.keys():
                if channels[one].bridged:
                    self.bridged(one)
                elif not wanted[one]:
                    self.ami.hang_up(channels[one].name)

    def leg(self, channel: Channel, call: PlacedCall) -> None:
        """A `Leg`: whoever picked up at a counselor's."""
        begun = channel.get_variables("CALLBACK_TRY", "EPOCH")["CALLBACK_TRY"]
        if begun:
            self._report(channel, call, gone=False)
            return
        try:
            key = channel.first_key([self._file(self.placing.whisper(call.id))], ACCEPT_SECONDS)
        except ChannelGone:
            key = ""
        if key != ACCEPTS:
            self._end(call, Result.NOT_ACCEPTED)
            return
        ring = self.controller.write(lambda tx: self.placing.law.accepted(tx, call.id, self.now()))
        if ring is None:
            self._end(call, Result.NOT_ACCEPTED)
            channel.stream_file(self._file(NOT_WANTED))
            return
        self._ring(channel, call, ring)

    def safe(self, channel: Channel) -> None:
        """Handles `safe`: whoever answered at the caller's has pressed a key that connects, or
        REFUSES."""
        call_id, key = (channel.env.get(f"agi_arg_{n}", "") for n in (1, 2))
        now = self.now()
        try:
            if key == REFUSES:
                self.controller.write(lambda tx: self.placing.law.refused(tx, call_id, now))
                channel.set_variable("SAFE_TOLD", "refused")
                return
            joined = self.controller.write(
                lambda tx: self.placing.law.connected(tx, call_id, now, key)
            )
        except StoreUnavailable as error:
            log.error("callback_not_asked", id=call_id, reason=str(error))
        else:
            channel.set_variable("SAFE_TOLD", "joined" if joined else "refused")

    def bridged(self, call_id: str) -> None:
        """Two channels met, of which one is a placed call of ours. Raises StoreUnavailable."""
        if call_id.startswith(f"{PURPOSE}:"):
            self.controller.write(lambda tx: self.placing.law.connected(tx, call_id, self.now()))

    def _ring(self, channel: Channel, call: PlacedCall, ring: Try) -> None:
        safe = self.prompts.file(ring.safe_to_talk, ring.language).absolute()
        gone = False
        try:
            phone = f"PJSIP/{ring.number}@{self.trunk}"
            channel.ring_back(phone, ring.ring_seconds, safe, call.id)
        except ChannelGone:
            gone = True
        self._report(channel, call, gone)

    def _report(self, channel: Channel, call: PlacedCall, gone: bool) -> None:
        """What came of the Dial. `gone`: the counselor's side hung up first."""
        said = channel.get_variables("DIALSTATUS", "HANGUPCAUSE", "SAFE_AT")
        if said["SAFE_AT"]:
            self.bridged(call.id)
            self._end(call, Result.ACCEPTED, "counselor" if gone else "caller")
            return
        result = result_of(said["DIALSTATUS"], said["HANGUPCAUSE"])
        self._end(call, placed_calls.result_of_dial(result))
        if not gone and result is not DialResult.ABANDONED:
            channel.stream_file(self._file(NOT_REACHED))

    def _end(self, call: PlacedCall, result: Result, by: str | None = None) -> None:
        self.controller.write(
            lambda tx: self.placing.law.ended(tx, call.id, result, self.now(), by)
        )

    def _file(self, said: Say) -> str:
        return str(self.prompts.file(said.text, said.language).absolute())
