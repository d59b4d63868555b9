"""What a station manager asks before trusting edited data: is it sound?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TypeVar

from config.topics import load_topics
from config.trunks import load_trunks
from config.yaml_file import ConfigErrors, suggestion
from routing.directory import Directory
from routing.stations import Stations

T = TypeVar("T")

OTHER = "other"
"""In tables by topic: every topic not named."""


def check(
    directory: Path, sister_lines: Path, trunks_file: Path, default_access_number: str, on: date
) -> tuple[list[str], tuple[str, ...]]:
    """Every mistake in regions, stations, topics, sister lines and trunks, a line each; then
    what is no mistake and wants doing: sister lines to be verified anew."""
    overdue: tuple[str, ...] = ()
    errors: list[str] = []

    def loaded(load: Callable[[], T]) -> T | None:
        try:
            return load()
        except ConfigErrors as error:
            errors.extend(error.errors)
            return None

    stations = loaded(lambda: Stations.load(directory))
    topics = loaded(lambda: load_topics(directory))
    if stations is not None:
        lines = loaded(lambda: Directory.load(sister_lines, stations.regions, None))
        overdue = lines.overdue(on) if lines is not None else ()
        loaded(
            lambda: load_trunks(
                trunks_file, lambda number: stations.serves(number, default_access_number)
            )
        )
    if stations is not None and topics is not None:
        named = {
            topic
            for station in stations
            for table in (
                stations.settings(station).relax_topic_seconds,
                stations.settings(station).relax_language_seconds,
            )
            for topic in table
        }
        errors.extend(
            f"{directory / 'stations.yaml'}: relax_…_seconds: unknown topic {topic}"
            f"{suggestion(topic, topics)}"
            for topic in sorted(named - topics.keys() - {OTHER})
        )
    return errors, overdue
