"""Somebody is told of deadlines from now on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "telling_begins",
        sa.Column("answered_after", sa.DateTime(timezone=True), nullable=False),
    )
    # Nobody was ever told of the orders that are there: they must not all be told of at once.
    op.execute(
        "INSERT INTO telling_begins"
        " SELECT max(t_answer) FROM orders HAVING max(t_answer) IS NOT NULL"
    )
