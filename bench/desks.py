"""300 desks connected at once by TLS: how soon all of them see a change, and what they cost calls
of Twilio and of Asterisk."""

from __future__ import annotations

import itertools
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from statistics import median

import structlog
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy import Connection

from agents import presence
from bench.configuration import STATION, numbers
from bench.desks_watching import Desks, Stream, desks
from bench.line import OURS, Bench
from bench.results import machine, quantile, ratio
from bench.twilio_load import Load, one_call
from bench.webhook_servers import ours, running
from bench.webhooks import CALLERS, twilio_settings
from config.settings import Settings
from console import accounts, sessions
from console.accounts import Account
from console.application import application
from console.roles import Role
from console.serving import Console
from console.watch import Watch
from ivr.assembly import Assembly
from tests.e2e.sipp import free_port
from tests.postgresql import PostgreSQL

DESKS = 300
RUNS, RUN_SECONDS = 3, 3.0
CHANGES = 10
BUSY_RATE, BUSY_SECONDS = 20, 20.0
TELEPHONES, CALLS_RATE, CALLS_SECONDS, TALK = 80, 20, 6, 0.5
"""Of counselors that Asterisk rings, and its calls a second and their talk."""
REASONS = {"meal": "用餐", "training": "培训"}


@dataclass(slots=True)
class Row:
    """What calls are by without the desks and with them: webhooks a second, or milliseconds from an
    INVITE to a counselor's 200 OK; and milliseconds from a change's commit until the last page was
    shown it, on a quiet line and on a busy one."""

    name: str
    without: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    quiet: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    lost: int = 0


def measured(stores: Sequence[str]) -> str:
    """What is told of it, in Markdown."""
    webhooks = [_on(store, _webhooks) for store in stores]
    calls = [_on(store, _calls) for store in stores]
    return _report(webhooks, calls)


def _on(store: str, play: Callable[[Row, Path, str], None]) -> Row:
    server = PostgreSQL() if store == "postgresql" else None
    row = Row(store)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            play(row, Path(folder), server.new_database() if server else "")
    finally:
        if server is not None:
            server.remove()
    print(row, flush=True)
    return row


def _webhooks(row: Row, folder: Path, store_url: str) -> None:
    settings = twilio_settings(folder, store_url, DESKS).model_copy(
        update={"console_port": free_port("127.0.0.1")}
    )
    with running(ours, settings) as released, _console(settings), _desks(settings) as there:
        load = Load(settings.twilio_port, map(one_call, itertools.count(1)), CALLERS, released)
        load.saturate(RUN_SECONDS)
        _turns(row, there, lambda: load.saturate(RUN_SECONDS))
        there.change(row, row.quiet)
        busy = threading.Thread(target=load.offer, args=(BUSY_RATE, BUSY_SECONDS))
        busy.start()
        there.change(row, row.busy)
        busy.join()


def _calls(row: Row, folder: Path, store_url: str) -> None:
    bench = Bench(folder, (TELEPHONES,), store_url)
    try:
        bench.start()
        bench.on_duty(TELEPHONES)

        def connected(seconds: float = CALLS_SECONDS) -> float:
            many = round(CALLS_RATE * seconds)
            return 1000 * median(bench.run(OURS, CALLS_RATE, many, 1000, TALK).connect_times())

        with _desks(bench.settings) as there:
            connected()
            _turns(row, there, connected)
            there.change(row, row.quiet)
            busy = threading.Thread(target=connected, args=(BUSY_SECONDS,))
            busy.start()
            there.change(row, row.busy)
            busy.join()
    finally:
        bench.stop()


def _turns(row: Row, there: _There, measure: Callable[[], float]) -> None:
    """Turn by turn without any desk and with all of them, so that both meet the same machine."""
    for run in range(RUNS):
        if run:
            there.desks.close()
        row.without.append(measure())
        there.desks.open()
        row.beside.append(measure())


@dataclass(frozen=True, slots=True)
class _There:
    """The desks, and a counselor's whose pauses are what is looked for."""

    assembly: Assembly
    desks: Desks
    watched: str

    def change(self, row: Row, times: list[float]) -> None:
        """Everybody who watches is shown it, and the counselor's own desk."""
        for reason in itertools.islice(itertools.cycle(["training", "meal"]), CHANGES):
            self.desks.expect(REASONS[reason], DESKS + 1)
            self.pause(reason)
            committed = time.monotonic()
            shown = self.desks.shown()
            row.lost += DESKS + 1 - len(shown)
            if shown:
                times.append(1000 * (shown[-1] - committed))

    def pause(self, reason: str) -> None:
        at = datetime.now(UTC)
        self.assembly.store.write(
            lambda connection: presence.pause(connection, self.watched, reason, at)
        )


