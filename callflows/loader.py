"""Flows from files; the only place in this package that reads any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import ValidationError

from callflows import reading
from callflows.callflow import CRISIS, Callflow, Flow
from callflows.errors import FlowError, FlowErrors
from callflows.structure import structure_errors
from callflows.validation import validation_error

LIBRARY = Path(__file__).parent / "library"
"""The flows as shipped: what a folder doesn't have is taken from here."""


def load_callflow(path: str | Path, entry: str = "12355") -> Callflow:
    """The flow `entry` of a folder, or the flow in a file, with all its subflows and `crisis`,
    each from the same folder or else as shipped. Raises FlowErrors with everything wrong."""
    path = Path(path)
    folder = path
    if not path.is_dir():
        folder, entry = path.parent, path.stem

    def read(name: str) -> tuple[str, bytes] | None:
        for file in (folder / f"{name}.yaml", LIBRARY / f"{name}.yaml"):
            if file.is_file():
                with file.open("rb") as opened:
                    return file.name, opened.read(reading.MOST_BYTES + 1)
        return None

    return _load(read, entry)


def load_sources(sources: Mapping[str, str], entry: str = "12355") -> Callflow:
    """The same from texts by flow name, as kept in `Callflow.sources`; nothing is added."""

    def read(name: str) -> tuple[str, bytes] | None:
        text = sources.get(name)
        return None if text is None else (f"{name}.yaml", text.encode())

    return _load(read, entry)


def _load(read: Callable[[str], tuple[str, bytes] | None], entry: str) -> Callflow:
    flows: dict[str, Flow] = {}
    sources: dict[str, str] = {}
    places: dict[tuple[str, ...], str] = {}
    errors: list[FlowError] = []
    asked = {entry: f"{entry}.yaml:1:1", CRISIS: f"{CRISIS}.yaml:1:1"}
    wanted = list(asked)
    for name in wanted:
        found = read(name)
        if found is None:
            errors.append(FlowError(asked[name], f"there is no flow {name}.yaml"))
            continue
        file, content = found
        try:
            sources[name] = reading.decode(file, content)
            flow, document = _flow(file, sources[name])
        except FlowErrors as refused:
            errors += refused.errors
            continue
        flows[name] = flow
        places |= {(name, *path): place for path, place in document.places.items()}
        for step_name, step in flow.steps.items():
            subflow = getattr(step, "flow", None)
            if subflow is not None and subflow not in asked:
                asked[subflow] = document.place(("steps", step_name, "flow"))
                wanted.append(subflow)
    callflow = Callflow(entry, flows, sources, places)
    errors += structure_errors(callflow)
    if errors:
        raise FlowErrors(errors)
    return callflow


def _flow(file: str, text: str) -> tuple[Flow, reading.Document]:
    document = reading.Document(file, text)
    errors = list(document.errors)
    flow = None
    if document.data:
        try:
            flow = Flow.model_validate(document.data)
        except ValidationError as invalid:
            errors += [validation_error(document, error) for error in invalid.errors()]
    if errors or flow is None:
        raise FlowErrors(errors)
    stem = file.removesuffix(".yaml")
    if flow.name != stem:
        message = f"expected {stem!r} as the file is named, not {flow.name!r}"
        raise FlowErrors([FlowError(document.place(("name",)), message, key="name")])
    return flow, document
