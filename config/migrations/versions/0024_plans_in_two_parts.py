"""A contact plan has a part that stays closed until identity is checked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("contact_plans", sa.Column("background", sa.LargeBinary(), nullable=True))
