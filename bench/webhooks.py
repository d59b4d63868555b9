"""Twilio's webhooks beside a bare Flask view, behind the same server, in one run."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pydantic import SecretStr

from bench.configuration import write_roster, write_tree
from bench.results import machine, quantile, ratio
from bench.twilio_load import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    NUMBER,
    PUBLIC,
    Load,
    one_call,
    one_question,
)
from bench.webhook_servers import bare, ours, running
from config.settings import CONFIG, Settings
from tests.e2e.sipp import free_port
from tests.postgresql import PostgreSQL

COUNSELORS, CALLERS = 16, 32
"""Half of the callers wait."""
RUNS, RUN_SECONDS = 5, 3.0
RATE, RATE_SECONDS = 100, 10.0


@dataclass(frozen=True, slots=True)
class Row:
    """One server's figures: answers a second when saturated; median and p99 in ms at RATE."""

    name: str
    saturated: float
    times: tuple[float, float]


def measured(stores: Sequence[str]) -> str:
    """What is told of it, in Markdown."""
    rows: list[Row] = []
    for store in stores:
        with _loads(store) as loads:
            rows += _measured(loads)
    return _report(rows)


@contextmanager
def _loads(store: str) -> Iterator[dict[str, Load]]:
    """What can be put on either server, by name: the bare view's, then ours."""
    server = PostgreSQL() if store == "postgresql" else None
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            url = server.new_database() if server else ""
            settings = twilio_settings(Path(folder), url, COUNSELORS)
            peer = settings.model_copy(update={"twilio_port": free_port("127.0.0.1")})
            with running(bare, peer), running(ours, settings) as released:
                serials = itertools.count(1)
                yield {
                    "bare Flask view": Load(peer.twilio_port, map(one_question, serials), CALLERS),
                    f"ours, {store}": Load(
                        settings.twilio_port, map(one_call, serials), CALLERS, released
                    ),
                }
    finally:
        if server is not None:
            server.remove()


def twilio_settings(folder: Path, store_url: str, counselors: int) -> Settings:
    """Of an engine whose calls come by Twilio, with so many counselors."""
    numbers = folder / "numbers.yaml"
    numbers.write_text(f'numbers:\n  - {{number: "{NUMBER}", access_number: 020-12355}}\n')
    return Settings(
        data_directory=folder,
        store_url=store_url,
        stations_directory=write_tree(folder / "tree"),
        roster_file=write_roster(folder / "roster.yaml", counselors, "twilio_client"),
        sister_lines_directory=CONFIG / "demo",
        twilio_account_sid=ACCOUNT_SID,
        twilio_auth_token=SecretStr(AUTH_TOKEN),
        twilio_assessment="none: a benchmark",
        twilio_public_address=PUBLIC,
        twilio_port=free_port("127.0.0.1"),
        twilio_caller_id=NUMBER,
        twilio_numbers_file=numbers,
    )


def _measured(loads: dict[str, Load]) -> list[Row]:
    """Both servers, taking turns so that both meet the same machine; the first turn is to get
    warm."""
    rates: dict[str, list[float]] = {name: [] for name in loads}
    for run in range(RUNS + 1):
        for name, load in loads.items():
            rate = load.saturate(RUN_SECONDS)
            if run:
                rates[name].append(rate)
    rows = []
    for name, load in loads.items():
        times = load.offer(RATE, RATE_SECONDS)
        row = Row(name, median(rates[name]), (1000 * median(times), 1000 * quantile(times, 0.99)))
        print(row, flush=True)
        rows.append(row)
    return rows


def _report(rows: Sequence[Row]) -> str:
    """Pairs of the peer and ours."""
    lines = [f"| | webhooks/s, saturated | {RATE}/s median, p99 |", "|---|---|---|"]
    for peer, our in zip(rows[::2], rows[1::2], strict=True):
        for row in (peer, our):
            middle, late = row.times
            lines.append(f"| {row.name} | {row.saturated:.0f} | {middle:.1f}, {late:.1f} ms |")
        times = ", ".join(ratio(*both) for both in zip(our.times, peer.times, strict=True))
        lines.append(f"| ratio | × {ratio(our.saturated, peer.saturated)} | × {times} |")
    table = "\n".join(lines)
    return f"""# Twilio's webhooks beside a bare Flask view, as measured

{machine("the load")}.

{table}

A webhook: a signed request, and its answer after the commit. Whole calls of the shipped flow,
whose webhooks are all counted: begun, key 1, waiting, out of the queue, released, picked up, the
Dial's end, the call's end. Of the eight four move the call, the others look where it stands; who
finds a free counselor has five. {COUNSELORS} counselors, {CALLERS} callers at a time, no time
between a call's webhooks. Twilio's client is left out: the load hears of a release without it.

The view returns a constant document to a call's first webhook, unread. Each is one process behind
the server that the engine uses, asked over kept connections by another process. They take turns:
{RUNS} times {RUN_SECONDS:g} s each, of which the median is told. At {RATE}/s: from when a webhook
was due to its answer, {RATE_SECONDS:g} s.
"""
