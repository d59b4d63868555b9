"""What has changed for the matcher since it last looked, and the indexes by which it finds that."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "counselors", sa.Column("changed", sa.Boolean(), nullable=False, server_default=sa.true())
    )
    # SQLite took `offer_id IS NULL` for one row, as the column was unique, and read all who wait.
    unique = {"uq": "%(table_name)s_%(column_0_name)s_key"}
    with op.batch_alter_table("waiting_calls", naming_convention=unique) as waiting_calls:
        waiting_calls.drop_constraint("waiting_calls_offer_id_key", type_="unique")
    op.add_column("waiting_calls", sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE waiting_calls SET due_at = enqueued_at")
    for table, name in (
        ("counselors", "counselors_station"),
        ("counselors", "counselors_present"),
        ("waiting_calls", "waiting_calls_place"),
    ):
        op.drop_index(name, table_name=table)
    op.create_index("counselors_station", "counselors", ["station", "state", "role"])
    op.create_index("counselors_state", "counselors", ["state", "role", "station"])
    for name, columns in (
        ("place", ["before_all", "place_since", "call_id"]),
        ("home", ["home", "before_all", "place_since"]),
        ("due", ["due_at"]),
    ):
        op.create_index(
            f"waiting_calls_{name}",
            "waiting_calls",
            columns,
            sqlite_where=sa.text("offer_id IS NULL"),
            postgresql_where=sa.text("offer_id IS NULL"),
        )
    op.create_index(
        "counselors_changed",
        "counselors",
        ["id"],
        sqlite_where=sa.text("changed = 1"),
        postgresql_where=sa.text("changed"),
    )
