"""The line under test: real Asterisk and engine as `serve` runs them, with a flow, a roster and
a tree of the benchmark's own, and app_queue beside it over the same telephones."""

from __future__ import annotations

import shutil
import threading
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from sqlalchemy import Connection

from agents import presence, roster
from bench.configuration import numbers, write_roster, write_tree
from bench.telephones import Account, Calls, Telephones
from config.settings import CONFIG, PORTS, Settings
from ivr.assembly import Assembly
from ivr.rooms import Rooms
from ivr.serve import Line
from ivr.supervisor import Program
from tests.e2e.sipp import free_port

FLOWS = Path(__file__).with_name("flows")
CHECKOUT = CONFIG.parent
QUIET_SECONDS = 20
CALLERS = "127.0.1.20"
OURS, PEER = "12355", "700"
"""What is dialled to reach our engine, or app_queue with so many members: `700<members>`."""


class BenchLine(Line):
    """Beside the engine's, an extension and a queue for each number of counselors."""

    sizes: tuple[int, ...] = ()
    version = ""

    def _asterisk(self, assembly: Assembly) -> Program:
        program = super()._asterisk(assembly)
        installation, conf_dir = self._installation(), self.settings.asterisk_conf
        with (conf_dir / "modules.conf").open("a") as modules:
            modules.write("load = app_queue.so\n")
        with (conf_dir / "line.conf").open("a") as dialplan:
            for size in self.sizes:
                # A context without our hang-up handler: app_queue pays for none of it.
                dialplan.write(
                    f"[from-trunk-bench]\nexten => {PEER}{size},1,Goto(peer-{size},s,1)\n"
                    f"[peer-{size}]\nexten => s,1,Answer()\n same => n,Queue(of-{size})\n"
                    " same => n,Hangup()\n"
                )
        queues = ["[general]", "persistentmembers = no", "autofill = yes"]
        for size in self.sizes:
            queues += [f"[of-{size}]", "strategy = leastrecent", "ringinuse = no",
                       "timeout = 15", "retry = 1", "wrapuptime = 0"]  # fmt: skip
            queues += [f"member => PJSIP/sip-{number}" for number in numbers(size)]
        (conf_dir / "queues.conf").write_text("\n".join([*queues, ""]))
        self.version = installation.version()
        self._tell = partial(installation.tell, conf_dir)
        return program

    def wait_until_ready(self) -> None:
        super().wait_until_ready()
        self._tell("core waitfullybooted")

    def hang_up_all(self) -> None:
        """Returns when no call is left, or after a while."""
        moment = threading.Event()
        for _ in range(QUIET_SECONDS * 10):
            if "\n0 active channels" in "\n" + self._tell("core show channels count"):
                return
            self._tell("channel request hangup all")
            moment.wait(0.1)


class Bench:
    """A running line and its telephones.

    :param sizes: how many counselors shall be there at a time.
    """

    def __init__(self, folder: Path, sizes: tuple[int, ...], store_url: str = "") -> None:
        (folder / "sipp").mkdir()
        shared = CHECKOUT / "var" / "prompts"
        shared.mkdir(parents=True, exist_ok=True)
        (folder / "prompts").symlink_to(shared)
        first = free_port("127.0.0.1", even=True)
        ports: dict[str, Any] = {name: free_port("127.0.0.1") for name in PORTS}
        self.settings = Settings(
            data_directory=folder,
            asterisk_root=CHECKOUT / "var" / "asterisk-root",
            store_url=store_url,
            flows_directory=_flows(folder / "flows"),
            stations_directory=write_tree(folder / "tree"),
            roster_file=write_roster(folder / "roster.yaml", max(sizes), "sip"),
            trunks_file=_trunks(folder / "trunks.yaml"),
            sister_lines_directory=CONFIG / "demo",
            rtp_first_port=first,
            rtp_last_port=first + 4000,
            **ports,
        )
        self.line = BenchLine(
            self.settings, CHECKOUT / "run_ivr.py", lambda text: None, callers=False
        )
        self.line.sizes = sizes
        self.rooms = Rooms(self.settings)
        self.telephones = Telephones(
            folder / "sipp", (self.settings.bind_address, self.settings.sip_port), CALLERS
        )

    def start(self) -> None:
        self.line.start()
        self.line.wait_until_ready()
        people = self.rooms.store.read(roster.sip_accounts)
        self.telephones.log_in([Account(f"sip-{p.number}", p.secret) for p in people])

    def run(self, number: str, rate: float, calls: int, at_once: int, talk: float) -> Calls:
        """As `Telephones.run`; nothing is left of it for whoever comes next."""
        try:
            return self.telephones.run(number, rate, calls, at_once, talk)
        finally:
            self.line.hang_up_all()

    def stop(self) -> None:
        self.line.stop()
        self.rooms.close()

    def on_duty(self, count: int) -> None:
        """The first `count` counselors are there, the others aren't."""

        def work(connection: Connection) -> None:
            now = datetime.now(UTC)
            there = {p.counselor.number: p.counselor.id for p in presence.present(connection, now)}
            wanted = numbers(count)
            for number, who in there.items():
                if number not in wanted:
                    presence.log_out(connection, who, now)
            for person in roster.everybody(connection):
                if person.number in wanted and person.number not in there:
                    presence.log_in(connection, person.id, now)

        self.rooms.store.write(work)

    def asterisk_version(self) -> str:
        return self.line.version

    def pid(self, name: str) -> int:
        """Of `engine` or `asterisk`."""
        process = next(k.process for k in self.line.keepers if k.program.name == name)
        assert process is not None
        return process.pid


def _flows(folder: Path) -> Path:
    shutil.copytree(FLOWS, folder)
    shutil.copy(CHECKOUT / "callflows" / "library" / "wrong_number.yaml", folder)
    return folder


def _trunks(file: Path) -> Path:
    trunk = {"name": "bench", "access_number": "020-12355", "sources": [CALLERS],
             "peer": f"{CALLERS}:5060"}  # fmt: skip
    YAML().dump({"trunks": [trunk]}, file)
    return file
