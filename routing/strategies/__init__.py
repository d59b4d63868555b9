"""Which of several suitable counselors is chosen: the smallest key. To add one: a file, a line."""

from __future__ import annotations

from routing.strategies import least_calls, longest_idle, skills_first
from routing.strategies.candidate import Candidate, Strategy

STRATEGIES: dict[str, Strategy] = {
    "longest_idle": longest_idle.key,
    "least_calls": least_calls.key,
    "skills_first": skills_first.key,
}

__all__ = ["STRATEGIES", "Candidate", "Strategy"]
