"""The console as a process serves it: TLS, and who is there, as it changes."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock
from uuid import uuid4

import pytest
from cryptography import x509
from structlog.testing import capture_logs

from agents import presence
from config.settings import CONFIG, Settings
from console.audit import Action
from console.certificate import Certificate
from console.pages.streaming import message
from console.roles import Role
from console.serving import Console
from console.sessions import IDLE
from console.tls_front import CertificateUnusable, TlsFront
from console.watch import DESK_THREADS
from ivr.assembly import Assembly
from ivr.asterisk.certificate import RENEWED_BEFORE, VALID_FOR, write_certificate
from tests.console_world import GUANGZHOU, NOON, World, account_of
from tests.e2e.sipp import free_port

LONGEST = 20.0


class Served:
    """A world whose console listens."""

    def __init__(self, world: World, port: int, console: Console) -> None:
        self.world = world
        self.port = port
        self.behind = console._server.port
        self.console = console

    def ask(
        self, path: str, method: str = "GET", body: str | None = None, **headers: str
    ) -> http.client.HTTPResponse:
        """On a connection of its own."""
        connection = self.connected()
        connection.request(method, path, body, headers)
        return connection.getresponse()

    def connected(self) -> http.client.HTTPSConnection:
        """By TLS, with the certificate that was made."""
        context = ssl.create_default_context(cafile=self._folder / "certificate.pem")
        return http.client.HTTPSConnection("localhost", self.port, context=context, timeout=LONGEST)

    @property
    def _folder(self) -> Path:
        return self.world.assembly.settings.console_certificate


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    world = World(tmp_path)
    port = free_port("127.0.0.1")
    settings = world.assembly.settings.model_copy(update={"console_port": port})
    assembly = Assembly(
        settings, world.assembly.store, world.assembly.log, world.assembly.stations,
        world.assembly.directory,
    )  # fmt: skip
    monkeypatch.setattr("console.serving._now", lambda: world.at)
    console = Console(assembly)
    console.start()
    yield Served(world, port, console)
    console.stop()
    world.close()


def cookie_of(world: World, account_id: str) -> str:
    browser = world.browser(account_id)
    cookie = browser._client.get_cookie("__Host-console", domain="desk.example.cn")
    assert cookie is not None
    return f"__Host-console={cookie.value}"


def test_pages_are_served_by_tls_and_each_browser_is_known_by_its_address(served: Served) -> None:
    answer = served.ask("/login")
    page = answer.read().decode()
    assert answer.status == 200
    guard = page.split('name="csrf_token" value="')[1].split('"')[0]
    cookie = str(answer.headers["Set-Cookie"]).partition(";")[0]
    body = f"account=nobody&password=x&csrf_token={guard}"
    form = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
    form["Referer"] = f"https://localhost:{served.port}/login"
    assert served.ask("/login", "POST", body, **form).status == 401
    form["Referer"] = "https://evil.example/"
    assert served.ask("/login", "POST", body, **form).status == 400
    [line] = served.world.audited(Action.LOG_IN_FAILED)
    assert line[0].startswith("?")


def test_nothing_is_told_without_tls(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port), LONGEST) as plain:
        plain.sendall(b"GET /login HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert b"HTTP" not in plain.recv(1024)


def test_the_web_server_behind_answers_nobody_but_what_stands_before_it(served: Served) -> None:
    behind = http.client.HTTPConnection("127.0.0.1", served.behind, timeout=LONGEST)
    behind.request("GET", "/login")
    assert behind.getresponse().status == 403


def test_that_a_log_in_ends_is_told_on_the_desk_before(served: Served) -> None:
    cookie = cookie_of(served.world, account_of(Role.COUNSELOR, GUANGZHOU))
    served.world.at += IDLE - timedelta(minutes=5)
    desk = served.ask(f"/desk/stream?page={uuid4()}", Cookie=cookie)
    assert "event: ending" in until(desk, "登录到14:00为止")


def test_who_comes_and_goes_is_seen_at_once_by_all_who_watch(served: Served) -> None:
    cookies = [cookie_of(served.world, account_of(role, GUANGZHOU)) for role in
               (Role.COUNSELOR, Role.ADMIN)]  # fmt: skip
    streams = [served.ask("/presence/stream", Cookie=cookie) for cookie in cookies]
    store = served.world.assembly.store
    first = [until(stream, "现在没有人在岗") for stream in streams]
    assert all(first)
    store.write(lambda c: presence.log_in(c, "gz-lin", NOON))
    assert "林静" in until(streams[0], "示闲")
    assert "林静" not in until(streams[1], "示闲")
    store.write(lambda c: presence.pause(c, "gz-lin", "meal", NOON))
    assert "用餐" in until(streams[0], "示忙")
    store.write(lambda c: presence.log_in(c, "wh-zhou", NOON))
    store.write(lambda c: presence.log_out(c, "gz-lin", NOON))
    assert "周宁" not in until(streams[0], "现在没有人在岗")


def test_a_page_that_watches_says_when_the_log_in_is_over(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.pages.presence.BEAT_SECONDS", 0.1)
    stream = served.ask(
        "/presence/stream", Cookie=cookie_of(served.world, account_of(Role.COUNSELOR, GUANGZHOU))
    )
    assert until(stream, "现在没有人在岗")
    served.world.at = NOON.replace(hour=23)
    assert "登录已过期" in until(stream, "登录已过期")
    assert stream.read() == b""


def test_a_page_is_told_on_a_connection_that_had_other_pages_before(served: Served) -> None:
    connection = served.connected()
    connection.request("GET", "/login")
    policy = (answer := connection.getresponse()).headers["Content-Security-Policy"]
    answer.read()
    cookie = cookie_of(served.world, account_of(Role.COUNSELOR, GUANGZHOU))
    connection.request("GET", "/presence/stream", headers={"Cookie": cookie})
    stream = connection.getresponse()
    assert stream.headers["Content-Security-Policy"] == policy
    assert until(stream, "现在没有人在岗")


def test_a_page_that_is_closed_makes_room_at_once(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.streams.STREAMS", 1)
    monkeypatch.setattr("console.pages.presence.BEAT_SECONDS", 3600.0)
    cookie = cookie_of(served.world, account_of(Role.COUNSELOR, GUANGZHOU))
    first = served.ask("/presence/stream", Cookie=cookie)
    assert until(first, "现在没有人在岗")
    assert served.ask("/presence/stream", Cookie=cookie).status == 503
    first.close()
    moment, deadline = threading.Event(), time.monotonic() + LONGEST
    while (again := served.ask("/presence/stream", Cookie=cookie)).status == 503:
        assert time.monotonic() < deadline
        moment.wait(0.05)
    assert until(again, "现在没有人在岗")


def test_a_page_that_cannot_be_told_is_hung_up_and_others_are_told(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_of: object) -> str:
        raise RuntimeError

    cookie = cookie_of(served.world, account_of(Role.COUNSELOR, GUANGZHOU))
    told = served.ask("/presence/stream", Cookie=cookie)
    assert until(told, "现在没有人在岗")
    with monkeypatch.context() as broken, capture_logs() as logged:
        broken.setattr("console.pages.desk.message", failing)
        page = "/desk/stream?page=00000000-0000-0000-0000-000000000000"
        assert served.ask(page, Cookie=cookie).read() == b""
    assert [line["event"] for line in logged] == ["page_not_told"]
    served.world.assembly.store.write(lambda c: presence.log_in(c, "gz-lin", NOON))
    assert "林静" in until(told, "示闲")


def test_no_page_of_who_is_there_waits_for_desks(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookie = cookie_of(served.world, account_of(Role.COUNSELOR, GUANGZHOU))
    seen = served.ask("/presence/stream", Cookie=cookie)
    assert until(seen, "现在没有人在岗")
    store_answers, asked = threading.Event(), threading.Semaphore(0)

    def slow(text: str, event: str = "") -> str:
        asked.release()
        store_answers.wait(LONGEST)
        return message(text, event)

    monkeypatch.setattr("console.pages.desk.message", slow)
    page = "/desk/stream?page=00000000-0000-0000-0000-{:012}"
    desks = [served.ask(page.format(n), Cookie=cookie) for n in range(DESK_THREADS + 1)]
    for _ in range(DESK_THREADS):
        assert asked.acquire(timeout=LONGEST)
    served.world.assembly.store.write(lambda c: presence.log_in(c, "gz-lin", NOON))
    assert "林静" in until(seen, "示闲")
    store_answers.set()
    assert all(until(desk, "event:") for desk in desks)


def until(stream: http.client.HTTPResponse, said: str) -> str:
    """What comes up to the message that says it, that message alone."""
    message: list[str] = []
    while True:
        line = stream.readline().decode()
        assert line, "the stream ended"
        message.append(line)
        if not line.strip():
            whole, message = "".join(message), []
            if said in whole:
                return whole


def shown(served: Served) -> x509.Certificate:
    """What a browser is shown that connects now."""
    pem = ssl.get_server_certificate(("localhost", served.port), timeout=LONGEST)
    return x509.load_pem_x509_certificate(pem.encode())


def test_a_certificate_that_ends_is_renewed_while_the_console_serves(served: Served) -> None:
    first = shown(served)
    due = first.not_valid_after_utc - RENEWED_BEFORE
    served.console.certificate.look(due)
    assert shown(served) == first
    served.console.certificate.look(due + timedelta(days=1))
    assert shown(served).not_valid_after_utc > first.not_valid_after_utc


def test_a_certificate_that_was_replaced_is_taken_up_and_a_bad_one_is_not(
    served: Served, tmp_path: Path
) -> None:
    folder = served.world.assembly.settings.console_certificate
    certificate = served.console.certificate
    other = tmp_path / "other"
    other.mkdir()
    write_certificate(other, "127.0.0.1", datetime.now(UTC))
    first, now = shown(served), datetime.now(UTC)
    shutil.copy(other / "certificate.pem", folder)
    with capture_logs() as told:
        certificate.look(now)
        certificate.look(now)
    assert [line["event"] for line in told] == ["console_certificate_kept"]
    assert shown(served) == first
    shutil.copy(other / "private.pem", folder)
    certificate.look(now)
    assert shown(served) != first
    assert served.ask("/login").status == 200


def test_a_certificate_of_somebody_elses_is_never_written(tmp_path: Path) -> None:
    write_certificate(tmp_path, "127.0.0.1", NOON)
    before = (tmp_path / "certificate.pem").read_bytes()
    given = Certificate(tmp_path, None, NOON)
    given.look(NOON + VALID_FOR)
    assert (tmp_path / "certificate.pem").read_bytes() == before


def test_a_certificate_that_cannot_be_used_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "certificate.pem").write_text("nothing")
    settings = Settings(
        data_directory=tmp_path / "var",
        sister_lines_directory=CONFIG / "demo",
        console_certificate_directory=tmp_path,
    )
    assembly = Assembly.open(settings)
    with pytest.raises(CertificateUnusable, match=r"certificate\.pem and private\.pem there"):
        Console(assembly)
    assembly.store.close()


def test_a_browser_that_has_gone_before_it_is_served_is_no_error() -> None:
    front = TlsFront("127.0.0.1", 0, ssl.create_default_context(), telephones=0)
    gone = Mock(spec=asyncio.StreamWriter)
    gone.get_extra_info.return_value = None

    async def asks() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        reader.feed_eof()
        await front._serve(reader, gone)

    asyncio.run(asks())
    gone.close.assert_called_once_with()
