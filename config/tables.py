"""Every module that defines tables, in one place: migrations and tests need them all."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

TABLE_MODULES = (
    "agents.roster",
    "workorders.guards",
    "routing.waiting",
    "ivr.publications",
    "ivr.sessions",
)


def load_tables() -> None:
    """Make `config.database.metadata` complete."""
    for name in TABLE_MODULES:
        if find_spec(name) is not None:
            import_module(name)
