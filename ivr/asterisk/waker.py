"""Wakes calls that wait in Asterisk: somebody is reserved for them.

A wake-up is a hint, the store is the truth: the key may vanish between two AGI commands while
AMI says Success, so it is repeated until the call's turn has moved.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

log = structlog.get_logger()

WAKE_KEY = "D"
AGAIN_SECONDS = 0.2
GIVE_UP_SECONDS = 30.0
"""A hold loop looks by itself every 5 s; longer than this it isn't listening at all."""


class PlaysDigits(Protocol):
    def play_digit(self, channel: str, digit: str) -> None: ...


@dataclass(frozen=True, slots=True)
class _Sleeper:
    channel: str
    still_waiting: Callable[[], bool]
    until: float


class Waker:
    """One background thread for all calls, from `start()` to `stop()`."""

    def __init__(self, ami: PlaysDigits) -> None:
        self._ami = ami
        self._sleepers: dict[str, _Sleeper] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="waker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def wake(self, call_id: str, channel: str, still_waiting: Callable[[], bool]) -> None:
        """Press the wake-up key on `channel` now, and every 200 ms while `still_waiting()`."""
        self._ami.play_digit(channel, WAKE_KEY)
        with self._changed:
            until = time.monotonic() + GIVE_UP_SECONDS
            self._sleepers[call_id] = _Sleeper(channel, still_waiting, until)
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._sleepers)
                self._changed.wait_for(lambda: self._stopping, timeout=AGAIN_SECONDS)
                if self._stopping:
                    return
                sleepers = dict(self._sleepers)
            now = time.monotonic()
            for call_id, sleeper in sleepers.items():
                if sleeper.until > now and self._waits(call_id, sleeper):
                    self._ami.play_digit(sleeper.channel, WAKE_KEY)
                    continue
                with self._changed:
                    if self._sleepers.get(call_id) is sleeper:
                        del self._sleepers[call_id]

    @staticmethod
    def _waits(call_id: str, sleeper: _Sleeper) -> bool:
        try:
            return sleeper.still_waiting()
        except Exception:
            log.exception("waker_cannot_look", call_id=call_id)
            return False  # the call looks by itself soon
