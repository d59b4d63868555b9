"""The migrated schema is the one that the code expects, and migrating twice is harmless."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from config.database import Store, metadata
from config.migrate import migrate
from config.tables import load_tables

PROJECT = Path(__file__).parent.parent
HOW = "run: .venv/bin/python -c \"from config.migrate import draft; draft('what changed')\""


def shape(connection: Connection) -> dict[str, Any]:
    """Tables, columns, indexes and triggers, as the database itself tells."""
    inspector = inspect(connection)
    tables = {
        name: (
            {(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(name)},
            {
                (
                    index["name"],
                    tuple(index["column_names"]),
                    tuple(
                        (key, str(value)) for key, value in index.get("dialect_options", {}).items()
                    ),
                )
                for index in inspector.get_indexes(name)
            },
            inspector.get_pk_constraint(name)["constrained_columns"],
            sorted(u["column_names"] for u in inspector.get_unique_constraints(name)),
            sorted(check["name"] or "" for check in inspector.get_check_constraints(name)),
            sorted(str(key["constrained_columns"]) for key in inspector.get_foreign_keys(name)),
        )
        for name in inspector.get_table_names()
        if name != "alembic_version"
    }
    if connection.dialect.name == "sqlite":
        triggers = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        tables["without rowid"] = {
            row.name
            for row in connection.execute(text("SELECT name FROM pragma_table_list WHERE wr = 1"))
        }
    else:
        triggers = "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"
    return {**tables, "triggers": sorted(map(tuple, connection.execute(text(triggers))))}


@pytest.fixture
def migrated(tmp_path: Path, request: pytest.FixtureRequest, store: Store) -> Any:
    """A second database of the same kind as `store`, made by migrations alone."""
    if store.dialect == "sqlite":
        other = Store(f"sqlite:///{tmp_path / 'migrated.db'}")
    else:
        other = Store(request.getfixturevalue("postgresql").new_database())
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: migrate(other), range(4)))
    yield other
    other.close()


def test_every_table_is_known_to_migrations() -> None:
    load_tables()
    found: set[str] = set()
    for folder in ("agents", "callflows", "console", "ivr", "recordings", "routing", "workorders"):
        for file in (PROJECT / folder).rglob("*.py"):
            found.update(re.findall(r'= Table\(\s*"(\w+)",\s*metadata', file.read_text()))
    assert found == set(metadata.tables), "add the module to config/tables.py"


def test_migrated_is_what_the_code_expects(store: Store, migrated: Store) -> None:
    differences = migrated.write(
        lambda c: compare_metadata(MigrationContext.configure(c), metadata)
    )
    assert differences == [], HOW
    assert migrated.read(shape) == store.read(shape), HOW
