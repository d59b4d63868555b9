"""Which change of a station's standing an offer was made by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("offers", sa.Column("standing_change", sa.Integer(), nullable=True))
