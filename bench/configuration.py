"""What a deployment edits, as benchmarks have it: one desk of many, and no wrap-up."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

from ruamel.yaml import YAML

from config.settings import CONFIG

STATION = "440100"


def numbers(count: int) -> list[str]:
    """Desk numbers of the first counselors."""
    return [str(8000 + n) for n in range(count)]


def write_tree(folder: Path) -> Path:
    """The shipped tree, without wrap-up time: app_queue has none."""
    folder.mkdir()
    for name in ("regions.yaml", "topics.yaml"):
        shutil.copy(CONFIG / name, folder)
    yaml = YAML()
    stations = yaml.load(CONFIG / "stations.yaml")
    stations["stations"].setdefault(STATION, {})["wrap_up_seconds"] = 0
    yaml.dump(stations, folder / "stations.yaml")
    return folder


def write_roster(file: Path, count: int, kind: str) -> Path:
    """So many people, each with one contact of this kind, which has the desk's number."""
    people = [
        {
            "id": f"bench-{number}",
            "name": number,
            "number": number,
            "station": STATION,
            "topics": ["law"],
            "credentials": {"law": date(2100, 1, 1)},
            "contacts": [{"kind": kind, "address": number}],
        }
        for number in numbers(count)
    ]
    YAML().dump({"counselors": people}, file)
    return file
