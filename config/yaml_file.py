"""Configuration written by people: one YAML 1.2 file, checked by a pydantic model.

Every mistake is told in one line, `file:line: where: what`, and all of a file come at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

LARGEST_BYTES = 1_000_000

Model = TypeVar("Model", bound=BaseModel)
Key = str | int


class ConfigErrors(Exception):
    """What is wrong with configuration files; `errors` has a line each."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(self.errors))


class YamlFile:
    """One file, read. Raises ConfigErrors where it is missing, too large or not YAML."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if path.stat().st_size > LARGEST_BYTES:
                raise ConfigErrors([f"{path}: larger than {LARGEST_BYTES} bytes"])
            self._text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigErrors([f"{path}: {error.strerror}"]) from None
        except UnicodeDecodeError:
            raise ConfigErrors([f"{path}: not UTF-8 text"]) from None
        try:
            self.data: Any = YAML(typ="safe", pure=True).load(self._text)
        except MarkedYAMLError as error:
            line = f"{error.problem_mark.line + 1}" if error.problem_mark else "1"
            problem = str(error.problem).split("\n", 1)[0]
            raise ConfigErrors([f"{path}:{line}: not YAML: {problem}"]) from None
        except YAMLError as error:
            raise ConfigErrors([f"{path}:1: not YAML: {str(error).splitlines()[0]}"]) from None
        except ValueError:
            raise ConfigErrors(self._impossible_dates()) from None
        self._marked: Any = None

    def error(self, where: Sequence[Key], message: str) -> str:
        """A line that points at `where`, the keys from the top of the file down."""
        place = ".".join(str(key) for key in where)
        return f"{self.path}:{self._line(where)}: {place + ': ' if place else ''}{message}"

    def checked(self, model: type[Model]) -> Model:
        """The content as `model`. Raises ConfigErrors with every mistake."""
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            known = field_names(model)
            raise ConfigErrors(
                self.error(place(problem), describe(problem, known)) for problem in error.errors()
            ) from None

    def _impossible_dates(self) -> Iterator[str]:
        """Days no calendar has: YAML itself reads dates, and stops at such a one."""
        for number, line in enumerate(self._text.splitlines(), start=1):
            for day in re.finditer(r"\b(\d{4})-(\d\d?)-(\d\d?)\b", line):
                try:
                    date(*map(int, day.groups()))
                except ValueError:
                    yield f"{self.path}:{number}: there is no day {day[0]}"

    def _line(self, where: Sequence[Key]) -> int:
        if self._marked is None:
            self._marked = YAML(typ="rt").load(self._text)
        node: Any = self._marked
        line = 1
        for key in where:
            try:
                line = node.lc.data[key][0] + 1
                node = node[key]
            except (AttributeError, KeyError, IndexError, TypeError):
                break
        return int(line)


def place(problem: ErrorDetails) -> list[Key]:
    """Where pydantic found a problem, without its own marks for keys."""
    return [key for key in problem["loc"] if key != "[key]"]


def describe(problem: ErrorDetails, known: Iterable[str]) -> str:
    """A pydantic problem in plain words; a misspelt key gets a suggestion from `known`."""
    if problem["type"] == "extra_forbidden":
        return "unknown key" + suggestion(str(problem["loc"][-1]), known)
    if problem["type"] == "missing":
        return "missing"
    if problem["type"] == "string_type" and isinstance(problem["input"], int | float):
        return f'write it in quotes: "{problem["input"]}" (digits are text here)'
    return problem["msg"].removeprefix("Value error, ")


def suggestion(word: str, known: Iterable[str]) -> str:
    """` (did you mean …?)` with the nearest known word, or nothing."""
    near = get_close_matches(word, list(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def field_names(model: type[BaseModel]) -> set[str]:
    """The keys a model and those inside it know."""
    schema = model.model_json_schema()
    shapes = [schema, *schema.get("$defs", {}).values()]
    return {name for shape in shapes for name in shape.get("properties", {})}
