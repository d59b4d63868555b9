"""The console: accounts, sessions, and who has read what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "console_accounts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("station", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "console_sessions",
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["console_accounts.id"]),
        sa.PrimaryKeyConstraint("token"),
    )
    op.create_index("console_sessions_account", "console_sessions", ["account"], unique=False)
    op.create_table(
        "console_audit",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("console_audit_order", "console_audit", ["order_no", "id"], unique=False)
    op.create_index("console_audit_at", "console_audit", ["action", "at"], unique=False)
    for statement in GUARDS[op.get_bind().dialect.name]:
        op.execute(statement)


GUARDS = {
    "sqlite": [
        f"CREATE TRIGGER console_audit_no_{operation.lower()} BEFORE {operation}"
        " ON console_audit BEGIN"
        " SELECT RAISE(ABORT, 'console_audit refuses this change'); END"
        for operation in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        (
            "CREATE TRIGGER console_audit_guard BEFORE UPDATE OR DELETE OR TRUNCATE"
            " ON console_audit FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        ),
    ],
}
