"""TLS before the pages: what browsers meet. It takes the certificate's part and passes bytes on to
the web server behind, which is on loopback and answers nobody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

from config.settings import LOOPBACK

HANDSHAKE_SECONDS = 10.0
CHUNK = 65_536
FORBIDDEN = 403

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class CertificateUnusable(Exception):
    """What is wrong with it, in one line."""


def tls(folder: Path) -> ssl.SSLContext:
    """Of the `certificate.pem` and `private.pem` in `folder`. Raises CertificateUnusable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(folder / "certificate.pem", folder / "private.pem")
    except (OSError, ssl.SSLError) as error:
        raise CertificateUnusable(
            f"{folder}: certificate.pem and private.pem there cannot be used: {error}"
        ) from error
    return context


class TlsFront:
    """Listens from `start()` to `stop()`. `wrapped` around the application behind tells it where
    each browser is, and refuses whoever hasn't come this way."""

    def __init__(self, address: str, port: int, context: ssl.SSLContext) -> None:
        self._address = address
        self._port = port
        self._context = context
        self._behind = 0
        self._browsers: dict[str, str] = {}
        """Where a browser is, by the port of its connection behind."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tls", daemon=True)

    def start(self, behind: int) -> None:
        """:param behind: the port of the web server. Raises OSError where ours is taken."""
        self._behind = behind
        self._thread.start()
        self._server = self._run(
            asyncio.start_server(
                self._serve,
                self._address,
                self._port,
                ssl=self._context,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
            )
        )

    def stop(self) -> None:
        self._run(self._hang_up())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def wrapped(self, application: Wsgi) -> Wsgi:
        def asked(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            browser = self._browsers.get(str(environ.get("REMOTE_PORT")))
            if browser is None:
                start_response(f"{FORBIDDEN} Forbidden", [("Content-Type", "text/plain")])
                return [b"only by TLS\n"]
            return application({**environ, "REMOTE_ADDR": browser}, start_response)

        return asked

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _hang_up(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One browser's connection, until either end hangs up or we stop."""
        with contextlib.suppress(OSError, asyncio.CancelledError):
            inner_reader, inner = await asyncio.open_connection(LOOPBACK, self._behind)
            port = str(inner.get_extra_info("sockname")[1])
            self._browsers[port] = writer.get_extra_info("peername")[0]
            passing = [
                asyncio.create_task(_pass_on(*ends))
                for ends in ((reader, inner), (inner_reader, writer))
            ]
            try:
                await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in passing:
                    task.cancel()
                del self._browsers[port]
                inner.close()
        writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until either end is gone."""
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
