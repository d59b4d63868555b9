"""A FastAGI server in place of the engine: it does what a test's function says."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """What one AGI request told: its path, header, and the variables a test wants to see."""

    path: str
    env: dict[str, str]
    report: tuple[str, ...] = ()

    @property
    def call_id(self) -> str:
        return self.env["agi_uniqueid"]


class Agi:
    """One request, as a script sees it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lines = connection.makefile("r", encoding="utf-8", newline="\n")
        self.env: dict[str, str] = {}
        while line := self._lines.readline().strip():
            name, _, value = line.partition(": ")
            self.env[name] = value

    def do(self, command: str) -> str:
        """Send a command; what follows `200 result=`, or the whole reply."""
        self.send(command)
        return self._lines.readline().strip().removeprefix("200 result=")

    def send(self, command: str) -> None:
        """Send a command without waiting for what comes of it."""
        self._connection.sendall(f"{command}\n".encode())

    def key(self, prompt: str, milliseconds: int) -> str:
        """The key pressed in or after a prompt, "" for none."""
        return self.do(f'GET DATA "{prompt}" {milliseconds} 1').partition(" ")[0]

    def variables(self, *names: str) -> tuple[str, ...]:
        wanted = "|".join(f"${{{name}}}" for name in names)
        reply = self.do(f'GET FULL VARIABLE "{wanted}"')
        return tuple(reply.partition("(")[2].removesuffix(")").split("|"))

    def finish(self) -> None:
        """End the call as the engine does."""
        self.do("SET VARIABLE CALL_DONE 1")
        self.do("HANGUP")


Script = Callable[[Agi], None]


class Flow:
    """What all engines do: a `call` runs the caller's script in `scripts`. A script that returns
    without `finish` is an engine that died."""

    def __init__(self) -> None:
        self.scripts: dict[str, Script] = {}
        self.requests: list[Request] = []
        self._changed = threading.Condition()

    def wait_for(self, path: str, caller: str, times: int = 1, seconds: float = 20.0) -> Request:
        """Wait until a caller has made so many requests of this path."""

        def found() -> list[Request]:
            return [
                request
                for request in self.requests
                if request.path == path and request.env["agi_callerid"] == caller
            ]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= times, seconds), self.requests
            return found()[times - 1]

    def serve(self, agi: Agi) -> None:
        path = agi.env["agi_network_script"]
        report: tuple[str, ...] = ()
        if path == "hangup":
            report = agi.variables("DIALSTATUS", "DIALEDPEERNUMBER", "HANGUPCAUSE", "CALL_TURN")
            agi.do("SET VARIABLE HANGUP_TOLD 1")
        with self._changed:
            self.requests.append(Request(path, agi.env, report))
            self._changed.notify_all()
        if path == "call":
            self.scripts[agi.env["agi_callerid"]](agi)
        elif path == "code":
            agi.do("SET VARIABLE CODE_DONE 1")


class StubEngine:
    """Listens on `address` from `start()` to `stop()`."""

    def __init__(self, address: str, flow: Flow) -> None:
        host, _, port = address.rpartition(":")
        self._address = (host, int(port))
        self._flow = flow
        self._server: socketserver.ThreadingTCPServer | None = None

    def start(self) -> None:
        flow = self._flow

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                flow.serve(Agi(self.request))

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            block_on_close = False

        self._server = Server(self._address, Handler)
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()

    def stop(self) -> None:
        """From now on connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
