"""`run_ivr.py serve`: the whole line in one command. Installs Asterisk where there is none,
writes its configuration, makes the prompts, and keeps Asterisk, the engine and the console alive;
where IVR_ASTERISK is off, the last two."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from agents.roster import PEOPLE_TIME
from callflows.callflow import all_prompts
from callflows.unstaffed import REACH_EVERYBODY
from config.settings import LOOPBACK, Settings
from config.twilio_numbers import load_twilio_numbers
from ivr import callback_placing, page_callbacks, synthetic_calls
from ivr.assembly import Assembly
from ivr.asterisk import codes, deployment
from ivr.asterisk.install import Installation, find, install
from ivr.asterisk.rotation import Rotation
from ivr.asterisk.server import ping
from ivr.sister_lines import carrier_numbers
from ivr.supervisor import Keeper, Program
from recordings.prompts import PromptCache, fillings

Say = Callable[[str], None]

STARTED_SECONDS = 30.0
PING_SECONDS = 1.5


class CannotServe(Exception):
    """Why the line cannot start, in one line, with the way out."""


class Line:
    """One engine, and Asterisk unless it is off, kept alive from `start()` to `stop()`.

    :param program: how to run our own command line again, `run_ivr.py`.
    :param callers: telephones to call from, for trying the line.
    """

    def __init__(self, settings: Settings, program: Path, say: Say, callers: bool) -> None:
        self.settings = settings
        self._program = program
        self._say = say
        self._callers = callers
        self._logs = settings.data_directory / "log"
        self.keepers: list[Keeper] = []
        self._rotation: Rotation | None = None

    def start(self) -> None:
        """Raises CannotServe, InstallFailed, BadValue and what Assembly.open raises."""
        settings = self.settings
        _ports_are_free(settings)
        self._logs.mkdir(parents=True, exist_ok=True)
        assembly = Assembly.open(settings)
        try:
            self._say(f"{assembly.import_roster(datetime.now(UTC))} counselors in the roster")
            for line in assembly.directory.overdue(datetime.now(PEOPLE_TIME).date()):
                self._say(line)
            for line in (*nobody_left(settings), *not_rung_in_danger(assembly)):
                self._say(line)
            asterisk = [self._asterisk(assembly)] if settings.asterisk else []
        finally:
            assembly.store.close()
        for program in (self._engine(), *asterisk, self._console()):
            keeper = Keeper(program)
            self.keepers.append(keeper)
            keeper.start()
        if self._rotation is not None:
            self._rotation.start()

    def wait_until_ready(self) -> None:
        """Raises CannotServe if engine or Asterisk aren't there in time."""
        parts = {"the engine": self._engine_lives}
        if self.settings.asterisk:
            parts["Asterisk"] = lambda: _accepts(self.settings.ami_address)
        moment = threading.Event()
        for name, there in parts.items():
            for _ in range(int(STARTED_SECONDS / 0.1)):
                if there():
                    break
                moment.wait(0.1)
            else:
                raise CannotServe(f"{name} did not start: see {self._logs}")

    def stop(self) -> None:
        if self._rotation is not None:
            self._rotation.stop()
        for keeper in reversed(self.keepers):
            keeper.stop()

    def _engine(self) -> Program:
        return Program(
            name="engine",
            command=[sys.executable, str(self._program), "engine"],
            log_file=self._logs / "engine.log",
            environment=self._environment(),
            alive=self._engine_lives,
        )

    def _console(self) -> Program:
        """The pages. Another process: one that hangs or dies takes no call with it."""
        return Program(
            name="console",
            command=[sys.executable, str(self._program), "console"],
            log_file=self._logs / "console.log",
            environment=self._environment(),
        )

    def _asterisk(self, assembly: Assembly) -> Program:
        """With all that it needs on the disk."""
        self._prompts(assembly)
        installation = self._installation()
        conf_dir = self.settings.asterisk_conf
        deployment.write_conf(assembly, installation, conf_dir, self._callers)
        self._rotation = Rotation(self.settings, installation, self._callers)
        return Program(
            name="asterisk",
            command=installation.command(conf_dir),
            log_file=self._logs / "asterisk.log",
            environment=self._environment(),
        )

    def _environment(self) -> Mapping[str, str]:
        """Ours, with every setting spelled out: a child reads what we read. Secrets are where we
        have them from."""
        own = {
            f"IVR_{name.upper()}": str(value)
            for name, value in self.settings.model_dump(exclude_none=True).items()
            if not isinstance(value, SecretStr)
        }
        return {**os.environ, **own}

    def _engine_lives(self) -> bool:
        return ping(self.settings.fastagi_address, PING_SECONDS)

    def _installation(self) -> Installation:
        private = self.settings.asterisk_directory
        found = find(private) or install(private, self._say)
        self._say(f"Asterisk {found.version()}")
        return found

    def _prompts(self, assembly: Assembly) -> None:
        """Speak everything that can be said, ahead of the first call."""
        settings = self.settings
        texts = [
            *(
                (filled, language)
                for flow in assembly.publications().served()
                for text, language in all_prompts(flow)
                for filled in fillings(text)
            ),
            *deployment.SPOKEN,
            *codes.spoken_texts(),
            *synthetic_calls.spoken_texts(),
            *callback_placing.SPOKEN,
            *page_callbacks.SPOKEN,
        ]
        cache = PromptCache(settings.prompts_directory, settings.recorded_prompts_directory)

        def progress(done: int, total: int) -> None:
            if done == total or done % 100 == 0:
                self._say(f"prompts spoken: {done} of {total}")

        cache.prepare(texts, progress)


