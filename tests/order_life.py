"""An order that somebody answered, and what people do to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from config.database import Store
from tests.orders import open_order
from workorders.closing import missing
from workorders.life import Case
from workorders.log import Log
from workorders.views import order_view

T = TypeVar("T")

MONDAY = datetime(2026, 11, 23, 2, tzinfo=UTC)
"""Ten in the morning in Shanghai."""
FORM = {
    "caller_role": "本人", "age": "12–13", "sex": "女", "cause_main": "L2.1", "summary": "欺凌",
}  # fmt: skip


class Desk:
    """One answered order on the desk: `does` runs one act in one transaction."""

    def __init__(
        self, store: Store, log: Log, call_id: str = "call", at: datetime = MONDAY
    ) -> None:
        self.store = store
        self.log = log

        def answered(connection: Any) -> str:
            order_no = open_order(
                log,
                connection,
                call_id=call_id,
                at=at,
                channel="phone",
                access_number="020-12355",
                caller_id="+8613570001234",
                id_trust="original",
                fields={"station_home": "440100"},
            )
            log.append(connection, order_no, "answered", at, "counselor:1", {})
            return order_no

        self.order_no = store.write(answered)

    def does(
        self,
        act: Callable[..., T],
        *arguments: Any,
        by: str = "counselor:1",
        after: timedelta = timedelta(0),
        **named: Any,
    ) -> T:
        def work(connection: Any) -> T:
            case = Case(connection, self.log, self.order_no, MONDAY + after, by)
            return act(case, *arguments, **named)

        return self.store.write(work)

    def fills_in(self, **fields: Any) -> None:
        self.store.write(
            lambda c: self.log.fill_in(c, self.order_no, MONDAY, "counselor:1", fields)
        )

    def lacks(self, at: datetime) -> list[str]:
        """What keeps it from being closed."""
        return self.store.read(
            lambda c: missing(Case(c, self.log, self.order_no, at, "counselor:1", to_read=True))
        )

    @property
    def view(self) -> dict[str, Any]:
        return self.store.read(lambda c: order_view(c, self.log.keys, self.order_no))

    def waits_for(self) -> dict[str, datetime]:
        """The clocks that run, each with its end, but for the order's own."""
        return {
            each["clock"]: datetime.fromisoformat(each["due"])
            for each in self.view["deadlines"] or ()
            if each["over"] is None and each["clock"] not in ("decision", "closing")
        }
