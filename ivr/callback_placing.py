"""Ringing the counselors who are held for callbacks, on whichever carrier."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection

from callflows.verbs import Say
from config.topics import Topic
from ivr.callback_attempts import CallbackAttempts
from ivr.controller import Controller
from ivr.placed_calls import AlreadyRinging
from ivr.placing import CannotRing, Placer, Placing, Wanted
from ivr.sessions import node_of
from ivr.whispers import LANGUAGE, whispered
from routing import callbacks

log = structlog.get_logger()

WHISPER = "回电：{words}。接通请按1，然后为你呼叫对方。"
WHISPER_TYPED = "网页回电：{words}。号码是网页上填的，先确认是不是本人。接通请按1。"
NOT_REACHED = Say("对方没有接通。不用你再拨，谢谢。", LANGUAGE, "callback_not_reached")
NOT_WANTED = Say("这个回电已经取消，谢谢。", LANGUAGE, "callback_cancelled")
SPOKEN = ((NOT_REACHED.text, LANGUAGE), (NOT_WANTED.text, LANGUAGE))


@dataclass(frozen=True, slots=True)
class CallbackPlacing:
    """:param node: the machine whose callers are called back. `now`: gives the aware UTC time."""

    controller: Controller
    placer: Placer
    node: str
    topics: Mapping[str, Topic]
    now: Callable[[], datetime]

    @property
    def law(self) -> CallbackAttempts:
        return self.controller.house.callback_attempts

    def place_held(self) -> None:
        """Ring whoever is held for a callback. Raises StoreUnavailable."""
        for name in self.controller.store.read(callbacks.held):
            if node_of(name) == self.node:
                self._place(name)

    def whisper(self, call_id: str) -> Say:
        """What a counselor who picked up is told, for them to press 1."""
        about = self.controller.store.read(lambda c: self.law.about(c, call_id))
        words = whispered(self.topics, about.topic, about.region, about.order_no)
        whisper = WHISPER_TYPED if about.typed else WHISPER
        return Say(whisper.format(words=words), LANGUAGE, "callback")

    def _place(self, name: str) -> None:
        attempt = self.controller.write(lambda tx: self.law.begin(tx, name, self.now()))
        if attempt is None:
            return

        def stands(connection: Connection) -> None:
            if not self.law.stands(connection, attempt):
                raise CannotRing("nobody is held for it any more")

        placing = Placing(self.controller.store, [self.placer])
        try:
            placing.place(Wanted(attempt.id, attempt.counselor_id, also=stands))
        except (AlreadyRinging, CannotRing) as error:
            log.error("callback_not_placed", id=attempt.id, reason=str(error))
            self.controller.write(lambda tx: self.law.not_placed(tx, attempt, self.now()))
