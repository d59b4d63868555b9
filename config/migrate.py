"""Bring a store's tables up to this version's.

A change of a table needs a migration beside it: `draft("what changed")` writes one into
`config/migrations/versions/` from the difference; read it, and add what it cannot see (triggers,
moving data).
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from config.database import Store, one_at_a_time
from config.statements import send_waiting
from config.tables import load_tables

MIGRATING = 13
FOLDER = Path(__file__).parent / "migrations"


def migrate(store: Store) -> None:
    """Called at every start; changes nothing when all is done already. Several engines may start
    at once: one migrates, the others wait for it. Raises StoreUnavailable."""

    def upgrade(connection: Connection) -> None:
        one_at_a_time(connection, MIGRATING)
        send_waiting(connection)  # Alembic's own state bears only one at a time, too
        command.upgrade(_alembic(connection), "head")

    store.write(upgrade)


def draft(what: str) -> None:
    """Write a migration from the difference between the migrated schema and the code's."""
    load_tables()
    with TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/draft.db")
        migrate(store)
        store.write(
            lambda connection: command.revision(
                _alembic(connection),
                what,
                autogenerate=True,
                rev_id=f"{len(list((FOLDER / 'versions').glob('0*.py'))) + 1:04d}",
            )
        )
        store.close()


def _alembic(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config
