"""The callers' page: visits that may call, and what is counted against misuse."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from config.database import Instant

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "page_visits",
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("place", sa.LargeBinary(), nullable=False),
        sa.Column("begun_at", Instant(), nullable=False),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("call_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("token"),
        sa.UniqueConstraint("call_id"),
    )
    op.create_index("page_visits_place", "page_visits", ["place", "begun_at"])
    op.create_index("page_visits_begun_at", "page_visits", ["begun_at"])
    op.create_table(
        "page_uses",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("wish", sa.Text(), nullable=False),
        sa.Column("place", sa.LargeBinary(), nullable=False),
        sa.Column("number", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("page_uses_place", "page_uses", ["place", "wish", "at"])
    op.create_index("page_uses_number", "page_uses", ["number", "at"])
    op.create_index("page_uses_at", "page_uses", ["at"])
