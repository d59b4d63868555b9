"""First tables, and the triggers that guard the log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "calls",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("verbs_turn", sa.Integer(), nullable=False),
        sa.Column("session", sa.Text(), nullable=True),
        sa.Column("verbs", sa.Text(), nullable=True),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("call_id"),
    )
    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.create_index("calls_open", ["ended_at", "engine"], unique=False)

    op.create_table(
        "counselors",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("station", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("topics", sa.Text(), nullable=False),
        sa.Column("languages", sa.Text(), nullable=False),
        sa.Column("credentials", sa.Text(), nullable=False),
        sa.Column("contacts", sa.Text(), nullable=False),
        sa.Column("sip_secret", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("call_id", sa.Text(), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wish", sa.Text(), nullable=True),
        sa.Column("wish_reason", sa.Text(), nullable=True),
        sa.Column("available_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("calls_today", sa.Integer(), nullable=False),
        sa.Column("calls_day", sa.Date(), nullable=True),
        sa.Column("last_call_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("misses", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number"),
    )
    with op.batch_alter_table("counselors", schema=None) as batch_op:
        batch_op.create_index(
            "counselors_present",
            ["state"],
            unique=False,
            sqlite_where=sa.text("state <> 'logged_out'"),
            postgresql_where=sa.text("state <> 'logged_out'"),
        )
        batch_op.create_index("counselors_station", ["station"], unique=False)

    op.create_table(
        "offers",
        sa.Column("offer_id", sa.Text(), nullable=False),
        sa.Column("counselor_id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("station", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ring_seconds", sa.Integer(), nullable=False),
        sa.Column("together", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("talk_seconds", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("offer_id", "counselor_id"),
    )
    with op.batch_alter_table("offers", schema=None) as batch_op:
        batch_op.create_index("offers_by_node", ["node", "ended_at"], unique=False)
        batch_op.create_index(
            "offers_one_call_at_a_time",
            ["counselor_id"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )
        batch_op.create_index(
            "offers_open",
            ["call_id"],
            unique=False,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )
        batch_op.create_index(
            "offers_talked",
            ["ended_at"],
            unique=False,
            sqlite_where=sa.text("talk_seconds IS NOT NULL"),
            postgresql_where=sa.text("talk_seconds IS NOT NULL"),
        )

    op.create_table(
        "order_numbers",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("call_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "orders",
        sa.Column("order_no", sa.String(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("access_number", sa.String(), nullable=False),
        sa.Column("upstream_order_no", sa.String(), nullable=True),
        sa.Column("id_trust", sa.String(), nullable=False),
        sa.Column("region_access", sa.String(), nullable=True),
        sa.Column("region_number", sa.String(), nullable=True),
        sa.Column("region_stated", sa.String(), nullable=True),
        sa.Column("region_incident", sa.String(), nullable=True),
        sa.Column("region_domicile", sa.String(), nullable=True),
        sa.Column("region_source", sa.String(), nullable=True),
        sa.Column("region_confidence", sa.String(), nullable=True),
        sa.Column("station_home", sa.String(), nullable=True),
        sa.Column("station_answering", sa.String(), nullable=True),
        sa.Column("flow_version", sa.String(), nullable=True),
        sa.Column("t_offer", sa.DateTime(timezone=True), nullable=False),
        sa.Column("t_queue", sa.DateTime(timezone=True), nullable=True),
        sa.Column("t_ring", sa.DateTime(timezone=True), nullable=True),
        sa.Column("t_answer", sa.DateTime(timezone=True), nullable=True),
        sa.Column("t_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("topic", sa.String(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=True),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("route_reason", sa.String(), nullable=True),
        sa.Column("notice_given", sa.Boolean(), nullable=False),
        sa.Column("recording_ref", sa.String(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("hung_up_by", sa.String(), nullable=True),
        sa.Column("caller_role", sa.String(), nullable=True),
        sa.Column("age", sa.String(), nullable=True),
        sa.Column("sex", sa.String(), nullable=True),
        sa.Column("schooling", sa.String(), nullable=True),
        sa.Column("groups", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("guardian_suspected", sa.String(), nullable=True),
        sa.Column("consent_ref", sa.String(), nullable=True),
        sa.Column("cause_main", sa.String(), nullable=True),
        sa.Column("causes", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("tree_version", sa.String(), nullable=True),
        sa.Column("risk", sa.String(), nullable=True),
        sa.Column("risk_by", sa.String(), nullable=True),
        sa.Column("risk_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_responder", sa.String(), nullable=True),
        sa.Column("handler", sa.String(), nullable=False),
        sa.Column("station_lead", sa.String(), nullable=True),
        sa.Column("stations_assisting", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("outcomes", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("referrals", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("reports", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("deadlines", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("followups", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("satisfaction", sa.Integer(), nullable=True),
        sa.Column("closed_by", sa.String(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("handler <> ''", name="order_has_handler"),
        sa.PrimaryKeyConstraint("order_no"),
        sa.UniqueConstraint("call_id"),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index(
            "orders_handled",
            ["handler"],
            unique=False,
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )
        batch_op.create_index("orders_t_offer", ["t_offer"], unique=False)
        batch_op.create_index(
            "orders_unsealed",
            ["order_no"],
            unique=False,
            sqlite_where=sa.text("events > sealed"),
            postgresql_where=sa.text("events > sealed"),
        )

    op.create_table(
        "publications",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("sources", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_table(
        "seals",
        sa.Column("seal_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.Column("heads", sa.String(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seal_no"),
    )
    op.create_table(
        "waiting_calls",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("order_no", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("home", sa.Text(), nullable=False),
        sa.Column("enqueued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kinds", sa.Text(), nullable=False),
        sa.Column("excluded", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("offer_id", sa.Text(), nullable=True),
        sa.Column("unclaimed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("call_id"),
        sa.UniqueConstraint("offer_id"),
    )
    with op.batch_alter_table("waiting_calls", schema=None) as batch_op:
        batch_op.create_index(
            "waiting_calls_place", ["offer_id", "priority", "enqueued_at"], unique=False
        )

    op.create_table(
        "order_events",
        sa.Column("order_no", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("data", sa.String(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_no"],
            ["orders.order_no"],
        ),
        sa.PrimaryKeyConstraint("order_no", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "order_secrets",
        sa.Column("order_no", sa.String(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.Column("caller_hash", sa.LargeBinary(), nullable=True),
        sa.Column("caller_id", sa.LargeBinary(), nullable=True),
        sa.Column("safe_contact", sa.LargeBinary(), nullable=True),
        sa.Column("subject_ref", sa.LargeBinary(), nullable=True),
        sa.Column("risk_evidence", sa.LargeBinary(), nullable=True),
        sa.Column("summary", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["order_no"],
            ["orders.order_no"],
        ),
        sa.PrimaryKeyConstraint("order_no"),
    )
    with op.batch_alter_table("order_secrets", schema=None) as batch_op:
        batch_op.create_index("order_secrets_caller_hash", ["caller_hash"], unique=False)
    for statement in GUARDS[op.get_bind().dialect.name]:
        op.execute(statement)


def _refuse(table: str, *operations: str) -> list[str]:
    return [
        f"CREATE TRIGGER {table}_no_{operation.lower()} BEFORE {operation}"
        f" ON {table} BEGIN SELECT RAISE(ABORT, '{table} refuses this change'); END"
        for operation in operations
    ]


def _guard(table: str, operations: str) -> str:
    return (
        f"CREATE TRIGGER {table}_guard BEFORE {operations} OR TRUNCATE"
        f" ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


GUARDS = {
    "sqlite": [
        *_refuse("order_events", "UPDATE", "DELETE"),
        *_refuse("seals", "UPDATE", "DELETE"),
        *_refuse("orders", "DELETE"),
        *_refuse("order_numbers", "DELETE"),
        *_refuse("order_secrets", "DELETE"),
        (
            "CREATE TRIGGER orders_first_responder BEFORE UPDATE OF first_responder ON orders"
            " WHEN OLD.first_responder IS NOT NULL"
            " AND OLD.first_responder IS NOT NEW.first_responder"
            " BEGIN SELECT RAISE(ABORT, 'the first responder never changes'); END"
        ),
    ],
    "postgresql": [
        (
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION '% refuses this change', TG_TABLE_NAME; END $$"
        ),
        _guard("order_events", "UPDATE OR DELETE"),
        _guard("seals", "UPDATE OR DELETE"),
        _guard("orders", "DELETE"),
        _guard("order_numbers", "DELETE"),
        _guard("order_secrets", "DELETE"),
        (
            "CREATE TRIGGER orders_first_responder BEFORE UPDATE OF first_responder ON orders"
            " FOR EACH ROW WHEN (OLD.first_responder IS NOT NULL"
            " AND OLD.first_responder IS DISTINCT FROM NEW.first_responder)"
            " EXECUTE FUNCTION refuse_change()"
        ),
    ],
}
