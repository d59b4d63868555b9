"""A station manager edits flows; whatever they write, the line goes on."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from callflows.loader import LIBRARY
from config.database import Store
from config.settings import CONFIG
from ivr.publications import Publications
from routing.directory import load_services

NOW = datetime(2026, 6, 7, 13, 0, tzinfo=UTC)


def flows(folder: Path) -> Path:
    shutil.copytree(LIBRARY, folder)
    return folder


def edit(folder: Path, old: str, new: str) -> None:
    file = folder / "12355.yaml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def serve(store: Store, folder: Path, hour: int = 0) -> str:
    return opened(store, folder, hour).current.version


def opened(store: Store, folder: Path, hour: int = 0) -> Publications:
    at = NOW + timedelta(hours=hour)
    return Publications.open(store, folder, "12355", at, load_services(CONFIG))


def test_a_broken_flow_never_reaches_a_caller(store: Store, tmp_path: Path) -> None:
    folder = flows(tmp_path / "flows")
    edit(folder, "法律请按1", "法律请按1键")
    good = serve(store, folder)
    edit(folder, "type: menu", "type: menue")
    assert serve(store, folder, 1) == good


def test_a_flow_that_could_strand_a_caller_is_refused(store: Store, tmp_path: Path) -> None:
    folder = flows(tmp_path / "flows")
    good = serve(store, folder)
    edit(folder, "no_input: no_key", "no_input: goodbye")
    assert serve(store, folder, 1) == good


def test_broken_from_the_first_day_the_shipped_flow_serves(store: Store, tmp_path: Path) -> None:
    folder = flows(tmp_path / "flows")
    edit(folder, "start: greeting", "start: nowhere")
    shipped = serve(store, LIBRARY)
    assert serve(store, folder, 1) == shipped


def test_an_undo_stays_undone_when_the_next_edit_is_broken(store: Store, tmp_path: Path) -> None:
    folder = flows(tmp_path / "flows")
    first = serve(store, folder)
    edit(folder, "法律请按1", "法律请按1键")
    assert serve(store, folder, 1) != first
    edit(folder, "法律请按1键", "法律请按1")
    assert serve(store, folder, 2) == first
    edit(folder, "type: menu", "type: menue")
    assert serve(store, folder, 3) == first


def test_a_call_keeps_the_version_it_began_with(store: Store, tmp_path: Path) -> None:
    folder = flows(tmp_path / "flows")
    first = serve(store, folder)
    edit(folder, "法律请按1", "法律请按1键")
    later = opened(store, folder, 1)
    kept = store.read(lambda connection: later.version(connection, first))
    assert kept.version == first != later.current.version


def test_a_version_that_is_lost_begins_again_with_the_current(store: Store, tmp_path: Path) -> None:
    current = opened(store, flows(tmp_path / "flows"))
    found = store.read(lambda connection: current.version(connection, "0123456789abcdef"))
    assert found is current.current
