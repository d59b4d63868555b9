"""Alembic migrations of the store, applied by `config.migrate`."""
