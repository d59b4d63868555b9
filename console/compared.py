"""A form compared three ways: as it was shown, as it was typed, as it is stored now.

What I typed is kept. What others changed meanwhile and I didn't touch is taken over: it makes no
difference whether it was a colleague or my own second window. What both changed differently is
nobody's to decide but a person's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Values = Mapping[str, Any]
"""Of every name of a form its text, or its list of codes."""


@dataclass(frozen=True, slots=True)
class Compared:
    """`values`: what is to be saved, what was typed where both changed it. `both`: names that both
    changed differently. `taken_over`: names that others changed."""

    values: dict[str, Any]
    both: tuple[str, ...]
    taken_over: tuple[str, ...]


def compare(shown: Values, typed: Values, stored: Values) -> Compared:
    """All three have the names of `stored`."""
    values: dict[str, Any] = {}
    both, taken_over = [], []
    for name, now in stored.items():
        was, mine = shown[name], typed[name]
        if isinstance(now, list):
            values[name] = _of_several(was, mine, now)
            if now != was:
                taken_over.append(name)
        elif mine == was:
            values[name] = now
            if now != was:
                taken_over.append(name)
        else:
            values[name] = mine
            if now not in (was, mine):
                both.append(name)
    return Compared(values, tuple(both), tuple(taken_over))


def _of_several(was: list[str], mine: list[str], now: list[str]) -> list[str]:
    """Each code is ticked or not by itself, so nobody is in another's way."""
    kept = [code for code in now if code in mine or code not in was]
    return kept + [code for code in mine if code not in was and code not in now]
