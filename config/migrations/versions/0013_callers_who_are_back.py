"""Callbacks whose caller is on the line again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("callbacks", sa.Column("newer_order", sa.Text(), nullable=True))
    op.create_index("callbacks_newer_order", "callbacks", ["newer_order"])
