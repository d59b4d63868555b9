"""Telephones played by SIPp: callers on a trunk, counselors who log in and take calls.

Each telephone is a SIPp process of its own with its own ports. What happens to it comes back as
events at once, through a pipe in place of SIPp's log file.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import re
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.e2e import scenarios
from tests.e2e.media import CALLER_HERTZ, RtpCounter, write_capture
from tests.e2e.scenarios import Behaviour

LONGEST_CALL_SECONDS = 60.0
LOG_INS = 5


@dataclass(frozen=True, slots=True)
class Happened:
    """`dialled answered refused` of a caller, `asked rings answered cancelled` of a telephone,
    `hung_up other_hung_up` of both, `logged_in`."""

    at: datetime
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class CallResult:
    """A caller's call as the caller saw it.

    :param status: 200 or the refusal, 0 where nobody replied.
    :param answered_after: seconds from dialling to the answer.
    :param ended_by: `caller`, `line`, or "" where it wasn't answered.
    :param lasted: seconds from the answer to the end.
    :param heard: RTP packets that reached the caller.
    """

    status: int
    answered_after: float | None
    ended_by: str
    lasted: float
    heard: int


class Phone:
    """One running SIPp. `address` and `port` take its SIP, `media_port` its sound."""

    def __init__(
        self,
        scenario: Callable[[Path], str],
        server: tuple[str, int],
        *,
        address: str,
        port: int = 0,
        counter: RtpCounter,
        seconds: float = LONGEST_CALL_SECONDS,
        keys: Sequence[tuple[float, str]] = (),
        hertz: int = CALLER_HERTZ,
        calls: int | None = None,
        transport: str = "u1",
    ) -> None:
        self.address = address
        self.port = port or free_port(address)
        self.media_port = free_port(address, even=True)
        self._counter = counter
        self._heard_before = counter.arrived(address, self.media_port)
        self._folder = tempfile.TemporaryDirectory(prefix="sipp-")
        folder = Path(self._folder.name)
        file = folder / "scenario.xml"
        file.write_text(scenario(_capture(seconds, keys, hertz)), encoding="utf-8")
        self._happened: list[Happened] = []
        self._changed = threading.Condition()
        reading, writing = os.pipe()
        command = [
            "sipp",
            f"{server[0]}:{server[1]}",
            "-sf",
            str(file),
            "-i",
            address,
            "-p",
            str(self.port),
            "-mi",
            address,
            "-mp",
            str(self.media_port),
            "-t",
            transport,
            "-nostdin",
            "-trace_logs",
            "-log_file",
            f"/dev/fd/{writing}",
            "-trace_err",
            "-error_file",
            str(folder / "errors"),
        ]
        if calls is not None:
            command += ["-m", str(calls)]
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[writing],
        )
        os.close(writing)
        self._reader = threading.Thread(target=self._read, args=[reading], daemon=True)
        self._reader.start()

    @property
    def heard(self) -> int:
        """RTP packets that reached it."""
        return self._counter.arrived(self.address, self.media_port) - self._heard_before

    @property
    def happened(self) -> list[Happened]:
        with self._changed:
            return list(self._happened)

    def count(self, what: str) -> int:
        return sum(event.what == what for event in self.happened)

    def wait_for(self, what: str, times: int = 1, seconds: float = 20.0) -> Happened:
        """Wait until `what` has happened so many times."""

        def found() -> list[Happened]:
            return [event for event in self._happened if event.what == what]

        with self._changed:
            if (
                not self._changed.wait_for(
                    lambda: len(found()) >= times or self.process.poll() is not None, seconds
                )
                or len(found()) < times
            ):
                so_far = [(str(event.at.time()), event.what) for event in self._happened]
                raise AssertionError(f"no {what} within {seconds} s: {so_far} {self.errors()}")
            return found()[times - 1]

    def finish(self, seconds: float = LONGEST_CALL_SECONDS) -> None:
        """Wait until SIPp has done its calls."""
        self.process.wait(timeout=seconds)
        self._reader.join()

    def errors(self) -> str:
        """What SIPp complained of."""
        file = Path(self._folder.name) / "errors"
        return file.read_text("utf-8", "replace")[-2000:] if file.exists() else ""

    def end(self) -> None:
        """Make it vanish, without a word to anybody."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        self._folder.cleanup()

    def _read(self, reading: int) -> None:
        with open(reading, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                match = re.search(r"(\d{10}\.\d+)\s+(\S+) ?(.*)", line)
                if match:
                    at, what, detail = match.groups()
                    moment = datetime.fromtimestamp(float(at), UTC)
                    with self._changed:
                        self._happened.append(Happened(moment, what, detail.strip()))
                        self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


class Telephones:
    """Makes telephones that talk to one Asterisk, and ends them all."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._counter = RtpCounter()
        self._phones: list[Phone] = []

    def start_call(
        self,
        source: str,
        number: str | None,
        dialled: str = "12355",
        *,
        keys: Sequence[tuple[float, str]] = (),
        talks: float | None = None,
        name: str = "",
        extra_headers: str = "",
        sound_seconds: float = LONGEST_CALL_SECONDS,
        transport: str = "u1",
        login: tuple[str, str] | None = None,
    ) -> Phone:
        """Dial from the trunk whose source address is `source`; goes on in the background.

        :param number: the caller's, None withheld.
        :param keys: pressed so many seconds after the answer.
        :param talks: seconds after the answer until the caller hangs up; None: waits for the line.
        """
        return self._add(
            Phone(
                lambda capture: scenarios.caller(
                    number=number,
                    name=name,
                    dialled=dialled,
                    capture=capture,
                    talks=talks,
                    extra_headers=extra_headers,
                    login=login,
                ),
                self._server,
                address=source,
                counter=self._counter,
                seconds=sound_seconds,
                keys=keys,
                calls=1,
                transport=transport,
            )
        )

    def call(
        self, source: str, number: str | None, dialled: str = "12355", **how: object
    ) -> CallResult:
        """`start_call`, and wait until it is over."""
        phone = self.start_call(source, number, dialled, **how)  # type: ignore[arg-type]
        return self.result(phone)

    def result(self, phone: Phone, seconds: float = LONGEST_CALL_SECONDS) -> CallResult:
        """Wait until a caller's call is over."""
        phone.finish(seconds)
        events = {event.what: event for event in phone.happened}
        answered = events.get("answered")
        over = events.get("hung_up") or events.get("other_hung_up")
        if answered is None:
            refused = events.get("refused")
            return CallResult(int(refused.detail) if refused else 0, None, "", 0.0, phone.heard)
        return CallResult(
            200,
            (answered.at - events["dialled"].at).total_seconds(),
            {"hung_up": "caller", "other_hung_up": "line"}[over.what] if over else "",
            (over.at - answered.at).total_seconds() if over else 0.0,
            phone.heard,
        )

    @contextmanager
    def counselor(
        self,
        account: str,
        secret: str,
        behaviour: Behaviour | None = None,
        address: str = "127.0.0.1",
    ) -> Iterator[Phone]:
        """A telephone that has logged in to `account` and takes calls."""
        phone = self._reachable(account, secret, behaviour, address)
        try:
            yield phone
        finally:
            phone.end()

    def _reachable(
        self, account: str, secret: str, behaviour: Behaviour | None, address: str
    ) -> Phone:
        """Asterisk asks a telephone that has logged in for a sign of life, and calls none that
        gave none. On a busy machine the telephone may be there too late: then once more."""
        for _ in range(LOG_INS):
            port = free_port(address)
            self.log_in(account, secret, address, port)
            phone = self.telephone(address, port, behaviour)
            with contextlib.suppress(AssertionError):
                phone.wait_for("asked", seconds=3.0)
                return phone
            phone.end()
        raise AssertionError(f"{account} cannot be reached")

    def telephone(self, address: str, port: int, behaviour: Behaviour | None = None) -> Phone:
        """A telephone that is just there, as one on a trunk's far side."""
        how = behaviour or Behaviour()
        return self._add(
            Phone(
                lambda capture: scenarios.telephone(how, capture),
                self._server,
                address=address,
                port=port,
                counter=self._counter,
                keys=how.keys,
                hertz=how.hertz,
            )
        )

    def log_in(
        self, account: str, secret: str, address: str, port: int, seconds: int = 600
    ) -> None:
        """Register (0 seconds: no longer). Asterisk calls back the port that asks, so it asks
        from the telephone's own, while that isn't there."""
        contact = f"sip:{account}@{address}:{port}"
        login = Phone(
            lambda _capture: scenarios.log_in(account, secret, contact, seconds),
            self._server,
            address=address,
            port=port,
            counter=self._counter,
            seconds=0.1,
            calls=1,
        )
        try:
            login.wait_for("logged_in", seconds=10)
            login.finish(10)
        finally:
            login.end()

    def end(self) -> None:
        for phone in self._phones:
            phone.end()
        self._counter.stop()

    def _add(self, phone: Phone) -> Phone:
        self._phones.append(phone)
        return phone


def free_port(address: str, even: bool = False) -> int:
    """A UDP and TCP port that nobody has on `address`, never the same twice; below those that
    the system gives to connections. `even`: for SIPp's sound, which takes the next but one for
    pictures too."""
    while True:
        port = random.randrange(10_000, 32_764, 4)
        taken = port in _given
        _given.add(port)
        if not taken and _is_free(address, port) and (not even or _is_free(address, port + 2)):
            return port


_given: set[int] = set()


def _is_free(address: str, port: int) -> bool:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket() as tcp,
        contextlib.suppress(OSError),
    ):
        udp.bind((address, port))
        tcp.bind((address, port))
        return True
    return False


def _capture(seconds: float, keys: Sequence[tuple[float, str]], hertz: int) -> Path:
    """The capture of this sound, made once."""
    wanted = hashlib.sha256(repr((seconds, sorted(keys), hertz)).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / "12355-captures"
    folder.mkdir(exist_ok=True)
    file = folder / f"{wanted}.pcap"
    if not file.exists():
        new = folder / f"{wanted}.{os.getpid()}.{threading.get_ident()}"
        write_capture(new, seconds, keys, hertz)
        new.replace(file)
    return file
