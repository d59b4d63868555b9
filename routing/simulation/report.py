"""A trial written down: pictures and one self-contained page, Chinese first."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from routing.simulation.measures import Measures
from routing.simulation.pictures import draw
from routing.simulation.table import sheets
from routing.simulation.trial import Trial

PICTURE = "simulation.png"
PAGE = "simulation.html"


def write_report(
    trial: Trial,
    centres: Mapping[str, str],
    name_of: Callable[[str], str],
    source: str,
    directory: Path,
) -> None:
    """simulation.png and simulation.html. `centres`: names by id; `source`: whence the calls."""
    directory.mkdir(parents=True, exist_ok=True)
    draw(trial, centres, directory / PICTURE)
    picture = base64.b64encode((directory / PICTURE).read_bytes()).decode()
    together = [sum(trial.measures[policy.id], Measures()) for policy in trial.policies]
    stations = sorted({station for measures in together for station in measures.staffed})

    def loads(station: str) -> tuple[str, list[str]]:
        return name_of(station), [f"{100 * m.load(station):.0f}" for m in together]

    page = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True
    ).get_template("report.html.j2")
    text = page.render(
        first=trial.days[0],
        days=len(trial.days),
        seeds=", ".join(map(str, trial.seeds)),
        source=source,
        policies=trial.policies,
        tables=list(sheets(trial, centres)),
        picture=picture,
        centre_loads=[loads(centre) for centre in centres],
        station_loads=[loads(station) for station in stations if station not in centres],
    )
    (directory / PAGE).write_text(text, encoding="utf-8")
