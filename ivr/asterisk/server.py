"""The FastAGI server: one thread reads all headers, one thread a live call performs it.

A connection costs no thread until its header is complete, so a client that sends nothing, or
stops in the middle, holds nobody up; it is closed after `HEADER_SECONDS`. What isn't an AGI
header is closed at once.
"""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog

from ivr.asterisk.channel import Channel, ChannelGone, ConnectionLost

log = structlog.get_logger()

HEADER_SECONDS = 5.0
HEADER_BYTES = 16_384
HEADER_LINES = 100
SPARE_THREADS = 32
"""Beyond the live calls, so that a full house still answers its supervisor and hears hang-ups."""

Handler = Callable[[Channel], None]

_HEADER_LINE = re.compile(rb"agi_\w+:")


@dataclass(slots=True)
class _Incoming:
    """A connection whose header isn't complete."""

    connection: socket.socket
    deadline: float
    received: bytearray = field(default_factory=bytearray)


class FastAgiServer:
    """Listens on `address` (port 0: any free one; `.address` tells) from `start()` to `stop()`.

    :param handlers: by the request's path without its slash: `call`, `hangup`, `ping` …
        Each runs in a thread of its own; the connection is closed when it returns.
    :param calls: how many `call` requests are served at a time; one more is refused, so that
        the dialplan tries the next engine.
    """

    def __init__(
        self, address: tuple[str, int], handlers: Mapping[str, Handler], calls: int = 2000
    ) -> None:
        self._handlers = dict(handlers)
        self._calls = calls
        self._listener = socket.create_server(address, backlog=1024)
        self._listener.setblocking(False)
        host, port = self._listener.getsockname()[:2]
        self.address: tuple[str, int] = (host, port)
        self._selector = selectors.DefaultSelector()
        self._wake, self._waker = socket.socketpair()
        self._waiting: OrderedDict[int, _Incoming] = OrderedDict()
        self._live: dict[socket.socket, str] = {}
        self._live_calls = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._threads = ThreadPoolExecutor(calls + SPARE_THREADS, thread_name_prefix="call")
        self._loop = threading.Thread(target=self._run, name="fastagi", daemon=True)

    def start(self) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._loop.start()

    def stop(self, seconds: float = 5.0) -> None:
        """Accept nothing more; give handlers `seconds` to finish, then cut them off."""
        self._stopping = True
        self._waker.send(b"x")
        self._loop.join()
        with self._changed:
            self._changed.wait_for(lambda: not self._live, timeout=seconds)
            left = list(self._live)
        for connection in left:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._threads.shutdown(wait=False)

    # The header loop.

    def _run(self) -> None:
        while not self._stopping:
            for key, _events in self._selector.select(self._patience()):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.data is not None:
                    self._read(key.data)
            now = time.monotonic()
            while self._waiting and next(iter(self._waiting.values())).deadline <= now:
                self._drop(next(iter(self._waiting.values())))
        for incoming in list(self._waiting.values()):
            self._drop(incoming)
        self._selector.close()
        for ours in (self._listener, self._wake, self._waker):
            ours.close()

    def _patience(self) -> float | None:
        if not self._waiting:
            return None
        return max(0.0, next(iter(self._waiting.values())).deadline - time.monotonic())

    def _accept(self) -> None:
        while True:
            try:
                connection, _peer = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                # Out of descriptors: whoever has taken longest to say nothing makes room.
                log.error("fastagi_accept_failed", error=str(error), waiting=len(self._waiting))
                if self._waiting:
                    self._drop(next(iter(self._waiting.values())))
                else:
                    with self._changed:
                        self._changed.wait(timeout=0.1)  # for a call to end
                return
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            incoming = _Incoming(connection, time.monotonic() + HEADER_SECONDS)
            self._waiting[connection.fileno()] = incoming
            self._selector.register(connection, selectors.EVENT_READ, incoming)

    def _read(self, incoming: _Incoming) -> None:
        try:
            more = incoming.connection.recv(HEADER_BYTES)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        incoming.received += more
        received = incoming.received
        end = received.find(b"\n\n")
        lines = bytes(received if end < 0 else received[:end]).split(b"\n")
        whole = lines[:-1] if end < 0 else lines
        if (
            not more
            or len(received) > HEADER_BYTES
            or len(whole) > HEADER_LINES
            or not all(_HEADER_LINE.match(line) for line in whole)
            or not b"agi_".startswith(lines[0][:4])
        ):
            self._drop(incoming)
        elif end >= 0:
            self._forget(incoming)
            self._hand_over(incoming.connection, whole, bytes(received[end + 2 :]))

    def _forget(self, incoming: _Incoming) -> None:
        self._selector.unregister(incoming.connection)
        del self._waiting[incoming.connection.fileno()]

    def _drop(self, incoming: _Incoming) -> None:
        self._forget(incoming)
        incoming.connection.close()

    def _hand_over(self, connection: socket.socket, lines: list[bytes], rest: bytes) -> None:
        env = {}
        for line in lines:
            name, _, value = line.decode("utf-8", "replace").partition(":")
            # A second line of a name would be the caller's doing, passed on by a careless dialplan.
            if name in env:
                log.error("fastagi_refused", reason="a header line twice")
                connection.close()
                return
            env[name] = value.strip()
        path = env.get("agi_network_script", "").partition("?")[0].strip("/")
        handler = self._handlers.get(path)
        full = path == "call" and self._live_calls >= self._calls
        if handler is None or full:
            log.error("fastagi_refused", reason="full" if full else "unknown path")
            connection.close()
            return
        connection.setblocking(True)
        with self._changed:
            self._live[connection] = path
            self._live_calls += path == "call"
        self._threads.submit(self._handle, handler, connection, env, rest)

    # In a thread of the pool.

    def _handle(
        self, handler: Handler, connection: socket.socket, env: dict[str, str], rest: bytes
    ) -> None:
        try:
            handler(Channel(connection, env, rest))
        except (ChannelGone, ConnectionLost):
            pass  # the next AGI of this channel, `h` or AMI tells what became of it
        except Exception:
            log.exception("fastagi_handler_failed", call_id=env.get("agi_uniqueid"))
        finally:
            connection.close()
            with self._changed:
                self._live_calls -= self._live.pop(connection) == "call"
                self._changed.notify_all()


def ping_handler(healthy: Callable[[], bool]) -> Handler:
    """Answers `ping`: a handler's own thread asks `healthy`, and speaks only if it is so."""

    def handle(channel: Channel) -> None:
        if healthy():
            channel.noop()

    return handle


def ping(address: tuple[str, int], timeout: float) -> bool:
    """Whether the engine at `address` completes a real FastAGI handshake in `timeout` seconds."""
    deadline = time.monotonic() + timeout
    try:
        with socket.create_connection(address, timeout) as connection:
            connection.sendall(b"agi_network: yes\nagi_network_script: ping\n\n")
            received = b""
            while not received.endswith(b"\n"):
                connection.settimeout(max(0.001, deadline - time.monotonic()))
                more = connection.recv(64)
                if not more or len(received) > 64:
                    return False
                received += more
            connection.sendall(b"200 result=0\n")
            return received == b"NOOP\n"
    except OSError:
        return False
