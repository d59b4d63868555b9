"""An order is opened, told of events, and keeps its laws."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, text, update
from sqlalchemy import select as sql_select
from sqlalchemy.exc import DatabaseError

from config.database import Store
from tests.orders import open_order
from workorders.keys import Keys
from workorders.log import Log, OrderForgotten, OrderUnknown
from workorders.order import order_events, orders, rebuild
from workorders.personal import order_secrets
from workorders.seals import seal_minute
from workorders.verify import verify
from workorders.views import order_view, orders_of

AT = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
NUMBER = "+8613570001234"


def opening(
    log: Log, call_id: str = "call", caller_id: str | None = NUMBER, **fields: Any
) -> Callable[[Connection], str]:
    return lambda connection: open_order(
        log,
        connection,
        call_id=call_id,
        at=AT,
        channel="phone",
        access_number="020-12355",
        caller_id=caller_id,
        id_trust="original" if caller_id else "withheld",
        fields=fields,
    )


def view_of(store: Store, log: Log, order_no: str) -> dict[str, Any]:
    return store.read(lambda connection: order_view(connection, log.keys, order_no))


def test_number_has_the_day_of_shanghai(store: Store, log: Log) -> None:
    assert store.write(opening(log)) == "20261124-000001"


def test_one_order_a_call(store: Store, log: Log) -> None:
    with ThreadPoolExecutor(8) as pool:
        numbers = set(pool.map(lambda _: store.write(opening(log)), range(16)))
    assert len(numbers) == 1
    assert store.write(opening(log, "another")) not in numbers
    assert len(view_of(store, log, numbers.pop())["events"]) == 1


def test_engines_append_to_one_order_at_once(store: Store, log: Log) -> None:
    order_no = store.write(opening(log))

    def append(number: int) -> None:
        store.write(
            lambda c: log.append(c, order_no, "offer_made", AT, "engine", {"offer": str(number)})
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(append, range(60)))
    assert {offer["offer"] for offer in view_of(store, log, order_no)["offers"]} == set(
        map(str, range(60))
    )
    assert verify(store, log.keys, Path("nowhere")) == []


def test_a_call_from_offer_to_end(store: Store, log: Log) -> None:
    def at(seconds: int) -> datetime:
        return AT + timedelta(seconds=seconds)

    def call(c: Connection) -> str:
        order_no = opening(log, station_home="440100", flow_version="v1")(c)
        log.append(c, order_no, "notice_given", at(1), "system", {})
        log.append(c, order_no, "topic_chosen", at(3), "caller", {"key": "1"}, topic="law")
        log.append(c, order_no, "queued", at(4), "engine", {"tier": "home"}, priority=1)
        log.append(c, order_no, "offer_made", at(5), "engine", {"offer": "o1", "to": "7"})
        log.append(c, order_no, "offer_failed", at(20), "engine", {"offer": "o1"})
        log.append(c, order_no, "priority_raised", at(21), "caller", {"key": "*"}, priority=4)
        log.append(c, order_no, "offer_made", at(22), "engine", {"offer": "o2", "to": "8"})
        log.append(c, order_no, "answered", at(25), "counselor:8", {}, station_answering="440000")
        assert log.close(c, order_no, at(60), "answered", "caller")
        assert not log.close(c, order_no, at(61), "failed", None)
        return order_no

    view = view_of(store, log, store.write(call))
    assert view["caller"] == "135****1234"
    assert view["t_offer"] == "2026-11-24T00:30:00.000+08:00"
    times = [
        datetime.fromisoformat(view[f"t_{name}"]) for name in ("queue", "ring", "answer", "end")
    ]
    assert times == [at(4), at(5), at(25), at(60)]
    assert (view["outcome"], view["hung_up_by"], view["notice_given"]) == (
        "answered",
        "caller",
        True,
    )
    assert (view["first_responder"], view["handler"]) == ("counselor:8", "counselor:8")
    assert [offer["event"] for offer in view["offers"]] == [
        "offer_made",
        "offer_failed",
        "offer_made",
    ]
    assert [change["priority"] for change in view["priority_history"]] == [1, 4]


def test_handler_changes_only_by_accepted_handover(store: Store, log: Log) -> None:
    def told(kind: str, actor: str) -> tuple[str, str]:
        store.write(lambda c: log.append(c, order_no, kind, AT, actor, {}))
        view = view_of(store, log, order_no)
        return view["first_responder"], view["handler"]

    order_no = store.write(opening(log, station_home="440100"))
    assert told("queued", "engine") == (None, "station:440100")
    assert told("answered", "counselor:1") == ("counselor:1", "counselor:1")
    assert told("answered", "counselor:2") == ("counselor:1", "counselor:1")
    assert told("handover_offered", "counselor:1") == ("counselor:1", "counselor:1")
    assert told("handover_accepted", "counselor:2") == ("counselor:1", "counselor:2")
    assert told("handler_released", "system") == ("counselor:1", "station:440100")
    for column in ("handler", "first_responder", "t_end", "head", "colour"):
        with pytest.raises(ValueError, match=column):
            store.write(
                lambda c, name=column: log.append(c, order_no, "queued", AT, "x", {}, **{name: "y"})
            )  # type: ignore[misc]


def test_home_station_found_later_is_the_handlers(store: Store, log: Log) -> None:
    order_no = store.write(opening(log))
    assert view_of(store, log, order_no)["handler"] == "station:unknown"
    store.write(
        lambda c: log.append(c, order_no, "region_found", AT, "engine", {}, station_home="530100")
    )
    assert view_of(store, log, order_no)["handler"] == "station:530100"


def test_the_database_refuses_changes(store: Store, log: Log) -> None:
    order_no = store.write(opening(log))
    store.write(lambda c: log.append(c, order_no, "answered", AT, "counselor:1", {}))
    for statement in (
        update(order_events).values(actor="nobody"),
        delete(order_events),
        delete(orders),
        delete(order_secrets),
        update(orders).values(first_responder="counselor:2"),
        update(orders).values(first_responder=None),
        update(orders).values(handler=""),
    ):
        with pytest.raises(DatabaseError):
            store.write(lambda c, s=statement: c.execute(s))  # type: ignore[misc]


def test_unknown_order(store: Store, log: Log) -> None:
    for use in (
        lambda c: log.append(c, "20261124-999999", "queued", AT, "engine", {}),
        lambda c: log.close(c, "20261124-999999", AT, "failed", None),
        lambda c: log.forget(c, "20261124-999999", AT, "admin", "asked"),
        lambda c: order_view(c, log.keys, "20261124-999999"),
    ):
        with pytest.raises(OrderUnknown):
            store.write(use)


def test_text_from_outside(store: Store, log: Log) -> None:
    nasty = "\x00\ud800'\";--\r\n😀‮"
    order_no = store.write(opening(log))
    store.write(lambda c: log.append(c, order_no, "queued", AT, "engine", {"name": nasty}))
    assert view_of(store, log, order_no)["events"][1]["data"] == {"name": nasty}
    assert verify(store, log.keys, Path("nowhere")) == []


def test_personal_data_is_unreadable_in_the_store(store: Store, log: Log) -> None:
    order_no = store.write(opening(log))
    store.write(lambda c: log.fill_in(c, order_no, AT, "counselor:1", {"summary": "secret words"}))
    everything = store.read(
        lambda c: repr(
            [
                c.execute(text(f"SELECT * FROM {table}")).all()
                for table in ("orders", "order_events", "order_secrets")
            ]
        )
    )
    assert NUMBER[3:] not in everything
    assert "secret words" not in everything


def test_forgetting_destroys_personal_data_and_keeps_the_chain(
    store: Store, log: Log, tmp_path: Path
) -> None:
    order_no = store.write(opening(log))
    other = store.write(opening(log, "other"))
    store.write(lambda c: log.fill_in(c, order_no, AT, "counselor:1", {"summary": "words"}))
    seal_minute(store, log.keys, tmp_path / "seals", AT)
    store.write(lambda c: log.forget(c, order_no, AT, "admin:1", "asked by the caller"))
    assert verify(store, log.keys, tmp_path / "seals") == []
    assert view_of(store, log, order_no)["caller"] is None
    found = store.read(lambda c: orders_of(c, log.keys, caller_id=NUMBER))
    assert [view["order_no"] for view in found] == [other]
    with pytest.raises(OrderForgotten):
        store.write(lambda c: log.fill_in(c, order_no, AT, "counselor:1", {"summary": "again"}))
    store.write(lambda c: log.forget(c, order_no, AT, "admin:1", "asked twice"))


def test_destroyed_key_leaves_the_file(tmp_path: Path, log: Log) -> None:
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    store.create_all()
    order_no = store.write(opening(log))
    key = store.read(lambda c: c.execute(sql_select(order_secrets.c.wrapped_key)).scalar_one())
    store.write(lambda c: log.forget(c, order_no, AT, "admin:1", "asked"))
    store.close()
    for file in tmp_path.iterdir():
        assert key not in file.read_bytes()


def test_form_refuses_values_that_are_no_codes(store: Store, log: Log) -> None:
    order_no = store.write(opening(log))
    with pytest.raises(ValueError, match="R9") as raised:
        store.write(
            lambda c: log.fill_in(c, order_no, AT, "counselor:1", {"risk": "R9", "groups": ["?"]})
        )
    assert "groups" in str(raised.value)
    form = {"sex": "女", "groups": ["留守"], "causes": ["L2.1"], "age": "12–13"}
    store.write(lambda c: log.fill_in(c, order_no, AT, "counselor:1", form))
    view = view_of(store, log, order_no)
    assert (view["sex"], view["groups"], view["causes"]) == ("女", ["留守"], ["L2.1"])
    with pytest.raises(ValueError, match="'risk' is not set by a 'form_filled' event"):
        store.write(lambda c: log.fill_in(c, order_no, AT, "counselor:1", {"risk": "R1"}))


def test_keys_are_private_and_never_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "keys"
    with ThreadPoolExecutor(8) as pool:
        loaded = set(pool.map(lambda _: Keys.load(folder), range(16)))
    assert len(loaded) == 1
    assert {oct(file.stat().st_mode & 0o777) for file in folder.iterdir()} == {"0o600"}
    assert loaded.pop().chain.hex() not in repr(Keys.load(folder))
    assert [path.name for path in folder.parent.iterdir()] == ["keys"]
    (folder / "chain.key").chmod(0o644)
    with pytest.raises(Exception, match="chmod 600"):
        Keys.load(folder)
    (folder / "chain.key").unlink()
    with pytest.raises(Exception, match="restore it from its backup"):
        Keys.load(folder)


MOMENTS = st.timedeltas(timedelta(0), timedelta(days=365)).map(AT.__add__)
COLUMNS = st.fixed_dictionaries(
    {},
    optional={
        "topic": st.sampled_from(["law", "psychology"]),
        "priority": st.integers(0, 4),
        "station_home": st.sampled_from(["440100", "440000", None]),
        "station_answering": st.sampled_from(["530100"]),
        "causes": st.lists(st.text(max_size=3), max_size=2),
        "notice_given": st.booleans(),
    },
)
OF_ITS_LIFE = st.fixed_dictionaries(
    {},
    optional={
        "risk_at": MOMENTS,
        "station_lead": st.sampled_from(["530100", None]),
        "reports": st.lists(st.fixed_dictionaries({"target": st.text(max_size=3), "at": MOMENTS})),
    },
)
ACTORS = st.sampled_from(["counselor:1", "counselor:2", "engine"])
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["queued", "offer_made", "answered", "handover_accepted", "handler_released", "ended"]
        ),
        MOMENTS,
        ACTORS,
        COLUMNS,
    )
    | st.tuples(st.just("risk_assessed"), MOMENTS, ACTORS, OF_ITS_LIFE),
    max_size=8,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(events=EVENTS)
def test_row_is_what_the_events_say(
    store: Store, log: Log, events: list[tuple[str, datetime, str, dict[str, Any]]]
) -> None:
    def work(c: Connection) -> tuple[Any, Any]:
        order_no = opening(log, f"call-{len(seen)}")(c)
        for kind, at, actor, columns in events:
            log.append(c, order_no, kind, at, actor, {}, **columns)
        row = sql_select(orders).where(orders.c.order_no == order_no)
        kept = c.execute(row).one()
        rebuild(c, order_no)
        return kept, c.execute(row).one()

    seen.append(1)
    kept, rebuilt = store.write(work)
    assert kept == rebuilt
    assert kept.handler


seen: list[int] = []

WRITER = """
import sys, threading
from datetime import UTC, datetime
from pathlib import Path
from config.database import Store
from tests.orders import open_order
from workorders.keys import Keys
from workorders.log import Log
store, log = Store(sys.argv[1]), Log(Keys.load(Path(sys.argv[2])))
def write(thread):
    for number in range(1000):
        def call(c):
            order_no = open_order(log, c, call_id=f"{thread}-{number}", at=datetime.now(UTC),
                channel="phone", access_number="1", caller_id=None, id_trust="withheld", fields={})
            log.append(c, order_no, "queued", datetime.now(UTC), "engine", {})
            return order_no
        print(store.write(call) + "\\n", end="", flush=True)
for thread in range(4):
    threading.Thread(target=write, args=[thread]).start()
"""


def test_kill_9_loses_no_acknowledged_order(store: Store, tmp_path: Path, log: Log) -> None:
    keys = Keys.load(tmp_path / "keys")
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, store.url, str(tmp_path / "keys")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    acknowledged = [process.stdout.readline().strip() for _ in range(300)]
    process.kill()
    acknowledged += process.stdout.read().split()
    process.wait()
    assert len(acknowledged) < 4000
    written = store.read(lambda c: c.execute(sql_select(orders.c.order_no, orders.c.events)).all())
    assert set(acknowledged) <= {row.order_no for row in written}
    assert {row.events for row in written} == {2}
    assert verify(store, keys, Path("nowhere")) == []
