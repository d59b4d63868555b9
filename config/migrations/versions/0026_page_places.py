"""The callers' page: wider places, and when a visit was seen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What is counted is an hour old at the most, and a visit lasts as long as its call.
    for table in ("page_uses", "page_visits"):
        op.execute(sa.text(f"DELETE FROM {table}"))
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("site", sa.LargeBinary(), nullable=False))
    op.create_index("page_uses_site", "page_uses", ["site", "wish", "at"])
    op.create_index("page_visits_site", "page_visits", ["site", "begun_at"])
    with op.batch_alter_table("page_visits") as batch:
        batch.add_column(sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True))
