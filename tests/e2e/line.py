"""A whole line for a test: real Asterisk, the engine and its supervisor, as `serve` runs them,
on free ports of 127.0.0.1 and a store of its own. Callers come from 127.0.1.x, one address a
trunk."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection

from agents import presence, roster
from agents.roster import Role
from config.settings import CONFIG, PORTS, Settings
from ivr.rooms import Rooms
from ivr.serve import Line
from ivr.supervisor import Keeper
from tests.e2e.scenarios import Behaviour
from tests.e2e.sipp import Phone, Telephones, free_port
from workorders.verify import verify
from workorders.views import View, order_view, orders_of

T = TypeVar("T")

CHECKOUT = CONFIG.parent
GUANGZHOU, WUHAN = "127.0.1.20", "127.0.1.27"


class Deployment:
    """One line and the telephones around it. Times in seconds.

    :param program: what serves as our command line.
    """

    def __init__(
        self, folder: Path, program: Path = CHECKOUT / "run_ivr.py", **settings: Any
    ) -> None:
        (folder / "prompts").symlink_to(_shared("prompts"))
        ports = {name: free_port("127.0.0.1") for name in PORTS}
        # Apart from the telephones' own ports.
        first = random.randrange(33_000, 60_000, 2)
        self.settings = Settings(
            data_directory=folder,
            asterisk_root=CHECKOUT / "var" / "asterisk-root",
            sister_lines_directory=CONFIG / "demo",
            rtp_first_port=first,
            rtp_last_port=first + 400,
            **{"trunks_file": CONFIG / "demo" / "trunks.yaml", **ports, **settings},
        )
        self.line = Line(self.settings, program, lambda text: None, callers=False)
        self.rooms = Rooms(self.settings)
        self.phones = Telephones((self.settings.bind_address, self.settings.sip_port))

    def start(self) -> None:
        self.line.start()
        self.line.wait_until_ready()

    def stop(self) -> None:
        self.phones.end()
        self.line.stop()
        self.rooms.close()

    # What happens to the line.

    def keeper(self, name: str) -> Keeper:
        return next(k for k in self.line.keepers if k.program.name == name)

    def signal(self, name: str, number: signal.Signals) -> int:
        """Send a signal to `engine` or `asterisk`; its pid."""
        process = self.keeper(name).process
        assert process is not None
        os.kill(process.pid, number)
        return process.pid

    def kill(self, name: str) -> None:
        """kill -9; its supervisor starts it again."""
        keeper = self.keeper(name)
        before = keeper.restarts
        self.signal(name, signal.SIGKILL)
        self.until(lambda: keeper.restarts > before)

    # Who is there.

    @contextmanager
    def desk(self, number: str, **behaviour: Any) -> Iterator[Phone]:
        """The telephone of the counselor with this number, who is logged in and on the desk;
        gone again afterwards."""
        secret, account = self.secret(number), f"sip-{number}"
        with (
            self.phones.counselor(account, secret, Behaviour(**behaviour)) as phone,
            self.on_duty(number),
        ):
            yield phone
        self.phones.log_in(account, secret, phone.address, phone.port, 0)

    def secret(self, number: str) -> str:
        """With which the telephones of the counselor with this number log in."""
        return next(p.secret for p in self.store(roster.sip_accounts) if p.number == number)

    @contextmanager
    def on_duty(self, number: str) -> Iterator[None]:
        """The counselor with this number is logged in; afterwards gone again."""
        self.presence(number, presence.log_in)
        try:
            yield
        finally:
            off_call = ("available", "paused", "wrap_up", "logged_out")
            self.until(lambda: self.state(number) in off_call)
            self.presence(number, presence.log_out)

    def presence(self, number: str, change: Callable[[Connection, str, datetime], object]) -> None:
        def work(connection: Connection) -> None:
            who = roster.by_number(connection, number)
            assert who is not None
            change(connection, who, datetime.now(UTC))

        self.rooms.store.write(work)

    def state(self, number: str) -> str:
        def work(connection: Connection) -> str:
            row = connection.execute(
                roster.counselors.select().where(roster.counselors.c.number == number)
            ).one()
            return str(row.state)

        return self.store(work)

    def nobody_logged_in(self) -> None:
        for person in self.store(roster.everybody):
            if person.role is not Role.DUTY_PHONE and self.state(person.number) != "logged_out":
                self.presence(person.number, presence.log_out)

    # What the store says.

    def store(self, work: Callable[[Connection], T]) -> T:
        return self.rooms.store.read(work)

    def order_of(self, caller: str, ended: bool = True) -> View:
        """The newest order of a caller, `+86…`, as soon as it is there (and its call over)."""
        found: list[View] = []

        def there() -> bool:
            def work(connection: Connection) -> View | None:
                keys = self.rooms.log.keys
                orders = orders_of(connection, keys, limit=1, caller_id=caller)
                return order_view(connection, keys, orders[0]["order_no"]) if orders else None

            order = self.store(work)
            if order is None or (ended and order["t_end"] is None):
                return False
            found.append(order)
            return True

        self.until(there)
        return found[-1]

    def kinds(self, caller: str) -> list[str]:
        """What happened to a caller's newest order, in order."""
        return [event["kind"] for event in self.order_of(caller, ended=False)["events"]]

    def orders(self) -> int:
        return len(self.store(lambda c: orders_of(c, self.rooms.log.keys, limit=10_000)))

    def log_verifies(self) -> list[str]:
        """What `workorders verify` finds."""
        return [
            str(f) for f in verify(self.rooms.store, self.rooms.log.keys, self.settings.seal_file)
        ]

    def until(self, condition: Callable[[], bool], seconds: float = 30.0) -> None:
        """Wait until the store or a process shows it."""
        moment = threading.Event()
        for _ in range(int(seconds / 0.05)):
            if condition():
                return
            moment.wait(0.05)
        raise AssertionError(f"not within {seconds} s; engine log:\n{self.engine_log()}")

    def engine_log(self) -> str:
        file = self.settings.data_directory / "log" / "engine.log"
        return file.read_text("utf-8")[-4000:] if file.exists() else ""

    def said(self, event: str) -> list[dict[str, Any]]:
        """The engine's log lines of one event."""
        file = self.settings.data_directory / "log" / "engine.log"
        lines = (
            json.loads(line) for line in file.read_text("utf-8").splitlines() if line[:1] == "{"
        )
        return [line for line in lines if line.get("event") == event]


def _shared(name: str) -> Path:
    folder = CHECKOUT / "var" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
