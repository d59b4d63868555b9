"""What a call that we place is about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("placed_calls", sa.Column("about", sa.Text(), nullable=False, server_default=""))
