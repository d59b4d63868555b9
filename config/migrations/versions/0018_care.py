"""Care for counselors: who rests, and which calls were of high risk."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("counselors", "presence_changes"):
        op.add_column(table, sa.Column("rests_until", sa.DateTime(timezone=True), nullable=True))
        op.add_column(table, sa.Column("rest_reason", sa.Text(), nullable=True))
    op.create_index(
        "counselors_rest",
        "counselors",
        ["rests_until"],
        sqlite_where=sa.text("rests_until IS NOT NULL"),
        postgresql_where=sa.text("rests_until IS NOT NULL"),
    )
    op.create_table(
        "high_risk_calls",
        sa.Column("counselor", sa.Text(), primary_key=True),
        sa.Column("order_no", sa.Text(), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heeded", sa.Boolean(), nullable=False),
    )
    op.create_index(
        "high_risk_calls_new",
        "high_risk_calls",
        ["at"],
        sqlite_where=sa.text("NOT heeded"),
        postgresql_where=sa.text("NOT heeded"),
    )
