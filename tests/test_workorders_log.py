"""An order is opened, told of events, and keeps its laws."""

from __future__ import annotations

from datetime import UTC, datetime

from config.database import Store
from workorders.log import Log

AT = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)


def test_number(store: Store, log: Log) -> None:
    def work(c):
        return log.open_order(c, call_id="a", at=AT, channel="phone", access_number="020-12355",
            caller_id=None, id_trust="withheld", fields={})
    assert store.write(work) == store.write(work) == "20261124-000001"
