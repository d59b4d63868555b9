"""Whoever has been available longest."""

from __future__ import annotations

from routing.strategies.candidate import Candidate


def key(candidate: Candidate) -> tuple[float, str]:
    return candidate.idle_since, candidate.id
