"""Fixtures shared by all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from config.database import Store
from config.settings import CONFIG
from config.tables import load_tables
from routing.regions import Regions
from tests.postgresql import PostgreSQL
from workorders.keys import Keys
from workorders.log import Log

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that wait for calls in between those that compute, so that files run side by side
    seldom wait for the same processor."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    waiting = [file for file in files if file.parent.name == "e2e"]
    computing = [file for file in files if file.parent.name != "e2e"]
    pace = len(computing) / max(len(waiting), 1)
    place = {file: (number + 0.5) * pace for number, file in enumerate(waiting)}
    place |= {file: float(number) for number, file in enumerate(computing)}
    items[:] = [item for file in sorted(files, key=place.__getitem__) for item in files[file]]


@pytest.fixture(scope="session", autouse=True)
def shipped_regions_are_read_once() -> Iterator[None]:
    """They never change in a run, and a tenth of a second for each house adds up."""
    shipped = Regions.load(CONFIG)
    load = Regions.load

    def once(directory: Path) -> Regions:
        return shipped if directory == CONFIG else load(directory)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Regions, "load", once)
        yield


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server for the whole run."""
    server = PostgreSQL()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.new_database()


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store of each kind with every table."""
    load_tables()
    opened = Store(store_url)
    opened.create_all()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """The work-order log with keys of its own."""
    return Log(Keys.load(tmp_path_factory.mktemp("secrets") / "keys"))
