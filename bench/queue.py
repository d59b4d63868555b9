"""Our line beside Asterisk's own app_queue, on one Asterisk, in one run."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.line import OURS, PEER, Bench
from bench.results import machine, quantile, ratio
from tests.postgresql import PostgreSQL

RATES = (20, 50, 80)
RATE_SECONDS = 6
MANY, TALK_SHORT = 80, 0.5
"""Counselors, so many that one is always free, and how long they talk at each rate."""
FEW, CALLERS, TALK = 20, 60, 2.0
IDEAL = FEW / TALK
SETTLED, MEASURED = 4, 12
"""Rounds of talks until everything is in step, and rounds measured after them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One system's figures: connect times in ms by rate, calls done a second."""

    name: str
    connect: dict[int, tuple[float, float]]
    done: float


def measured(stores: Sequence[str]) -> str:
    """What is told of it, in Markdown."""
    rows: list[Row] = []
    version = ""
    for store in stores:
        with _bench(store) as bench:
            version = bench.asterisk_version()
            rows += _measured(bench, store)
    return _report(_table(rows), version)


@contextmanager
def _bench(store: str) -> Iterator[Bench]:
    server = PostgreSQL() if store == "postgresql" else None
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            url = server.new_database() if server else ""
            bench = Bench(Path(folder), (FEW, MANY), url)
            try:
                bench.start()
                yield bench
            finally:
                bench.stop()
    finally:
        if server is not None:
            server.remove()


def _measured(bench: Bench, store: str) -> tuple[Row, Row]:
    """Both systems, taking turns so that both meet the same machine."""
    names = ("app_queue", f"ours, {store}")
    connect: dict[str, dict[int, tuple[float, float]]] = {name: {} for name in names}
    done: dict[str, float] = {}
    for rate in RATES:
        for name, number in zip(names, (f"{PEER}{MANY}", OURS), strict=True):
            bench.on_duty(MANY if number == OURS else 0)
            calls = bench.run(number, rate, rate * RATE_SECONDS, 1000, TALK_SHORT)
            times = calls.connect_times()
            connect[name][rate] = (1000 * median(times), 1000 * quantile(times, 0.99))
            print(f"{name}: {rate}/s, {len(times)} calls, {connect[name][rate]} ms", flush=True)
    for name, number in zip(names, (f"{PEER}{FEW}", OURS), strict=True):
        bench.on_duty(FEW if number == OURS else 0)
        ended = (SETTLED + MEASURED) * FEW
        calls = bench.run(number, 1000, ended + CALLERS, CALLERS, TALK)
        done[name] = calls.done_a_second(SETTLED * FEW, ended)
        print(f"{name}: {done[name]:.2f} calls/s of {IDEAL:g}", flush=True)
    peer, ours = (Row(name, connect[name], done[name]) for name in names)
    return peer, ours


def _table(rows: Sequence[Row]) -> str:
    """Pairs of the peer and ours."""
    heads = [f"{rate}/s median, p99" for rate in RATES]
    lines = [
        "| | " + " | ".join(heads) + " | calls done/s | of ideal |",
        "|---" * (len(heads) + 3) + "|",
    ]
    for peer, ours in zip(rows[::2], rows[1::2], strict=True):
        for row in (peer, ours):
            times = [", ".join(_milliseconds(t) for t in row.connect[r]) + " ms" for r in RATES]
            cells = [row.name, *times, f"{row.done:.2f}", f"{row.done / IDEAL:.3f}"]
            lines.append("| " + " | ".join(cells) + " |")
        ratios = [
            "× " + ", ".join(ratio(ours.connect[r][n], peer.connect[r][n]) for n in (0, 1))
            for r in RATES
        ]
        cells = ["ratio", *ratios, f"× {ratio(ours.done, peer.done)}", ""]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _milliseconds(time: float) -> str:
    return f"{time:.1f}" if math.isfinite(time) else "never"


def _report(table: str, version: str) -> str:
    return f"""# Beside app_queue, as measured

{machine("SIPp")}, Asterisk {version}.

{table}

Median and p99: from the caller's INVITE to the counselor's 200 OK. {MANY} counselors, talks of
{TALK_SHORT:g} s, {RATE_SECONDS} s a rate; ours has committed the order before a counselor is rung.

Calls done a second: {FEW} counselors, {CALLERS} callers at a time, talks of {TALK:g} s:
{IDEAL:g} would be ideal; {MEASURED} rounds after the first {SETTLED}.

Callers and counselors send RTP. Both systems serve the same telephones on the same Asterisk and
take turns. app_queue: strategy leastrecent, no wrap-up.
"""
