"""Callbacks on Asterisk: a counselor is rung by a call that we place, and accepts; then that leg
dials the caller, who hears the safe-to-talk question (the dialplan's `safe`) and has to press 1
before the two are connected.

`SAFE_AT` holds the second in which that was, `CALLBACK_TRY` that the Dial was begun: whoever goes
on with the leg never dials again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from asterisk.manager import ManagerException
from sqlalchemy import Connection

from agents import roster
from callflows.events import DialResult
from callflows.verbs import Say
from config.topics import Topic
from ivr import placed_calls
from ivr.asterisk.ami import Ami
from ivr.asterisk.channel import Channel, ChannelGone
from ivr.asterisk.dialling import result_of
from ivr.asterisk.placed_legs import ACCEPT_SECONDS, ACCEPTS
from ivr.asterisk.placing import RESULTS, AsteriskPlacing
from ivr.callbacks import PURPOSE, Attempt, Callbacks, Try
from ivr.controller import Controller
from ivr.placed_calls import AlreadyRinging, PlacedCall, Result
from ivr.placing import CannotRing, Wanted
from ivr.sessions import node_of
from ivr.whispers import LANGUAGE, whispered
from recordings.prompts import PromptCache
from routing import callbacks

log = structlog.get_logger()

CALLBACK = "回电：{words}。接通请按1，然后为你呼叫对方。"
NOT_REACHED = Say("对方没有接通，稍后再拨，谢谢。", LANGUAGE, "callback_not_reached")
NOT_WANTED = Say("这个回电已经取消，谢谢。", LANGUAGE, "callback_cancelled")
SPOKEN = ((NOT_REACHED.text, LANGUAGE), (NOT_WANTED.text, LANGUAGE))


@dataclass(frozen=True, slots=True)
class AsteriskCallbacks:
    """Of one Asterisk. :param now: gives the aware UTC time."""

    controller: Controller
    placing: AsteriskPlacing
    ami: Ami
    prompts: PromptCache
    topics: Mapping[str, Topic]
    node: str
    trunk: str
    now: Callable[[], datetime]

    def place_held(self) -> None:
        """Ring whoever is held for a callback. Raises StoreUnavailable."""
        for name in self.controller.store.read(callbacks.held):
            if node_of(name) == self.node:
                self._place(name)

    def drop_cancelled(self) -> None:
        """Ring nobody on for a callback that was cancelled. Raises StoreUnavailable."""

        def work(connection: Connection) -> list[str]:
            live = placed_calls.live(connection, self.node)
            ours = [call.id for call in live if call.purpose == PURPOSE]
            return [one for one in ours if not self._law.lives(connection, one)]

        cancelled = self.controller.store.read(work)
        if cancelled:
            with contextlib.suppress(ManagerException):
                channels = self.ami.channels()
                for one in cancelled:
                    if one in channels:
                        self.ami.hang_up(channels[one].name)

    def leg(self, channel: Channel, call: PlacedCall) -> None:
        """A `Leg`: whoever picked up at a counselor's."""
        begun = channel.get_variables("CALLBACK_TRY", "EPOCH")["CALLBACK_TRY"]
        if begun:
            self._report(channel, call, gone=False)
            return
        try:
            key = channel.first_key([self._file(self._whisper(call))], ACCEPT_SECONDS)
        except ChannelGone:
            key = ""
        if key != ACCEPTS:
            self._end(call, Result.NOT_ACCEPTED)
            return
        ring = self.controller.write(lambda tx: self._law.accepted(tx, call.id, self.now()))
        if ring is None:
            self._end(call, Result.NO_ANSWER)
            channel.stream_file(self._file(NOT_WANTED))
            return
        self._ring(channel, call, ring)

    def bridged(self, call_id: str) -> None:
        """Two channels met, of which one is a placed call of ours. Raises StoreUnavailable."""
        if call_id.startswith(f"{PURPOSE}:"):
            self.controller.write(lambda tx: self._law.connected(tx, call_id, self.now()))

    def _ring(self, channel: Channel, call: PlacedCall, ring: Try) -> None:
        safe = self.prompts.file(ring.safe_to_talk, ring.language).absolute()
        gone = False
        try:
            channel.ring_back(f"PJSIP/{ring.number}@{self.trunk}", ring.ring_seconds, safe)
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
        self._end(call, RESULTS.get(result, Result.UNREACHABLE))
        if not gone and result is not DialResult.ABANDONED:
            channel.stream_file(self._file(NOT_REACHED))

    def _place(self, name: str) -> None:
        attempt = self.controller.write(lambda tx: self._law.begin(tx, name, self.now()))
        if attempt is not None:
            self._place_attempt(attempt)

    def _place_attempt(self, attempt: Attempt) -> None:
        store, who = self.controller.store, attempt.counselor_id

        def stands(connection: Connection) -> None:
            if not self._law.stands(connection, attempt):
                raise CannotRing("nobody is held for it any more")

        contacts = store.read(lambda c: roster.contacts_of(c, [who])).get(who, ())
        reached = [contact for contact in contacts if contact.reach in self.placing.reached]
        try:
            self.placing.place(Wanted(attempt.id, who, also=stands), reached)
        except (AlreadyRinging, CannotRing) as error:
            log.error("callback_not_placed", id=attempt.id, reason=str(error))
            self.controller.write(lambda tx: self._law.not_placed(tx, attempt, self.now()))

    def _end(self, call: PlacedCall, result: Result, by: str | None = None) -> None:
        self.controller.write(lambda tx: self._law.ended(tx, call.id, result, self.now(), by))

    def _whisper(self, call: PlacedCall) -> Say:
        about = self.controller.store.read(lambda c: self._law.about(c, call.id))
        words = whispered(self.topics, about.topic, about.region, about.order_no)
        return Say(CALLBACK.format(words=words), LANGUAGE, "callback")

    def _file(self, said: Say) -> str:
        return str(self.prompts.file(said.text, said.language).absolute())

    @property
    def _law(self) -> Callbacks:
        return self.controller.house.callbacks
