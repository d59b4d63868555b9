"""What is wrong with a flow, told to the person who wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True)
class FlowError:
    """`place` is `file:line:column`; `step` and `key` are empty where there is none. Told in one
    line, whatever line ends stand in names that people write."""

    place: str
    message: str
    step: str = ""
    key: str = ""

    def __str__(self) -> str:
        names = [f"step {self.step}"] if self.step else []
        names += [self.key] if self.key else []
        line = ": ".join([self.place, *([", ".join(names)] if names else []), self.message])
        return " ".join(line.splitlines())


class FlowErrors(Exception):
    """All errors of a bundle at once, one line each, in the order of their places."""

    def __init__(self, errors: Sequence[FlowError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in errors))


def suggestion(word: str, known: Iterable[str]) -> str:
    """`: did you mean …?`, or what there is to choose from."""
    known = list(known)
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f": did you mean {close[0]}?"
    return f": expected one of {', '.join(known)}" if known else ""
