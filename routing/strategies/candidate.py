"""What a strategy may look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Candidate:
    """A suitable counselor. `idle_since`: seconds since the epoch when they became available.
    `topic_fits`, `language_fits`: false where the wish was relaxed. `skills`: how many topics
    and languages they have in all."""

    id: str
    idle_since: float
    calls_today: int = 0
    topic_fits: bool = True
    language_fits: bool = True
    skills: int = 1


Strategy = Callable[[Candidate], tuple[Any, ...]]
"""A sort key: the smallest is chosen. It ends in the id, so that the choice is always the same."""
