"""Desks that watch who is there, connected at once by TLS: how soon all of them see a change, and
what they cost the engine beside them."""

from __future__ import annotations

import itertools
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
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
from bench.configuration import STATION
from bench.desks_watching import Desks, desks
from bench.results import machine, quantile, ratio
from bench.twilio_load import Load, one_call
from bench.webhook_servers import ours, running
from bench.webhooks import CALLERS, COUNSELORS, twilio_settings
from config.settings import Settings
from console import accounts, sessions
from console.accounts import Account
from console.application import application
from console.pages.presence import BEAT_SECONDS
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
WATCHED = f"bench-{8000 + COUNSELORS}"
"""A counselor beside those who are rung, whose pauses are what is looked for."""
REASONS = {"meal": "用餐", "training": "培训"}


@dataclass(slots=True)
class Row:
    """Webhooks a second without the desks and with them; milliseconds from a change's commit until
    the last desk was shown it, on a quiet line and on a busy one."""

    name: str
    without: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    quiet: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    lost: int = 0


def measured(stores: Sequence[str]) -> str:
    """What is told of it, in Markdown."""
    return _report([_measured(store) for store in stores])


def _measured(store: str) -> Row:
    server = PostgreSQL() if store == "postgresql" else None
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            url = server.new_database() if server else ""
            settings = twilio_settings(Path(folder), url, COUNSELORS + 1).model_copy(
                update={"console_port": free_port("127.0.0.1")}
            )
            with running(ours, settings) as released, _console(settings):
                assembly = Assembly.open(settings)
                try:
                    with desks(settings.console_port, _cookies(assembly)) as watching:
                        calls = map(one_call, itertools.count(1))
                        load = Load(settings.twilio_port, calls, CALLERS, released)
                        return _played(Row(store), assembly, load, watching)
                finally:
                    assembly.store.close()
    finally:
        if server is not None:
            server.remove()


def _played(row: Row, assembly: Assembly, load: Load, watching: Desks) -> Row:
    _pause(assembly, "meal")
    load.saturate(RUN_SECONDS)
    for run in range(RUNS):
        if run:
            watching.close()
            # Streams that were left are noticed at their next beat.
            threading.Event().wait(BEAT_SECONDS + 1)
        row.without.append(load.saturate(RUN_SECONDS))
        watching.open()
        row.beside.append(load.saturate(RUN_SECONDS))
    _changes(assembly, watching, row, row.quiet)
    busy = threading.Thread(target=load.offer, args=(BUSY_RATE, BUSY_SECONDS))
    busy.start()
    _changes(assembly, watching, row, row.busy)
    busy.join()
    print(row, flush=True)
    return row


def _changes(assembly: Assembly, watching: Desks, row: Row, times: list[float]) -> None:
    for reason in itertools.islice(itertools.cycle(["training", "meal"]), CHANGES):
        watching.expect(REASONS[reason])
        _pause(assembly, reason)
        committed = time.monotonic()
        shown = watching.shown()
        row.lost += DESKS - len(shown)
        if shown:
            times.append(1000 * (shown[-1] - committed))


def _pause(assembly: Assembly, reason: str) -> None:
    at = datetime.now(UTC)
    assembly.store.write(lambda connection: presence.pause(connection, WATCHED, reason, at))


def _cookies(assembly: Assembly) -> list[str]:
    """Of so many log-ins of one account, as the console would have set them."""
    at = datetime.now(UTC)
    who = Account("bench", "bench", Role.SUPERVISOR, STATION)

    def work(connection: Connection) -> list[str]:
        accounts.add(connection, who, "", at)
        return [sessions.begin(connection, who.id, at) for _ in range(DESKS)]

    tokens = assembly.store.write(work)
    app = application(assembly, Watch(assembly.store), lambda: at)
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signer is not None
    name = app.config["SESSION_COOKIE_NAME"]
    return [f"{name}={signer.dumps({'token': one, 'account': who.id})}" for one in tokens]


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


def _report(rows: Sequence[Row]) -> str:
    lines = [
        f"| | webhooks/s | with {DESKS} desks | ratio | a change, quiet | with calls | lost |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        without, beside = median(row.without), median(row.beside)
        seen = [
            f"{median(times):.0f}, {quantile(sorted(times), 1.0):.0f} ms" if times else "–"
            for times in (row.quiet, row.busy)
        ]
        lines.append(
            f"| {row.name} | {without:.0f} | {beside:.0f} | × {ratio(beside, without)} "
            f"| {seen[0]} | {seen[1]} | {row.lost} |"
        )
    table = "\n".join(lines)
    return f"""# {DESKS} desks that watch, as measured

{machine("the load and the desks")}.

{table}

{DESKS} streams of presence are connected at once by TLS to the console, a process beside the
engine on the same store; another process has their other ends. Webhooks as above, saturated, turn
by turn without any desk and with all of them: {RUNS} times {RUN_SECONDS:g} s each, of which the
median is told. Each call changes presence several times, and each desk is shown each state that
lasts.

A change: a counselor's pause; from its commit until the last of the desks has been shown it, median
and longest of {CHANGES}, first with nothing else going on, then while {BUSY_RATE} webhooks a second
come. Lost: how many desks weren't shown one. By Asterisk the engine writes the same turns to the
same store; calls of AGI were not measured here.
"""
