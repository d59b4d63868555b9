"""Whoever has taken the fewest calls today; among equals, the longest idle."""

from __future__ import annotations

from routing.strategies.candidate import Candidate


def key(candidate: Candidate) -> tuple[int, float, str]:
    return candidate.calls_today, candidate.idle_since, candidate.id
