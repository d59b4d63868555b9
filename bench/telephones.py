"""SIPp as all callers, and as all counselors' telephones: one process a role, many calls.

Both write a line `<time> <what> <caller's number>` to their logs, by the same clock.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.media import write_capture
from tests.e2e.sipp import free_port

SCENARIOS = Path(__file__).with_name("scenarios")
SOUND_SECONDS = 8.0
SPARE_SECONDS = 10.0
"""That callers get to finish, over what they should take."""
LOG_IN_TRIES = 3
"""Asterisk asks new telephones for a sign of life at once, and SIPp may take that amiss."""

_LINE = re.compile(r"(\d{10}\.\d+)\s+(\w+) (\d+)")


@dataclass(frozen=True, slots=True)
class Account:
    name: str
    secret: str


class Telephones:
    """Writes its files into `folder`; SIP goes to `server`.

    :param address: where callers come from: it tells Asterisk their trunk.
    """

    def __init__(self, folder: Path, server: tuple[str, int], address: str) -> None:
        self._folder = folder
        self._server = f"{server[0]}:{server[1]}"
        self._address = address
        self._port = free_port("127.0.0.1")
        for scenario in SCENARIOS.glob("*.xml"):
            shutil.copy(scenario, folder)
        write_capture(folder / "sound.pcap", SOUND_SECONDS)
        # So many numbers that none comes twice in a run.
        numbers = "\n".join(str(13_800_000_000 + n) for n in range(100_000))
        (folder / "callers.csv").write_text(f"SEQUENTIAL\n{numbers}\n", "ascii")

    def log_in(self, accounts: list[Account]) -> None:
        """Register everybody, from the telephone's own port while that isn't there: Asterisk
        calls back the port that asks."""
        lines = [f"{a.name};[authentication username={a.name} password={a.secret}]"
                 for a in accounts]  # fmt: skip
        (self._folder / "accounts.csv").write_text("\n".join(["SEQUENTIAL", *lines, ""]), "ascii")
        for _ in range(LOG_IN_TRIES):
            process = self._start(
                "log_in", "127.0.0.1", self._port, "-inf", "accounts.csv",
                "-m", str(len(accounts)), "-r", "100", "-l", "20",
            )  # fmt: skip
            if process.wait(SPARE_SECONDS) == 0:
                return
        errors = (self._folder / "log_in.errors").read_text("utf-8", "replace")
        raise RuntimeError(f"not every counselor's telephone could log in: {errors[-2000:]}")

    def run(self, number: str, rate: float, calls: int, at_once: int, talk: float) -> Calls:
        """Dial `number` `rate` times a second, `calls` in all, `at_once` together at the most;
        counselors hang up after `talk` seconds. Returns when the last call is over."""
        for name in ("callers", "counselors"):
            (self._folder / f"{name}.log").unlink(missing_ok=True)
        counselors = self._start(
            "counselor", "127.0.0.1", self._port, "-rtp_echo", "-d", str(round(talk * 1000)),
            "-trace_logs", "-log_file", "counselors.log",
        )  # fmt: skip
        try:
            callers = self._start(
                "caller", self._address, free_port(self._address), "-s", number,
                "-inf", "callers.csv", "-r", str(rate), "-m", str(calls), "-l", str(at_once),
                "-trace_logs", "-log_file", "callers.log",
            )  # fmt: skip
            try:
                callers.wait(max(calls / rate, calls / at_once * 6) + SPARE_SECONDS)
            except subprocess.TimeoutExpired:
                callers.kill()
                callers.wait()
        finally:
            # Its log is complete only after it has ended by itself.
            counselors.terminate()
            try:
                counselors.wait(5)
            except subprocess.TimeoutExpired:
                counselors.kill()
                counselors.wait()
        told = self._read("callers.log") | self._read("counselors.log")
        return Calls(told)

    def _start(self, scenario: str, address: str, port: int, *more: str) -> subprocess.Popen[bytes]:
        media = free_port(address, even=True)
        return subprocess.Popen(
            [
                "sipp", self._server, "-sf", f"{scenario}.xml", "-i", address, "-p", str(port),
                "-mi", address, "-mp", str(media), "-nostdin",
                "-trace_err", "-error_file", f"{scenario}.errors", *more,
            ],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def _read(self, name: str) -> dict[tuple[str, str], float]:
        text = (self._folder / name).read_text("utf-8", "replace")
        return {(what, who): float(at) for at, what, who in _LINE.findall(text)}


@dataclass(frozen=True, slots=True)
class Calls:
    """`told`: when (Unix time) what (`dialled answered done`) happened to which caller."""

    told: dict[tuple[str, str], float]

    def connect_times(self) -> list[float]:
        """Seconds from each INVITE to the counselor's 200 OK, sorted; infinite for a call that
        no counselor answered."""
        return sorted(
            self.told.get(("answered", who), float("inf")) - at
            for (what, who), at in self.told.items()
            if what == "dialled"
        )

    def done_a_second(self, first: int, last: int) -> float:
        """Calls done a second, from the end of call `first` to the end of call `last`. Counselors
        who began together end together, so these should be a whole number of rounds apart."""
        done = sorted(at for (what, _), at in self.told.items() if what == "done")
        if len(done) < last:
            return 0.0
        return (last - first) / (done[last - 1] - done[first - 1])
