"""How strong stations are: what was seen, their standings, and each change of these."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

COUNTED = (
    "answered", "late", "abandoned", "elsewhere", "helped", "in_vain", "unreachable",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "station_trials",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("station", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trial", sa.Text(), nullable=False),
        sa.Column("judged", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("station_trials_at", "station_trials", ["at"], unique=False)
    op.create_table(
        "station_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("station", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in COUNTED),
        sa.PrimaryKeyConstraint("day", "station", "topic"),
    )
    op.create_table(
        "station_standings",
        sa.Column("station", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("offers", sa.Integer(), nullable=False),
        sa.Column("probes", sa.Integer(), nullable=False),
        sa.Column("empty_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("owed", sa.Integer(), nullable=False),
        sa.Column("probed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("relapses", sa.Integer(), nullable=False),
        sa.Column("change_id", sa.Integer(), nullable=True),
        sa.Column("override_state", sa.Text(), nullable=True),
        sa.Column("override_reason", sa.Text(), nullable=True),
        sa.Column("override_by", sa.Text(), nullable=True),
        sa.Column("override_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("station", "topic"),
    )
    op.create_table(
        "standing_changes",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("station", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=False),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("standing_changes_station", "standing_changes", ["station", "id"], unique=False)
    for statement in GUARDS[op.get_bind().dialect.name]:
        op.execute(statement)


GUARDS = {
    "sqlite": [
        f"CREATE TRIGGER standing_changes_no_{operation.lower()} BEFORE {operation}"
        " ON standing_changes BEGIN"
        " SELECT RAISE(ABORT, 'standing_changes refuses this change'); END"
        for operation in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        (
            "CREATE TRIGGER standing_changes_guard BEFORE UPDATE OR DELETE OR TRUNCATE"
            " ON standing_changes FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        ),
    ],
}
