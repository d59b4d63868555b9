"""Who talks by Twilio in a browser and hasn't hung up there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "browser_talks",
        sa.Column("counselor_id", sa.Text(), nullable=False),
        sa.Column("offer_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("counselor_id"),
    )
