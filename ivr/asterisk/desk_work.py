"""Performs on Asterisk what desks ask for: a thread that looks for requests, and ends, rings and
moves the legs that are not the caller's.

The caller's own leg is never touched: it stays in the engine's hands, and what becomes of it is
decided where its Dial ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from asterisk.manager import ManagerException

from config.database import StoreUnavailable
from ivr import desk_requests
from ivr.asterisk.ami import Ami
from ivr.controller import Controller
from ivr.desk_requests import Kind, Request, State

log = structlog.get_logger()

LOOK_SECONDS = 0.25
"""A click is performed by then."""
AGAIN = timedelta(seconds=1)
"""What was told Asterisk and hasn't come about is told again."""


class DeskWork:
    """Of one Asterisk, from `start()` to `stop()`. :param now: gives the aware UTC time."""

    def __init__(
        self, controller: Controller, ami: Ami, node: str, now: Callable[[], datetime]
    ) -> None:
        self._controller = controller
        self._ami = ami
        self._node = node
        self._now = now
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="desk-work", daemon=True)
        self._told: dict[str, datetime] = {}
        self._unheard = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def look(self) -> None:
        """Perform what is asked for. Raises StoreUnavailable."""
        requests = self._controller.store.read(
            lambda connection: desk_requests.open_of(connection, self._node)
        )
        self._told = {one.id: self._told[one.id] for one in requests if one.id in self._told}
        for request in requests:
            self._perform(request)

    def _run(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            try:
                self.look()
                self._unheard = False
            except StoreUnavailable as error:
                if not self._unheard:
                    log.error("desk_requests_not_seen", reason=str(error))
                self._unheard = True
            except Exception:
                log.exception("desk_request_failed")

    def _perform(self, request: Request) -> None:
        law, now = self._controller.house.with_others, self._now()
        if request.state is State.ASKED:
            if not self._controller.write(lambda tx: law.take(tx, request, now)):
                return
        elif request.state is not State.TAKEN or now < self._told.get(request.id, now) + AGAIN:
            return
        else:
            self._controller.write(lambda tx: law.overdue(tx, request, now))
        self._told[request.id] = now
        try:
            if request.kind is Kind.BLIND:
                self._end_talk(request.call_id)
        except ManagerException as error:
            log.error("desk_request_untold", request=request.id, reason=str(error))

    def _end_talk(self, call_id: str) -> None:
        """Whoever talks with the caller is hung up; the caller's Dial returns."""
        for unique_id, leg in self._ami.channels().items():
            if leg.call_id == call_id and unique_id != call_id and leg.bridged:
                self._ami.hang_up(leg.name)
