"""The FastAGI server among clients that are late, silent, mad or many."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from ivr.asterisk import server as server_module
from ivr.asterisk.channel import Channel
from ivr.asterisk.server import FastAgiServer, ping, ping_handler

LOCALHOST = ("127.0.0.1", 0)
HEADER = b"agi_network: yes\nagi_network_script: call\nagi_uniqueid: 1.1\n\n"


def answer(channel: Channel) -> None:
    channel.answer()


@pytest.fixture
def healthy() -> list[bool]:
    return [True]


@pytest.fixture
def server(healthy: list[bool]) -> Iterator[FastAgiServer]:
    serving = FastAgiServer(
        LOCALHOST, {"call": answer, "ping": ping_handler(lambda: healthy[0])}, calls=50
    )
    serving.start()
    yield serving
    serving.stop(0)


def connect(server: FastAgiServer, sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection(server.address, 10)
    connection.sendall(sent)
    return connection


def is_closed(connection: socket.socket) -> bool:
    with connection:
        try:
            return connection.recv(1) == b""
        except ConnectionResetError:
            return True


def is_served(server: FastAgiServer) -> bool:
    with connect(server, HEADER) as caller:
        served = caller.recv(64) == b"ANSWER\n"
        caller.sendall(b"200 result=0\n")
        return served and caller.recv(1) == b""


def test_a_header_that_names_the_call_twice_is_refused(server: FastAgiServer) -> None:
    """A caller's number with a line end in it could otherwise name another's call."""
    assert is_closed(connect(server, HEADER[:-1] + b"agi_uniqueid: 2.2\n\n"))


def test_a_call_is_served(server: FastAgiServer) -> None:
    assert is_served(server)


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\n\n",
        b"agi_network: yes\nsomething else\n\n",
        b"agi_x: " + b"a" * 20_000,
        b"agi_x: y\n" * 200,
        b"agi_network_script: ../../etc\n\n",
        b"agi_network_script: nothing\n\n",
        b"\xff\xfe\x00\n",
    ],
)
def test_garbage_is_refused_at_once_and_harms_nobody(server: FastAgiServer, garbage: bytes) -> None:
    assert all(is_closed(connect(server, garbage)) for _ in range(50))
    assert is_served(server)


def test_a_thousand_silent_clients_hold_nobody_up(server: FastAgiServer) -> None:
    silent = [connect(server, b"agi_netw"[: n % 8]) for n in range(1000)]
    try:
        before = threading.active_count()
        assert is_served(server)
        assert ping(server.address, 5)
        assert threading.active_count() <= before + 2
    finally:
        for connection in silent:
            connection.close()


def test_a_client_that_stops_in_its_header_is_closed(
    server: FastAgiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server_module.HEADER_SECONDS == 5
    monkeypatch.setattr(server_module, "HEADER_SECONDS", 0.05)
    assert is_closed(connect(server, b"agi_network: yes\nagi_chan"))
    assert is_closed(connect(server))


def test_a_header_may_come_in_pieces(server: FastAgiServer) -> None:
    with connect(server) as caller:
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in HEADER:
            caller.sendall(bytes([byte]))
        assert caller.recv(64) == b"ANSWER\n"


def test_one_call_too_many_is_refused_while_supervisors_are_answered(
    server: FastAgiServer,
) -> None:
    callers = [connect(server, HEADER) for _ in range(50)]
    assert all(caller.recv(64) == b"ANSWER\n" for caller in callers)
    assert is_closed(connect(server, HEADER))
    assert ping(server.address, 5)
    for caller in callers:
        caller.close()


def test_a_ping_tells_health_and_not_just_an_open_port(
    server: FastAgiServer, healthy: list[bool]
) -> None:
    assert ping(server.address, 5)
    healthy[0] = False
    assert not ping(server.address, 5)
    with socket.create_server(LOCALHOST) as hung:
        assert not ping(hung.getsockname(), 0.05)
        address = hung.getsockname()
    assert not ping(address, 1)


def stopping(handler: Callable[[Channel], None], seconds: float) -> bytes:
    """What a caller is sent of a call that is being served while the server stops."""
    serving = FastAgiServer(LOCALHOST, {"call": handler})
    serving.start()
    with connect(serving, HEADER) as caller:
        first = caller.recv(64)
        stopper = threading.Thread(target=serving.stop, args=[seconds])
        stopper.start()
        if seconds:
            caller.sendall(b"200 result=0\n")
        rest = b""
        while more := caller.recv(64):
            rest += more
            caller.sendall(b"200 result=0\n")
        stopper.join(10)
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(serving.address, 1)
        return first + rest


def two_commands(channel: Channel) -> None:
    channel.answer()
    channel.noop()


def test_stopping_lets_calls_finish(server: FastAgiServer) -> None:
    assert stopping(two_commands, 10) == b"ANSWER\nNOOP\n"


def test_stopping_cuts_off_what_does_not_finish(server: FastAgiServer) -> None:
    assert stopping(two_commands, 0) == b"ANSWER\n"


def test_a_handler_that_fails_closes_its_call_alone(server: FastAgiServer) -> None:
    def broken(channel: Channel) -> None:
        raise ZeroDivisionError

    serving = FastAgiServer(LOCALHOST, {"call": answer, "code": broken})
    serving.start()
    assert is_closed(connect(serving, HEADER.replace(b"call", b"code")))
    assert is_served(serving)
    serving.stop()