def open_at(settings: Settings) -> list[str]:
    """Where calls come in, a line for each carrier, and where the pages are."""
    lines = [f"The pages are at https://{settings.console_address}:{settings.console_port}/."]
    if settings.asterisk:
        lines.append(f"The line is open on {settings.bind_address}:{settings.sip_port}.")
    if settings.twilio_account_sid:
        alone = "" if settings.asterisk else "Asterisk is off: "
        lines.append(
            f"{alone}Twilio brings calls to {settings.twilio_public_address}, "
            f"which a proxy passes on to {LOOPBACK}:{settings.twilio_port}."
        )
    return lines


def nobody_left(settings: Settings) -> list[str]:
    """Who is missing for a caller whom no engine can serve, a line each."""
    missing = {}
    if settings.asterisk:
        missing["IVR_LAST_RESORT_NUMBER"] = (
            settings.last_resort_number,
            "a caller whom no engine can serve can only leave a message",
        )
        missing["IVR_CRISIS_LAST_RESORT_NUMBER"] = (
            settings.crisis_last_resort_number or settings.last_resort_number,
            "a caller in danger whom no engine can serve reaches NOBODY",
        )
    if settings.twilio_account_sid:
        missing["IVR_TWILIO_FALLBACK_NUMBERS"] = (
            settings.twilio_fallback_numbers,
            "a caller by Twilio whom no engine can serve reaches NOBODY",
        )
    return [f"WARNING: set {name}: {what}" for name, (set_, what) in missing.items() if not set_]


def not_rung_in_danger(assembly: Assembly) -> list[str]:
    """Lines that the proof counts on where nobody is on duty, and that Twilio cannot ring. Raises
    ConfigErrors."""
    settings = assembly.settings
    if not settings.twilio_account_sid:
        return []
    stations, directory = assembly.stations, assembly.directory
    numbers = load_twilio_numbers(
        settings.twilio_numbers_file,
        lambda number: stations.serves(number, settings.default_access_number),
    )
    kinds = carrier_numbers(settings)["twilio"]

    def rung(service: str, access_number: str) -> bool:
        place = stations.region_from_access(access_number)
        return directory.find(service, place.region if place else None, kinds=kinds) is not None

    missing = {
        service: [number for number in dict.fromkeys(numbers.values()) if not rung(service, number)]
        for service in REACH_EVERYBODY
    }
    told = "; ".join(f"{service} ({', '.join(of)})" for service, of in missing.items() if of)
    file = settings.sister_lines_directory / "directory.yaml"
    warning = (
        f"WARNING: write verified numbers as +86… in {file} for {told}: a caller in danger whom "
        "Twilio brings and no counselor answers is NOT passed on there"
    )
    return [warning] if told else []


def serve(line: Line, say: Say, ready: Callable[[], None]) -> None:
    """Run the line until SIGINT or SIGTERM; `ready` is called once it takes calls."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: ended.set())
    try:
        line.start()
        line.wait_until_ready()
        ready()
        ended.wait()
        say("Stopping …")
    finally:
        line.stop()


def _ports_are_free(settings: Settings) -> None:
    """Raises CannotServe naming the port and the setting that moves it."""
    telephones = settings.bind_address
    ports = [
        ("fastagi_port", LOOPBACK, socket.SOCK_STREAM),
        ("console_port", settings.console_address, socket.SOCK_STREAM),
    ]
    if settings.asterisk:
        ports += [
            ("ami_port", LOOPBACK, socket.SOCK_STREAM),
            ("sip_port", telephones, socket.SOCK_DGRAM),
            ("sip_port", telephones, socket.SOCK_STREAM),
            ("sip_tls_port", telephones, socket.SOCK_STREAM),
            ("sip_ws_port", LOOPBACK, socket.SOCK_STREAM),
        ]
    if settings.twilio_account_sid:
        ports.append(("twilio_port", LOOPBACK, socket.SOCK_STREAM))
    for name, host, kind in ports:
        port = getattr(settings, name)
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise CannotServe(
                    f"port {port} is taken ({error.strerror}): end what uses it, "
                    f"or set IVR_{name.upper()} to another port"
                ) from error


def _accepts(address: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(address, 1.0):
            return True
    except OSError:
        return False
