"""YAML text to plain data with the place of everything in it.

YAML 1.2, less what a flow doesn't need and a reader may trip over: anchors and aliases, tags,
several documents, deep nesting, duplicate keys, times without quotes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    NodeEvent,
    ScalarEvent,
)
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from callflows.errors import FlowError, FlowErrors

MOST_BYTES = 256 * 1024
DEEPEST = 12
NEWLINE = "\n"

_SEXAGESIMAL = re.compile(r"[-+]?\d+(:[0-5]?\d)+")
_INTEGER = re.compile(r"[-+]?\d+")
_FLOAT = re.compile(r"[-+]?\d+\.\d+")
_NOT_A_NAME = {"null": "null", "bool": "true or false"}

Path = tuple[str, ...]


class Document:
    """`data`: dicts, lists and scalars, keys always strings. `places`: `file:line:column` of
    each key, by path (list items by their index)."""

    def __init__(self, file: str, text: str) -> None:
        self.places: dict[Path, str] = {}
        self.errors: list[FlowError] = []
        self._file = file
        root = self._compose(text)
        self.data: dict[str, Any] = {}
        if root is None:
            self._error((), None, "the file is empty: expected a flow, its name first")
        elif not isinstance(root, MappingNode):
            self._error((), root, "expected a flow (`name:`, `steps:` …), not a list or a text")
        else:
            self.data = self._mapping(root, ())

    def place(self, path: Path) -> str:
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, f"{self._file}:1:1")

    def _compose(self, text: str) -> Node | None:
        try:
            self._refuse_tricks(text)
            node: Node | None = None if self.errors else YAML(typ="rt", pure=True).compose(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = f"{self._file}:1:1" if mark is None else self._at(mark)
            raise FlowErrors([FlowError(place, _syntax(error))]) from None
        except ReaderError as error:
            place = place_of(self._file, text[: error.position])
            raise FlowErrors([FlowError(place, "a character that no text may hold")]) from None
        if self.errors:
            raise FlowErrors(self.errors)
        return node

    def _refuse_tricks(self, text: str) -> None:
        """Looks at the events only, where nothing has been expanded or nested yet."""
        depth = documents = 0
        for event in YAML(typ="rt", pure=True).parse(text):
            documents += isinstance(event, DocumentStartEvent)
            depth += isinstance(event, CollectionStartEvent)
            depth -= isinstance(event, CollectionEndEvent)
            problem = None
            if isinstance(event, AliasEvent):
                problem = f'`*{event.anchor}` is an alias: write it out (the crisis key is "*")'
            elif isinstance(event, NodeEvent) and event.anchor is not None:
                problem = f"`&{event.anchor}` is an anchor: flows have none, write it out"
            elif isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag is not None:
                problem = f"`{event.tag}` is a tag: flows have none"
            elif documents > 1:
                problem = "a second document begins: a file holds one flow"
            elif depth > DEEPEST:
                problem = f"nested deeper than {DEEPEST} levels"
            if problem is not None:
                self.errors.append(FlowError(self._at(event.start_mark), problem))
                if len(self.errors) >= 20 or depth > DEEPEST or documents > 1:
                    return

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            kind = _kind(key_node)
            if not isinstance(key_node, ScalarNode) or kind in _NOT_A_NAME:
                said = _NOT_A_NAME.get(kind, "a list or a mapping")
                self._error(path, key_node, f"a key cannot be {said}: write it in quotes")
                continue
            # `1:` and `"1":` mean the same key: what is written counts.
            key = str(key_node.value)
            here = (*path, key)
            if key in data:
                first = self.places[here].removeprefix(f"{self._file}:")
                self._error(here, key_node, f"stands twice here, first at {first}")
                continue
            self.places[here] = self._at(key_node.start_mark)
            data[key] = self._value(value_node, here)
        return data

    def _value(self, node: Node, path: Path) -> Any:
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            for index, item in enumerate(node.value):
                self.places[(*path, str(index))] = self._at(item.start_mark)
            return [self._value(item, (*path, str(i))) for i, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        text = str(node.value)
        if node.style is None and _SEXAGESIMAL.fullmatch(text):
            self._error(
                path, node, f'write "{text}" in quotes: without them YAML tools read a number'
            )
            return text
        return _scalar(_kind(node), text)

    def _error(self, path: Path, node: Node | None, message: str) -> None:
        place = f"{self._file}:1:1" if node is None else self._at(node.start_mark)
        step, key = step_and_key(path)
        self.errors.append(FlowError(place, message, step, key))

    def _at(self, mark: Any) -> str:
        return f"{self._file}:{mark.line + 1}:{mark.column + 1}"


def decode(file: str, content: bytes) -> str:
    if len(content) > MOST_BYTES:
        message = f"the file has more than {MOST_BYTES // 1024} kB, the most a flow may have"
        raise FlowErrors([FlowError(f"{file}:1:1", message)])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = place_of(file, content[: error.start].decode("utf-8-sig"))
        message = "not UTF-8 text: save the file with the encoding UTF-8"
        raise FlowErrors([FlowError(place, message)]) from None


def place_of(file: str, before: str) -> str:
    """The place that follows the text `before`."""
    return f"{file}:{before.count(NEWLINE) + 1}:{len(before) - before.rfind(NEWLINE)}"


def step_and_key(path: Path) -> tuple[str, str]:
    """What to call a path: the step it is in, and the keys below."""
    if path[:1] == ("steps",) and len(path) > 1:
        return path[1], ".".join(path[2:])
    return "", ".".join(path)


def _kind(node: Node) -> str:
    """`str`, `int`, `null` … of YAML's `tag:yaml.org,2002:int`."""
    return str(node.tag).rsplit(":", 1)[-1]


def _scalar(kind: str, text: str) -> Any:
    if kind == "int" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "float" and _FLOAT.fullmatch(text):
        return float(text)
    return {"null": None, "bool": text.lower() == "true"}.get(kind, text)


_PLAIN_WORDS: Mapping[str, str] = {
    "found character '\\t' that cannot start any token": (
        "a tab: indent with spaces, YAML takes no tabs"
    ),
    "mapping values are not allowed here": "a colon where none can be: put the text in quotes",
}


def _syntax(error: MarkedYAMLError) -> str:
    problem = str(error.problem or error.context or "not YAML")
    return f"not YAML: {_PLAIN_WORDS.get(problem, problem)}"
