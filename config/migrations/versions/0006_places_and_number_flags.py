"""The order of service as columns, whom a call is kept for, and what is said of numbers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("waiting_calls") as table:
        table.drop_index("waiting_calls_place")
        table.add_column(sa.Column("before_all", sa.Integer(), nullable=True))
        table.add_column(sa.Column("place_since", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("preferred", sa.Text(), nullable=True))
    # Whoever waits meanwhile keeps the place: urgent calls were before all others then, too.
    op.execute(
        "UPDATE waiting_calls SET place_since = enqueued_at,"
        " before_all = CASE WHEN priority >= 3 THEN -priority ELSE 0 END"
    )
    with op.batch_alter_table("waiting_calls") as table:
        table.alter_column("before_all", existing_type=sa.Integer(), nullable=False)
        table.alter_column("place_since", existing_type=sa.DateTime(timezone=True), nullable=False)
        table.create_index(
            "waiting_calls_place", ["offer_id", "before_all", "place_since"], unique=False
        )
    op.create_table(
        "number_flags",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("number_hash", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("said_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("number_flags_number", "number_flags", ["number_hash", "id"], unique=False)
    op.execute(GUARD[op.get_bind().dialect.name])


_SQLITE = (
    "CREATE TRIGGER number_flags_no_update BEFORE UPDATE ON number_flags"
    " BEGIN SELECT RAISE(ABORT, 'number_flags refuses this change'); END"
)
_POSTGRESQL = (
    "CREATE TRIGGER number_flags_guard BEFORE UPDATE OR TRUNCATE ON number_flags"
    " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
)
GUARD = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}
