"""The router's times by the number of counselors, drawn."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.results import Times, quantile

WIDTH, HEIGHT, DOTS = 11.0, 4.5, 110
GOAL = 2.0
"""Milliseconds in memory at p99, with 20,000 counselors and 5,000 waiting calls."""


def draw(
    counselors: Sequence[int],
    memory: Sequence[Mapping[str, Times]],
    plain: Collection[str],
    joins: Mapping[str, Sequence[Times]],
    path: Path,
) -> None:
    """One PNG: in memory beside what is plain, and a call that joins in each store.

    :param counselors: at each size. `memory`, `joins`: the times, in that order. `plain`: which
        of those in memory are of what is plain.
    """
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DOTS, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    for what in memory[0]:
        _line(left, counselors, [times[what] for times in memory], what, plain=what in plain)
    left.axhline(GOAL, color="grey", linestyle=":")
    left.set(title="In memory", ylabel="ms: median, and p99 above it")
    for store, times in joins.items():
        _line(right, counselors, times, f"a call joins, {store}", plain=False)
    right.set(title="In the store, committed")
    for axes in (left, right):
        axes.set(xscale="log", yscale="log", xlabel="counselors")
        axes.set_xticks(counselors, [f"{count:,}" for count in counselors])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path)


def _line(
    axes: Axes,
    counselors: Sequence[int],
    times: Sequence[Times],
    label: str,
    *,
    plain: bool,
) -> None:
    medians, worst = ([quantile(sorted(found), part) for found in times] for part in (0.5, 0.99))
    [line] = axes.plot(counselors, medians, "--" if plain else "-", marker="o", label=label)
    if not plain:
        axes.fill_between(counselors, medians, worst, color=line.get_color(), alpha=0.15)
