"""TLS before the pages: what browsers meet. It takes the certificate's part and passes bytes on to
the web server behind, which is on loopback and answers nobody else; and to Asterisk those of the
WebSockets that a page lets in (`websockets.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from config.settings import LOOPBACK
from console import websockets
from console.outlet import BLANK_LINE, CHUNK, OUTLET, Outlet, gone_without_a_word
from console.page_limits import network_of
from console.websockets import Head, Verdict, head_of, verdict_of

log = structlog.get_logger()

HANDSHAKE_SECONDS = 10.0
HEAD_SECONDS = 60.0
"""A browser connects ahead of what it will ask for."""
ANSWER_SECONDS = 30.0
FORBIDDEN = 403
ASKED_BY_TCP_EVERY = 10
"""Seconds; given up by `GONE_AFTER_MS`."""
TOO_MANY = b"HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\n\r\n"
CALLERS_FROM_ONE_PLACE = 60
"""WebSockets of the callers' page at once from an address, of IPv6 a household. Counted before the
page is asked; desks are not: a station is one place, and each of them has logged in."""

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class CertificateUnusable(Exception):
    """What is wrong with it, in one line."""


def tls(folder: Path) -> ssl.SSLContext:
    """Of the `certificate.pem` and `private.pem` in `folder`. Raises CertificateUnusable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load(context, folder)
    return context


def load(context: ssl.SSLContext, folder: Path) -> None:
    """Have it shown to whoever connects from now on. Raises CertificateUnusable."""
    try:
        context.load_cert_chain(folder / "certificate.pem", folder / "private.pem")
    except (OSError, ssl.SSLError) as error:
        raise CertificateUnusable(
            f"{folder}: certificate.pem and private.pem there cannot be used: {error}"
        ) from error


