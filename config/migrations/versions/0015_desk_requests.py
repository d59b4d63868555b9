"""What desks ask the engine for, and the place of a caller who was transferred."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0013"
branch_labels = None
depends_on = None

OPEN = sa.text("state IN ('asked', 'taken', 'ringing', 'talking', 'joined', 'ending')")


def upgrade() -> None:
    op.create_table(
        "desk_requests",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target_kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("counselor_id", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("offer_id", sa.Text(), nullable=True),
        sa.Column("leg", sa.Text(), nullable=True),
    )
    op.create_index(
        "desk_requests_open", "desk_requests", ["node", "call_id"],
        sqlite_where=OPEN, postgresql_where=OPEN,
    )  # fmt: skip
    op.create_index("desk_requests_order", "desk_requests", ["order_no", "asked_at"])
    op.add_column("waiting_calls", sa.Column("transferred_by", sa.Text(), nullable=True))
    op.add_column("waiting_calls", sa.Column("came_at", sa.DateTime(timezone=True), nullable=True))
