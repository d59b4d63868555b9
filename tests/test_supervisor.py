"""The supervisor against programs that die, hang or are slow to begin."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivr.asterisk.server import ping
from ivr.supervisor import PROBES_MISSED, Keeper, Program

DEADLOCKS_AFTER_ONE_PING = """
import socket, sys, threading
lock = threading.Lock()
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    connection, _ = server.accept()
    lock.acquire()
    connection.recv(100)
    connection.sendall(b"NOOP\\n")
    connection.recv(100)
    connection.close()
"""
SLEEPS = "import signal; signal.pause()"
LONGEST = 20.0


class Watched:
    """A kept program. Each sign of life is asked of `answer`; waits for what the keeper did."""

    def __init__(
        self, folder: Path, code: str, *arguments: str, answer: Callable[[], bool] = lambda: True
    ) -> None:
        self._answer = answer
        self._asked = threading.Condition()
        self._answers: list[tuple[int, bool]] = []
        self.keeper = Keeper(
            Program(
                name="fake",
                command=[sys.executable, "-S", "-c", code, *arguments],
                log_file=folder / "log",
                environment=dict(os.environ),
                alive=self._alive,
                probe_seconds=0.05,
            )
        )

    def _alive(self) -> bool:
        answer = self._answer()
        with self._asked:
            self._answers.append((self.keeper.restarts, answer))
            self._asked.notify_all()
        return answer

    def wait_for(self, restarts: int, answer: bool, times: int = 1) -> None:
        """Until the process that was started again so often has answered so."""
        with self._asked:
            assert self._asked.wait_for(
                lambda: self._answers.count((restarts, answer)) >= times, LONGEST
            ), self._answers

    def answers(self, restarts: int) -> list[bool]:
        with self._asked:
            return [answer for of, answer in self._answers if of == restarts]

    @property
    def pid(self) -> int:
        assert self.keeper.process is not None
        return self.keeper.process.pid


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Callable[..., Watched]]:
    kept: list[Watched] = []

    def start(code: str, *arguments: str, answer: Callable[[], bool] = lambda: True) -> Watched:
        watched = Watched(tmp_path, code, *arguments, answer=answer)
        kept.append(watched)
        watched.keeper.start()
        return watched

    yield start
    for watched in kept:
        watched.keeper.stop()
        watched.keeper.join(LONGEST)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_program_that_dies_is_started_again(keep: Callable[..., Watched]) -> None:
    program = keep(SLEEPS)
    program.wait_for(0, True)
    first = program.pid
    os.kill(first, signal.SIGKILL)
    program.wait_for(1, True)
    assert program.pid != first


def test_a_deadlocked_program_that_still_accepts_connections_is_ended(
    keep: Callable[..., Watched],
) -> None:
    port = free_port()
    program = keep(
        DEADLOCKS_AFTER_ONE_PING, str(port), answer=lambda: ping(("127.0.0.1", port), 0.3)
    )
    program.wait_for(0, True)
    program.wait_for(1, True)
    assert program.answers(0)[-PROBES_MISSED:] == [False] * PROBES_MISSED


def test_a_stopped_program_is_ended(keep: Callable[..., Watched]) -> None:
    stopped: list[int] = []
    program = keep(SLEEPS, answer=lambda: program.pid not in stopped)
    program.wait_for(0, True)
    stopped.append(program.pid)
    os.kill(program.pid, signal.SIGSTOP)
    program.wait_for(1, True)


def test_one_late_answer_is_no_hang(keep: Callable[..., Watched]) -> None:
    answers = iter([True, False, False, True, False, False, True])
    program = keep(SLEEPS, answer=lambda: next(answers, True))
    program.wait_for(0, True, times=4)
    assert program.keeper.restarts == 0


def test_a_program_may_take_its_time_to_begin(keep: Callable[..., Watched]) -> None:
    answers = iter([False] * 2 * PROBES_MISSED)
    program = keep(SLEEPS, answer=lambda: next(answers, True))
    program.wait_for(0, True)
    assert program.keeper.restarts == 0
