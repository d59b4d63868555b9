"""What counselors did and when, from now on."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "presence_changes",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("counselor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("available_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("call_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "presence_changes_counselor", "presence_changes", ["counselor", "at"], unique=False
    )
    # The log begins with what everybody does now.
    begins = sa.text(
        "INSERT INTO presence_changes"
        " (counselor, at, state, reason, until, available_since, call_id)"
        " SELECT id, :now, state, reason, until, available_since, call_id FROM counselors"
    ).bindparams(sa.bindparam("now", datetime.now(UTC), sa.DateTime(timezone=True)))
    op.execute(begins)
    op.execute(GUARD[op.get_bind().dialect.name])


GUARD = {
    "sqlite": (
        "CREATE TRIGGER presence_changes_no_update BEFORE UPDATE ON presence_changes"
        " BEGIN SELECT RAISE(ABORT, 'presence_changes refuses this change'); END"
    ),
    "postgresql": (
        "CREATE TRIGGER presence_changes_guard BEFORE UPDATE OR TRUNCATE ON presence_changes"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    ),
}
