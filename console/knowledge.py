"""Scripts and knowledge 语言规范、应答技巧: short cards a station writes in Markdown, one a file.

    ---
    title: 有自杀想法（R3、R4）
    version: "2026-11"
    language: zh-CN
    causes: [P1]
    risk: [R3, R4]
    ---
    先听，不评判……

`causes` and `risk` say beside which forms the card is shown: beside every one where both are left
out. A file that is wrong costs its own card and says why in one line; HTML in it is shown as text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from config.yaml_file import describe, field_names, place
from workorders.unified_fields import unified_fields

LARGEST_BYTES = 20_000
FENCE = "---\n"


class Head(BaseModel):
    """What stands above a card's text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1, max_length=60)
    version: str = Field(min_length=1, max_length=40)
    language: str
    causes: tuple[str, ...] = ()
    risk: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    name: str
    head: Head
    text: str

    @property
    def html(self) -> Markup:
        """Safe: no HTML of the file's own, no pictures, no addresses but of the web."""
        return Markup(_MARKDOWN.render(self.text))

    def about(self, cause: str, risk: str) -> bool:
        """Is it for an order of this cause or this risk?"""
        here = any(cause == each or cause.startswith(f"{each}.") for each in self.head.causes)
        return here or risk in self.head.risk or not (self.head.causes or self.head.risk)

    def says(self, words: Iterable[str]) -> bool:
        """Do all of these stand in it?"""
        causes = " ".join(unified_fields().cause_names[code] for code in self.head.causes)
        text = f"{self.head.title} {causes} {' '.join(self.head.risk)} {self.text}".lower()
        return all(word.lower() in text for word in words)


@dataclass(frozen=True, slots=True)
class Cards:
    """`problems`: a line each, with the file."""

    cards: tuple[Card, ...] = ()
    problems: tuple[str, ...] = field(default=())


def read_cards(folder: Path) -> Cards:
    """All of a folder, by file name. What is wrong is told and left out."""
    try:
        files = tuple(
            (path, path.stat().st_mtime_ns, path.stat().st_size)
            for path in sorted(folder.glob("*.md"))
        )
    except OSError as error:
        return Cards(problems=(f"{folder}: {error.strerror}",))
    return _read(files)


@lru_cache(maxsize=4)
def _read(files: tuple[tuple[Path, int, int], ...]) -> Cards:
    """Read again when a file is another."""
    cards, problems = [], []
    for path, _changed, size in files:
        try:
            if size > LARGEST_BYTES:
                raise ValueError(f"1: larger than {LARGEST_BYTES} bytes, a card is short")
            cards.append(_card(path))
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{path.name}:1: not to be read as UTF-8 text: {error}")
        except ValueError as error:
            problems.append(f"{path.name}:{error}")
    return Cards(tuple(cards), tuple(problems))


def _card(path: Path) -> Card:
    """Raises ValueError, `line: what`."""
    written = path.read_text("utf-8").replace("\r\n", "\n")
    before, fence, rest = written.partition(FENCE)
    above, fence, text = rest.partition(f"\n{FENCE}")
    if before or not fence:
        raise ValueError("1: begin with title, version and language between two lines of ---")
    head, fields = _head(above), unified_fields()
    for name, known in (("causes", fields.cause_names), ("risk", fields.choices["risk"])):
        for code in getattr(head, name):
            if code not in known:
                raise ValueError(f"{_line(above, name)}: {name}: there is no {code}")
    if not text.strip():
        raise ValueError(f"{above.count(chr(10)) + 3}: there is no text")
    return Card(path.stem, head, text)


def _head(above: str) -> Head:
    try:
        data: Any = YAML(typ="safe", pure=True).load(above)
        return Head.model_validate(data)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 2 if mark else 2
        raise ValueError(f"{line}: not YAML: {str(error).splitlines()[0]}") from None
    except ValidationError as error:
        first = error.errors()[0]
        keys = [str(key) for key in place(first)]
        what = describe(first, field_names(Head))
        where = ".".join(keys)
        raise ValueError(f"{_line(above, keys[0] if keys else '')}: {where}: {what}") from None


def _line(above: str, key: str) -> int:
    """Of the file, where a key of the head stands."""
    for number, line in enumerate(above.splitlines(), start=2):
        if key and line.startswith(f"{key}:"):
            return number
    return 2


_MARKDOWN = MarkdownIt("commonmark", {"html": False}).disable("image")
