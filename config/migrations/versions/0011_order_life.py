"""The life of an order: its state, deadlines and tasks, notes and drafts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

LISTS = ("appointments", "dispatches", "assessments", "handovers", "lowering")
UNDECIDED = "state = 'received' AND deadlines IS NULL AND t_answer IS NOT NULL"


def upgrade() -> None:
    # Nobody could decide on an order before: all that there are were received.
    op.add_column(
        "orders", sa.Column("state", sa.String(), nullable=False, server_default="received")
    )
    op.add_column("orders", sa.Column("next_due", sa.DateTime(timezone=True), nullable=True))
    for name in LISTS:
        op.add_column("orders", sa.Column(name, sa.JSON(none_as_null=True), nullable=True))
    for name, column, which in (
        ("orders_next_due", "next_due", "next_due IS NOT NULL"),
        ("orders_undecided", "t_answer", UNDECIDED),
    ):
        op.create_index(
            name, "orders", [column], sqlite_where=sa.text(which), postgresql_where=sa.text(which)
        )
    op.create_table(
        "order_notes",
        sa.Column("order_no", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["order_no", "seq"], ["order_events.order_no", "order_events.seq"]),
        sa.PrimaryKeyConstraint("order_no", "seq", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "order_drafts",
        sa.Column("order_no", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("form", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["order_no"], ["orders.order_no"]),
        sa.PrimaryKeyConstraint("order_no", "author"),
    )
    op.execute(GUARD[op.get_bind().dialect.name])


GUARD = {
    "sqlite": (
        "CREATE TRIGGER order_notes_no_update BEFORE UPDATE ON order_notes"
        " BEGIN SELECT RAISE(ABORT, 'order_notes refuses this change'); END"
    ),
    "postgresql": (
        "CREATE TRIGGER order_notes_guard BEFORE UPDATE OR TRUNCATE"
        " ON order_notes FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    ),
}
