"""Run by Alembic, inside the transaction that `config.migrate` opened."""

from typing import Any, Literal

from alembic import context

from config.database import Instant, metadata


def _spelt(kind: str, value: Any, _autogenerate: Any) -> str | Literal[False]:
    """A migration names no type of ours: it must still run when ours has changed."""
    return "sa.DateTime(timezone=True)" if isinstance(value, Instant) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    render_item=_spelt,
)
context.run_migrations()