@contextmanager
def _desks(settings: Settings) -> Iterator[_There]:
    """Each counselor's desk, and the page of who is there beside it."""
    assembly = Assembly.open(settings)
    try:
        people = [f"bench-{number}" for number in numbers(DESKS)]
        streams = [
            Stream(address, cookie)
            for cookie in _cookies(assembly, people)
            for address in (f"/desk/stream?page={uuid.uuid4()}", "/presence/stream")
        ]
        with desks(settings.console_port, streams) as watching:
            there = _There(assembly, watching, people[0])
            there.pause("meal")  # From now on no call rings them.
            yield there
    finally:
        assembly.store.close()


def _cookies(assembly: Assembly, people: Sequence[str]) -> list[str]:
    """Of these counselors' log-ins, as the console would have set them."""
    at = datetime.now(UTC)

    def work(connection: Connection) -> list[str]:
        for who in people:
            accounts.add(connection, Account(who, who, Role.COUNSELOR, STATION), "", at)
        return [sessions.begin(connection, who, at) for who in people]

    tokens = assembly.store.write(work)
    app = application(assembly, Watch(assembly.store), lambda: at)
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signer is not None
    name = app.config["SESSION_COOKIE_NAME"]
    return [
        f"{name}={signer.dumps({'token': token, 'account': who})}"
        for token, who in zip(tokens, people, strict=True)
    ]


@contextmanager
def _console(settings: Settings) -> Iterator[None]:
    """In a process of its own, as `serve` keeps it."""
    spawned = get_context("spawn")
    here, there = spawned.Pipe()
    process = spawned.Process(target=_serve, args=(settings, there), daemon=True)
    process.start()
    try:
        if here.recv() != "ready":
            raise RuntimeError("the console did not start")
        yield
    finally:
        process.terminate()
        process.join()


def _serve(settings: Settings, told: Pipe) -> None:
    log = (settings.data_directory / "console.log").open("w")
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=log))
    Console(Assembly.open(settings)).start()
    told.send("ready")
    threading.Event().wait()


def _report(webhooks: Sequence[Row], calls: Sequence[Row]) -> str:
    return f"""# {DESKS} desks, as measured

{machine("the load and the desks")}.

| | webhooks/s | with {DESKS} desks | ratio | a change, quiet | with webhooks | lost |
|---|---|---|---|---|---|---|
{_lines(webhooks, "")}
| | INVITE to 200 OK | with {DESKS} desks | ratio | a change, quiet | with calls | lost |
|---|---|---|---|---|---|---|
{_lines(calls, " ms")}
{DESKS} counselors are connected to the console at once by TLS, each with a desk and, beside it, the
page of who is there: {2 * DESKS} streams. The console is a process beside the engine on the same
store; another process has the streams' other ends. Turn by turn without any desk and with all of
them, {RUNS} times, of which the median is told: webhooks as above, saturated, {RUN_SECONDS:g} s
each; and calls over Asterisk and FastAGI, {CALLS_RATE} a second for {CALLS_SECONDS} s, to
{TELEPHONES} counselors who talk for {TALK:g} s, from the caller's INVITE to the counselor's 200 OK.
Each call changes presence several times, and each page is shown each state that lasts.

A change: a counselor's pause; from its commit until it has been shown by their own desk and by the
last of the pages of who is there, median and longest of {CHANGES}; first with nothing else going
on, then while {BUSY_RATE} webhooks a second come, or {CALLS_RATE} calls. The store is looked at
every half second. Lost: how many pages weren't shown one.
"""


def _lines(rows: Sequence[Row], unit: str) -> str:
    lines = []
    for row in rows:
        without, beside = median(row.without), median(row.beside)
        seen = [
            f"{median(times):.0f}, {quantile(sorted(times), 1.0):.0f} ms" if times else "–"
            for times in (row.quiet, row.busy)
        ]
        lines.append(
            f"| {row.name} | {without:.0f}{unit} | {beside:.0f}{unit} | × {ratio(beside, without)} "
            f"| {seen[0]} | {seen[1]} | {row.lost} |\n"
        )
    return "".join(lines)
