"""The console as a process: pages, TLS before them, and the watch over who is there.

A process of its own beside the engine: whatever becomes of a page, calls go on.
"""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime

import structlog

from console.application import LARGEST_BODY, application
from console.certificate import Certificate
from console.tls_front import TlsFront
from console.watch import Watch
from ivr.assembly import Assembly
from ivr.web_server import WebServer

log = structlog.get_logger()

THREADS = 24
"""Pages at a time."""


class Console:
    """Serves pages from `start()` to `stop()`.

    :param assembly: its settings say where, and with which certificate.
    """

    def __init__(self, assembly: Assembly) -> None:
        settings = assembly.settings
        ours = settings.console_certificate_directory is None
        address = settings.console_address
        self.certificate = Certificate(
            settings.console_certificate, address if ours else None, datetime.now(UTC)
        )
        self._front = TlsFront(
            address, settings.console_port, self.certificate.context, settings.sip_ws_port
        )
        self._watch = Watch(assembly.store)
        app = application(assembly, self._watch, _now)
        self._server = WebServer(
            "console",
            self._front.wrapped(app),
            port=0,
            threads=THREADS,
            largest_body=LARGEST_BODY,
            url_scheme="https",
        )

    def start(self) -> None:
        """Raises OSError where the port is taken."""
        self._watch.start()
        self._server.start()
        self._front.start(self._server.port)
        self.certificate.start()

    def stop(self) -> None:
        self.certificate.stop()
        self._watch.stop()
        self._front.stop()
        self._server.stop()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: ended.set())
        self.start()
        log.info("console_started")
        ended.wait()
        self.stop()
        log.info("console_stopped")


def _now() -> datetime:
    return datetime.now(UTC)
