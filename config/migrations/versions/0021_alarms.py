"""What somebody must see to at once, and recordings that are kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

ALARMED = sa.text("alarms IS NOT NULL")


def upgrade() -> None:
    op.add_column("orders", sa.Column("alarms", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("orders", sa.Column("recording_held", sa.Boolean(), nullable=True))
    op.create_index(
        "orders_alarmed", "orders", ["order_no"], sqlite_where=ALARMED, postgresql_where=ALARMED
    )
