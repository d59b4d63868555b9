"""Keeps the line's processes alive: restarts what dies, ends what hangs.

A process that hangs is worse than one that dies: the kernel goes on accepting connections for
it and callers sit in silence. So each is asked for a sign of life every two seconds, and one
that is silent three times is killed: the hang becomes the crash that calls survive.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

log = structlog.get_logger()

PROBE_SECONDS = 2.0
PROBES_MISSED = 3
SOON_SECONDS = 10.0
"""A process that dies sooner than this after its start is restarted with growing patience."""
LONGEST_PAUSE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Program:
    """A process to keep. `alive` is asked while it runs (None: its being there is enough);
    `grace_seconds` after its start it may still be silent."""

    name: str
    command: Sequence[str]
    log_file: Path
    environment: Mapping[str, str]
    alive: Callable[[], bool] | None = None
    grace_seconds: float = 15.0
    probe_seconds: float = PROBE_SECONDS
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 8.0


class Keeper(threading.Thread):
    """Keeps one program running until `stop()`."""

    def __init__(self, program: Program) -> None:
        super().__init__(name=f"keeper-{program.name}", daemon=True)
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self.restarts = -1
        self._stopping = threading.Event()

    def run(self) -> None:
        pause = 0.0
        while not self._stopping.wait(pause):
            started = time.monotonic()
            self._start()
            self._watch(started)
            if self._stopping.is_set():
                return
            lived = time.monotonic() - started
            pause = 0.1 if lived > SOON_SECONDS else min(LONGEST_PAUSE_SECONDS, pause * 2 or 0.1)

    def _start(self) -> None:
        self.restarts += 1
        with self.program.log_file.open("ab") as output:
            self.process = subprocess.Popen(
                list(self.program.command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(self.program.environment),
                # Its own group, so that a terminal's Ctrl-C reaches the supervisor alone.
                start_new_session=True,
            )
        log.info(
            "process_started", name=self.program.name, pid=self.process.pid, restarts=self.restarts
        )

    def _watch(self, started: float) -> None:
        assert self.process is not None
        missed = 0
        heard = False
        next_probe = started + self.program.probe_seconds
        while True:
            try:
                code = self.process.wait(timeout=max(0.0, next_probe - time.monotonic()))
            except subprocess.TimeoutExpired:
                pass
            else:
                if not self._stopping.is_set():
                    log.error("process_died", name=self.program.name, exit_code=code)
                return
            # What a probe takes counts: three silent ones take no longer than three quick ones.
            next_probe = time.monotonic() + self.program.probe_seconds
            if self._stopping.is_set() or self.program.alive is None:
                continue
            if self.program.alive():
                missed, heard = 0, True
                continue
            if not heard and time.monotonic() - started < self.program.grace_seconds:
                continue
            missed += 1
            if missed >= PROBES_MISSED:
                log.error("process_hung", name=self.program.name, pid=self.process.pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.process.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End the program: politely, then at once."""
        self._stopping.set()
        process = self.process
        if process is None or process.poll() is not None:
            return
        process.send_signal(self.program.stop_signal)
        # A stopped process obeys only after it is continued.
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
        try:
            process.wait(timeout=self.program.stop_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
