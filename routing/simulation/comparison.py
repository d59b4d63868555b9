"""Policies beside each other: means over seeds, and differences on the same seeds.

A seed is one observation. Intervals are Student's t at 95 %, over seeds for a measure, over the
seeds' differences for a comparison: both policies meet the same callers, so most of a day's chance
falls out of the difference (common random numbers; Law, Simulation Modeling and Analysis, 5th
edition, chapters 9 to 11).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev

T_95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Two-sided 95 % points of Student's t with 1 to 30 degrees of freedom (NIST/SEMATECH e-Handbook,
1.3.6.7.2). Beyond 30 the last serves: a little too wide."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and half its 95 % interval, None where one seed tells no spread."""

    mean: float
    half_width: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Estimate:
        """:param values: one a seed, at least one."""
        if len(values) < 2:
            return cls(values[0], None)
        t = T_95[min(len(values) - 1, len(T_95)) - 1]
        return cls(mean(values), t * stdev(values) / sqrt(len(values)))


def paired(values: Sequence[float], others: Sequence[float]) -> Estimate:
    """How much `values` lie above `others`, seed by seed."""
    return Estimate.of([one - other for one, other in zip(values, others, strict=True)])
