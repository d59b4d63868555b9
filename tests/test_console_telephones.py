"""What becomes of a browser's WebSocket: passed on to Asterisk for whoever may, while they may."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents import roster
from agents.roster import Counselor
from console import sessions
from console.roles import Role
from console.serving import Console
from console.websockets import head_of
from ivr.assembly import Assembly
from tests.console_world import GUANGZHOU, NOON, World, account_of
from tests.e2e.sipp import free_port

LONGEST = 20.0
LIN = account_of(Role.COUNSELOR, GUANGZHOU)
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


class Telephones:
    """In Asterisk's place: says yes to every WebSocket and gives back what it hears."""

    def __init__(self) -> None:
        self._listens = socket.create_server(("127.0.0.1", 0))
        self.port = self._listens.getsockname()[1]
        self.asked: list[bytes] = []
        threading.Thread(target=self._run, daemon=True).start()

    def close(self) -> None:
        if self._listens.fileno() < 0:
            return
        self._listens.shutdown(socket.SHUT_RDWR)
        self._listens.close()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listens.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            self.asked.append(connection.recv(4096))
            connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
            while heard := connection.recv(4096):
                connection.sendall(heard)


class Front:
    """A console before the telephones, with a counselor who is logged in."""

    def __init__(self, folder: Path) -> None:
        self.world = world = World(folder)
        self.telephones = Telephones()
        self.port = free_port("127.0.0.1")
        ports = {"console_port": self.port, "sip_ws_port": self.telephones.port}
        one = world.assembly
        settings = one.settings.model_copy(update=ports)
        self._console = Console(Assembly(settings, one.store, one.log, one.stations, one.directory))
        self._console.start()
        lin = Counselor(LIN, "林静", "9001", GUANGZHOU)
        one.store.write(lambda c: roster.add(c, lin, NOON))
        cookie = world.browser(LIN)._client.get_cookie("__Host-console", domain="desk.example.cn")
        assert cookie is not None
        self.cookie = f"__Host-console={cookie.value}"

    def close(self) -> None:
        self._console.stop()
        self.telephones.close()
        self.world.close()

    def ask(self, path: str = "/ws", cookie: str = "", origin: str = "") -> ssl.SSLSocket:
        """An upgrade, asked for."""
        folder = self.world.assembly.settings.console_certificate
        context = ssl.create_default_context(cafile=folder / "certificate.pem")
        plain = socket.create_connection(("127.0.0.1", self.port), LONGEST)
        secure = context.wrap_socket(plain, server_hostname="localhost")
        host = f"localhost:{self.port}"
        secure.sendall(
            (
                f"GET {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin or f'https://{host}'}\r\n"
                f"Cookie: {cookie}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Protocol: sip\r\n"
                "Sec-WebSocket-Version: 13\r\n\r\n"
            ).encode()
        )
        return secure


@pytest.fixture
def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    monkeypatch.setattr("console.serving._now", lambda: NOON)
    front = Front(tmp_path)
    yield front
    front.close()


def test_who_is_logged_in_speaks_with_the_telephones(front: Front) -> None:
    with front.ask(cookie=front.cookie) as browser:
        assert browser.recv(4096).startswith(b"HTTP/1.1 101")
        browser.sendall(b"REGISTER")
        assert browser.recv(4096) == b"REGISTER"
    [asked] = front.telephones.asked
    assert f"Sec-WebSocket-Key: {KEY}".encode() in asked
    # No cookie of the console's goes to Asterisk.
    assert b"console" not in asked


@pytest.mark.parametrize(
    ("path", "logged_in", "origin", "status"),
    [
        ("/ws", False, "", b"302"),
        ("/ws", True, "https://evil.example", b"403"),
        ("/presence/", True, "", b"200"),
        ("/elsewhere", True, "", b"404"),
    ],
)
def test_nobody_else_comes_to_the_telephones(
    front: Front, path: str, logged_in: bool, origin: str, status: bytes
) -> None:
    with front.ask(path, front.cookie if logged_in else "", origin) as browser:
        assert browser.recv(4096).startswith(b"HTTP/1.1 " + status)
    assert front.telephones.asked == []


def test_a_log_in_that_ends_takes_the_telephone_with_it(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.websockets.ASKED_EVERY", 0.05)
    with front.ask(cookie=front.cookie) as browser:
        assert browser.recv(4096).startswith(b"HTTP/1.1 101")
        front.world.assembly.store.write(lambda c: sessions.end_all(c, LIN))
        assert browser.recv(4096) == b""


def test_of_a_third_telephone_of_theirs_the_oldest_is_closed(front: Front) -> None:
    with contextlib.ExitStack() as open_:
        browsers = [open_.enter_context(front.ask(cookie=front.cookie)) for _ in range(2)]
        for browser in browsers:
            assert browser.recv(4096).startswith(b"HTTP/1.1 101")
        newest = open_.enter_context(front.ask(cookie=front.cookie))
        assert newest.recv(4096).startswith(b"HTTP/1.1 101")
        assert browsers[0].recv(4096) == b""
        for browser in (browsers[1], newest):
            browser.sendall(b"REGISTER")
            assert browser.recv(4096) == b"REGISTER"


def test_telephones_that_are_away_are_said_to_be(front: Front) -> None:
    front.telephones.close()
    with front.ask(cookie=front.cookie) as browser:
        assert browser.recv(4096).startswith(b"HTTP/1.1 503")


@pytest.mark.parametrize(
    "text",
    [
        b"POST /ws HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /ws HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET /ws HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n",
        b"\x16\x03\x01",
        b"",
    ],
)
def test_what_is_no_plain_request_is_left_to_the_web_server(text: bytes) -> None:
    assert head_of(text) is None
