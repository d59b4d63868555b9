"""A web server of ours: waitress, on loopback. Twilio's webhooks and the console are served by it.

Threads in the process that has the store, no processes of its own: a page and a call share nothing
but the database.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from waitress import create_server

from config.settings import LOOPBACK

# A line for each request that waits: in a flood they would be all that is read.
logging.getLogger("waitress.queue").setLevel(logging.ERROR)

STOP_SECONDS = 5.0
CONNECTIONS_BESIDE = 1000
"""Browsers keep theirs open while they ask for nothing: a few of each desk."""


class WebServer:
    """Listens on loopback from `start()` to `stop()`; what has a certificate stands before it.

    :param port: 0: any that is free, see `port`.
    :param threads: requests at a time.
    :param largest_body: bytes.
    """

    def __init__(
        self, name: str, app: Any, *, port: int, threads: int, largest_body: int, **more: Any
    ) -> None:
        self._server = create_server(
            app,
            host=LOOPBACK,
            port=port,
            threads=threads,
            connection_limit=threads + CONNECTIONS_BESIDE,
            max_request_body_size=largest_body,
            channel_timeout=30,
            ident=None,
            # select() ends the server at the 1,024th descriptor of the process, calls of
            # Asterisk's included.
            asyncore_use_poll=True,
            **more,
        )
        self._thread = threading.Thread(target=self._server.run, name=name, daemon=True)

    @property
    def port(self) -> int:
        found: int = self._server.effective_port
        return found

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        # What is being answered is answered first: it needs the server for that.
        self._server.task_dispatcher.shutdown(timeout=STOP_SECONDS)
        self._server.close()
        self._thread.join(STOP_SECONDS)
