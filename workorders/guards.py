"""What the database itself refuses: changing or deleting events and seals, deleting orders,
another first responder, changing a word about a number or what is told of counselors' presence.
Whoever may drop a trigger can get round it: `verify` finds that of orders and events."""

from __future__ import annotations

from sqlalchemy import DDL, Table, event
from sqlalchemy.schema import ExecutableDDLElement

from agents.presence_log import presence_changes
from workorders.notes import order_notes
from workorders.number_flags import number_flags
from workorders.order import order_events, order_numbers, orders
from workorders.personal import order_secrets
from workorders.seals import seals

_REFUSE = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '%% refuses this change', TG_TABLE_NAME; END $$
"""


def forbid(table: Table, *operations: str) -> None:
    """The database refuses these operations on a table, once it is created."""
    for operation in operations:
        _sqlite(
            table,
            f"CREATE TRIGGER {table.name}_no_{operation.lower()} BEFORE {operation}"
            f" ON {table.name} BEGIN SELECT RAISE(ABORT, '{table.name} refuses this change'); END",
        )
    _postgresql(table, _REFUSE)
    _postgresql(
        table,
        f"CREATE TRIGGER {table.name}_guard BEFORE {' OR '.join(operations)} OR TRUNCATE"
        f" ON {table.name} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()",
    )


def _sqlite(table: Table, statement: str) -> None:
    event.listen(table, "after_create", _ddl(statement, "sqlite"))


def _postgresql(table: Table, statement: str) -> None:
    event.listen(table, "after_create", _ddl(statement, "postgresql"))


def _ddl(statement: str, dialect: str) -> ExecutableDDLElement:
    ddl: ExecutableDDLElement = DDL(statement)  # type: ignore[no-untyped-call]
    return ddl.execute_if(dialect=dialect)


forbid(order_events, "UPDATE", "DELETE")
forbid(seals, "UPDATE", "DELETE")
forbid(number_flags, "UPDATE")
forbid(presence_changes, "UPDATE")
for _table in (orders, order_numbers, order_secrets):
    forbid(_table, "DELETE")
forbid(order_notes, "UPDATE")
_sqlite(
    orders,
    "CREATE TRIGGER orders_first_responder BEFORE UPDATE OF first_responder ON orders"
    " WHEN OLD.first_responder IS NOT NULL AND OLD.first_responder IS NOT NEW.first_responder"
    " BEGIN SELECT RAISE(ABORT, 'the first responder never changes'); END",
)
_postgresql(
    orders,
    "CREATE TRIGGER orders_first_responder BEFORE UPDATE OF first_responder ON orders"
    " FOR EACH ROW WHEN (OLD.first_responder IS NOT NULL"
    " AND OLD.first_responder IS DISTINCT FROM NEW.first_responder)"
    " EXECUTE FUNCTION refuse_change()",
)
