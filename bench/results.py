"""bench/RESULTS.md: a section a benchmark, renewed by itself; and what every section tells."""

from __future__ import annotations

import math
import os
import platform
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")
Times = list[float]
"""Milliseconds."""


def renew(section: str) -> None:
    """Put a section, which begins with its `# ` heading, in place of the one so called, or last."""
    heading = section.partition("\n")[0]
    there = re.split(r"(?m)^(?=# )", RESULTS.read_text("utf-8"))
    kept = [section if old.partition("\n")[0] == heading else old.rstrip() + "\n" for old in there]
    if section not in kept:
        kept.append(section)
    RESULTS.write_text("\n".join(part for part in kept if part.strip()), "utf-8")


def machine(beside: str) -> str:
    """When and on what it was measured. `beside`: what else of the benchmark ran there."""
    model = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")),
        platform.machine(),
    )  # fmt: skip
    return f"""`make bench`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC. {os.cpu_count()} × {model}, \
shared with {beside}
and with whatever else ran (load {os.getloadavg()[2]:.1f}). {platform.system()}, Python
{platform.python_version()}"""


def quantile(ordered: Sequence[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, math.ceil(part * len(ordered)) - 1)]


def median_and_p99(times: Times) -> str:
    ordered = sorted(times)
    return f"{quantile(ordered, 0.5):.2f}, {quantile(ordered, 0.99):.2f}"


def timed(work: Callable[[], object]) -> float:
    """Milliseconds that it took."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def ratio(ours: float, peer: float) -> str:
    return f"{ours / peer:.2f}" if peer and math.isfinite(ours / peer) else "–"
