"""A station without Asterisk: `run_ivr.py serve` as Twilio and its supervisor meet it."""

from __future__ import annotations

import contextlib
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from ruamel.yaml import YAML
from twilio.request_validator import RequestValidator

from config.settings import CONFIG, Settings
from ivr.asterisk.server import ping
from ivr.rooms import Rooms
from tests.e2e.sipp import free_port
from workorders.views import View, orders_of

pytestmark = pytest.mark.e2e

ACCOUNT = "AC" + "1" * 32
TOKEN = "a token for tests"
PUBLIC = "https://ivr.example.cn"
LONGEST = 30.0
FORM = {
    "CallSid": "CA" + "5" * 32,
    "AccountSid": ACCOUNT,
    "From": "+8613570001234",
    "To": "+862012355000",
    "CallStatus": "ringing",
    "Direction": "inbound",
}


class Served:
    """The command's process, from its start on; `lines`: what it has said."""

    def __init__(self, folder: Path, **settings: str) -> None:
        numbers = folder / "numbers.yaml"
        entry = {"number": FORM["To"], "access_number": "020-12355"}
        YAML().dump({"numbers": [entry]}, numbers)
        self.settings = Settings(
            data_directory=folder,
            asterisk_root=folder / "no-asterisk",
            sister_lines_directory=CONFIG / "demo",
            twilio_numbers_file=numbers,
            twilio_port=free_port("127.0.0.1"),
            fastagi_port=free_port("127.0.0.1"),
            console_port=free_port("127.0.0.1"),
        )
        own = {
            f"IVR_{name.upper()}": str(value)
            for name, value in self.settings.model_dump(exclude_none=True).items()
            if name in self.settings.model_fields_set
        }
        self.process = subprocess.Popen(
            [sys.executable, str(CONFIG.parent / "run_ivr.py"), "serve"],
            env={**os.environ, **own, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._said = threading.Condition()
        self._over = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._said:
                self.lines.append(line.rstrip("\n"))
                self._said.notify_all()
        with self._said:
            self._over = True
            self._said.notify_all()

    def says(self, part: str) -> None:
        """Wait until it has."""
        with self._said:
            self._said.wait_for(
                lambda: self._over or any(part in line for line in self.lines), LONGEST
            )
            assert any(part in line for line in self.lines), self.lines

    def ends(self) -> int:
        code = self.process.wait(LONGEST)
        self._reader.join(LONGEST)
        return code

    def page(self, path: str) -> str:
        """Of the console, once it is there."""
        address = ("localhost", self.settings.console_port)
        moment = threading.Event()
        for _ in range(int(LONGEST / 0.1)):
            with contextlib.suppress(ConnectionRefusedError):
                # Its certificate is nobody's but its own.
                connection = HTTPSConnection(*address, context=ssl._create_unverified_context())
                connection.request("GET", path)
                return connection.getresponse().read().decode()
            moment.wait(0.1)
        raise AssertionError("the console did not start")

    def post(self, signature: str) -> tuple[int, str]:
        """A call's first request, as the proxy passes it on."""
        request = Request(
            f"http://127.0.0.1:{self.settings.twilio_port}/twilio/call",
            urlencode(FORM).encode(),
            {"X-Twilio-Signature": signature},
        )
        try:
            with urlopen(request, timeout=LONGEST) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as answer:
            return answer.code, ""


TWILIO = {
    "IVR_TWILIO_ACCOUNT_SID": ACCOUNT,
    "IVR_TWILIO_AUTH_TOKEN": TOKEN,
    "IVR_TWILIO_ASSESSMENT": "2026-17",
    "IVR_TWILIO_PUBLIC_ADDRESS": PUBLIC,
    "IVR_TWILIO_CALLER_ID": "+862012355000",
}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path, IVR_ASTERISK="off", **TWILIO)
    yield served
    if served.process.poll() is None:
        served.process.terminate()
        served.ends()


def orders(settings: Settings) -> list[View]:
    rooms = Rooms(settings)
    try:
        return rooms.store.read(lambda c: orders_of(c, rooms.log.keys, limit=9))
    finally:
        rooms.close()


def test_twilio_alone_serves_calls_and_the_line_stops_cleanly(served: Served) -> None:
    served.says("set IVR_TWILIO_FALLBACK_NUMBERS: a caller by Twilio whom no engine can serve")
    served.says("Asterisk is off: Twilio brings calls to https://ivr.example.cn")
    signature = RequestValidator(TOKEN).compute_signature(f"{PUBLIC}/twilio/call", FORM)
    status, document = served.post(signature)
    assert status == 200
    served.says(f"The pages are at https://127.0.0.1:{served.settings.console_port}/.")
    assert "12355" in served.page("/login")
    assert "12355青少年服务台" in document
    assert served.post("forged")[0] == 403
    assert ping(served.settings.fastagi_address, LONGEST)
    served.process.send_signal(signal.SIGTERM)
    assert served.ends() == 0
    assert served.lines[-1] == "Stopping …"
    assert not ping(served.settings.fastagi_address, 1.0)
    [order] = orders(served.settings)
    assert order["channel"] == "twilio"


def test_nothing_of_asterisks_is_made_or_asked_for(served: Served, tmp_path: Path) -> None:
    served.says("Asterisk is off")
    assert not (tmp_path / "no-asterisk").exists()
    assert not (tmp_path / "keys-ami").exists()
    assert not served.settings.asterisk_conf.exists()
    logs = {file.name for file in (tmp_path / "log").iterdir()}
    assert logs == {"engine.log", "console.log"}
    said = (tmp_path / "log" / "engine.log").read_text("utf-8")
    assert "engine_started" in said
    assert "ami" not in said


def test_without_any_carrier_it_says_so_in_one_line(tmp_path: Path) -> None:
    served = Served(tmp_path, IVR_ASTERISK="off")
    assert served.ends() == 1
    [line] = served.lines
    assert line.endswith("IVR_ASTERISK=off leaves no carrier: set IVR_TWILIO_ACCOUNT_SID too")