class TlsFront:
    """Listens from `start()` to `stop()`. `wrapped` around the application behind tells it where
    each browser is, and refuses whoever hasn't come this way.

    :param telephones: the port of Asterisk's WebSocket.
    """

    def __init__(self, address: str, port: int, context: ssl.SSLContext, telephones: int) -> None:
        self._address = address
        self._port = port
        self._context = context
        self._telephones = telephones
        self._behind = 0
        self._browsers: dict[str, _Browser] = {}
        """By the port of their connection behind."""
        self._callers: Counter[str] = Counter()
        self._holders: dict[str, list[asyncio.Task[None]]] = {}
        """What passes on each holder's WebSockets, the oldest first."""
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
            known = {"REMOTE_ADDR": browser.address, OUTLET: browser.outlet}
            return application({**environ, **known}, start_response)

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
        with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(HEAD_SECONDS):
                begun = await _begun(reader)
            head = head_of(begun)
            if head is not None and head.asks_for_sip:
                await self._telephone(head, reader, writer)
            elif begun:
                await self._pages(begun, reader, writer)
        writer.close()

    async def _pages(
        self, begun: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Ask the web server, one page after another; the last may be one that goes on."""
        outlet = Outlet(self._loop, writer)
        try:
            async with self._behind_for(writer, outlet) as (inner_reader, inner):
                inner.write(begun)
                answers = _pass_answers_on(inner_reader, writer, outlet)
                await _until_one_ends(_pass_on(reader, inner), answers)
            if outlet.taken:
                await outlet.last(reader)
        finally:
            outlet.leave()

    @contextlib.asynccontextmanager
    async def _behind_for(
        self, writer: asyncio.StreamWriter, outlet: Outlet | None = None
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection to the web server on behalf of the browser that `writer` writes to."""
        browser = _address_of(writer)
        inner_reader, inner = await asyncio.open_connection(LOOPBACK, self._behind)
        port = str(inner.get_extra_info("sockname")[1])
        self._browsers[port] = _Browser(browser, outlet)
        try:
            yield inner_reader, inner
        finally:
            del self._browsers[port]
            inner.close()

    async def _telephone(
        self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """A WebSocket that the page at its address lets in, until either end hangs up or the page
        would refuse it."""
        if websockets.met_at(head) == websockets.DESKS:
            await self._let_in(head, reader, writer)
            return
        place = network_of(_address_of(writer))
        if self._callers[place] >= CALLERS_FROM_ONE_PLACE:
            log.warning("callers_connections_limited")
            writer.write(TOO_MANY)
            await writer.drain()
            return
        self._callers[place] += 1
        _asked_by_tcp(writer)
        try:
            await self._let_in(head, reader, writer)
        finally:
            self._callers[place] -= 1
            if not self._callers[place]:
                del self._callers[place]

    async def _let_in(
        self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        answer = await self._asked(head, writer)
        verdict = verdict_of(answer)
        if not verdict.admits:
            writer.write(answer)
            await writer.drain()
            return
        try:
            inner_reader, inner = await asyncio.open_connection(
                LOOPBACK, self._telephones, local_addr=(websockets.met_at(head), 0)
            )
        except OSError as error:
            log.error("telephones_not_reached", reason=str(error))
            writer.write(b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        gone_without_a_word(writer)
        try:
            inner.write(websockets.upgrade(head))
            with self._held_by(verdict.holder):
                await _until_one_ends(
                    _pass_on(reader, inner),
                    _pass_on(inner_reader, writer),
                    self._refused(head, writer),
                )
        finally:
            inner.close()

    @contextlib.contextmanager
    def _held_by(self, holder: str) -> Iterator[None]:
        """One more WebSocket of theirs; the oldest is closed where that is too many."""
        ours = asyncio.current_task()
        assert ours is not None
        held = self._holders.setdefault(holder, [])
        held.append(ours)
        if len(held) > websockets.MOST:
            held.pop(0).cancel()
        try:
            yield
        finally:
            if ours in held:
                held.remove(ours)
            if not held:
                self._holders.pop(holder, None)

    async def _refused(self, head: Head, writer: asyncio.StreamWriter) -> None:
        """Returns when the page says that it lets this WebSocket in no more."""
        verdict = Verdict(admits=True, final=True)
        while verdict.admits or not verdict.final:
            await asyncio.sleep(websockets.ASKED_EVERY)
            try:
                verdict = verdict_of(await self._asked(head, writer))
            except (OSError, TimeoutError):
                verdict = Verdict(admits=False, final=False)

    async def _asked(self, head: Head, writer: asyncio.StreamWriter) -> bytes:
        """The whole answer of the page at the upgrade's address."""
        async with asyncio.timeout(ANSWER_SECONDS), self._behind_for(writer) as (answers, inner):
            inner.write(websockets.asking(head))
            return await answers.read()


def _address_of(writer: asyncio.StreamWriter) -> str:
    """A browser's. Raises ConnectionError: it has gone before anybody asked."""
    peer = writer.get_extra_info("peername")
    if peer is None:
        raise ConnectionResetError("the browser has gone")
    return str(peer[0])


def _asked_by_tcp(writer: asyncio.StreamWriter) -> None:
    """A caller's browser that is silent is asked by TCP whether it is there, and no script in its
    page, which a telephone may put to sleep, takes part."""
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
        connection.setsockopt(socket.IPPROTO_TCP, option, ASKED_BY_TCP_EVERY)


class _Browser(NamedTuple):
    """`outlet`: for an answer that goes on; None where the page is only asked about a WebSocket."""

    address: str
    outlet: Outlet | None


async def _begun(reader: asyncio.StreamReader) -> bytes:
    """A request as far as its blank line, or what has come of one whose head is too long for us
    or never ends: the web server knows what to say to that."""
    try:
        return await reader.readuntil(BLANK_LINE)
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError:
        return await reader.read(CHUNK)


async def _until_one_ends(*passing: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.create_task(one) for one in passing]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def _pass_answers_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, outlet: Outlet
) -> None:
    """Until either end is gone, or an answer goes on without the web server: its head then."""
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK):
            if outlet.taken:
                while BLANK_LINE not in chunk and (more := await reader.read(CHUNK)):
                    chunk += more
                outlet.begin(chunk.partition(BLANK_LINE)[0])
                return
            writer.write(chunk)
            await writer.drain()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until either end is gone."""
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
