"""Flows from files; the only place in this package that reads any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from callflows import reading
from callflows.callflow import CRISIS, Callflow, Flow
from callflows.errors import FlowError, FlowErrors
from callflows.structure import structure_errors
from callflows.validation import broken_steps, validation_error

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
            document = _document(file, sources[name])
        except FlowErrors as refused:
            errors += refused.errors
            continue
        flow, wrong = _flow(document, file)
        errors += wrong
        if flow is None:
            continue
        flows[name] = flow
        places |= {(name, *path): place for path, place in document.places.items()}
        for step_name, step in flow.steps.items():
            subflow = getattr(step, "flow", None)
            if subflow is not None and subflow not in asked:
                asked[subflow] = document.place(("steps", step_name, "flow"))
                wanted.append(subflow)
    callflow = Callflow(entry, flows, sources, places)
    errors += structure_errors(callflow, sound=not errors)
    if errors:
        raise FlowErrors(sorted(errors, key=_order))
    return callflow


@lru_cache(maxsize=64)
def _document(file: str, text: str) -> reading.Document:
    """Read-only: bundles share most of their files."""
    return reading.Document(file, text)


def _order(error: FlowError) -> tuple[str, int, int]:
    file, line, column = error.place.rsplit(":", 2)
    return file, int(line), int(column)


def _flow(document: reading.Document, file: str) -> tuple[Flow | None, list[FlowError]]:
    """The flow as far as it can be made out, and what is wrong with it: with its broken steps
    standing in their places, so that what leads to and from them is checked all the same."""
    errors = list(document.errors)
    if not document.data:
        return None, errors
    flow, broken = None, {}
    try:
        flow = Flow.model_validate(document.data)
    except ValidationError as invalid:
        found = invalid.errors()
        errors += [validation_error(document, error) for error in found]
        broken = broken_steps(document.data, found)
    if broken:
        whole = {k: v for k, v in document.data["steps"].items() if k not in broken}
        with suppress(ValidationError):
            flow = Flow.model_validate({**document.data, "steps": whole})
            flow = flow.model_copy(update={"steps": {**flow.steps, **broken}})
    stem = file.removesuffix(".yaml")
    if flow is not None and flow.name != stem:
        message = f"expected {stem!r} as the file is named, not {flow.name!r}"
        errors.append(FlowError(document.place(("name",)), message, key="name"))
    return flow, errors
