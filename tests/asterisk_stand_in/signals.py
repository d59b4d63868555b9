"""What reaches a channel while a command waits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Key:
    digit: str


@dataclass(frozen=True)
class Spoke:
    """The caller begins to speak."""
