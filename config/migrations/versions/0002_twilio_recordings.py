"""Messages that are at Twilio's until they are copied here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "twilio_recordings",
        sa.Column("recording_sid", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("recording_sid"),
    )
    op.create_index(
        "twilio_recordings_there",
        "twilio_recordings",
        ["made_at"],
        unique=False,
        sqlite_where=sa.text("fetched_at IS NULL"),
        postgresql_where=sa.text("fetched_at IS NULL"),
    )
