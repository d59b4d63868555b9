"""Whatever somebody changes in the log behind our back is found, and named."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text
from sqlalchemy.exc import DatabaseError

from config.database import Store
from config.tables import load_tables
from tests.orders import open_order
from workorders.decisions import answer_directly
from workorders.life import Case
from workorders.log import Log
from workorders.seals import SealFileDiffers, seal_minute
from workorders.verify import verify

AT = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
FIRST, SECOND, THIRD = (f"20261124-{n:06d}" for n in (1, 2, 3))


def fill(store: Store, log: Log, seal_file: Path) -> None:
    """Three orders, the first two sealed twice with events between; the third's tail unsealed."""

    def calls(connection: Connection) -> None:
        for name in ("a", "b", "c"):
            order_no = open_order(
                log,
                connection,
                call_id=name,
                at=AT,
                channel="phone",
                access_number="020-12355",
                caller_id="+8613570001234",
                id_trust="original",
                fields={"station_home": "440100"},
            )
            log.append(
                connection, order_no, "topic_chosen", AT, "caller", {"key": "1"}, topic="law"
            )
            log.append(connection, order_no, "queued", AT, "engine", {})

    def answers(connection: Connection) -> None:
        for order_no in (FIRST, SECOND, THIRD):
            log.append(connection, order_no, "answered", AT, "counselor:7", {})
            log.fill_in(connection, order_no, AT, "counselor:7", {"summary": "欠薪", "sex": "女"})
            log.close(connection, order_no, AT + timedelta(minutes=9), "answered", "caller")

    def later(connection: Connection) -> None:
        log.append(connection, THIRD, "recording_made", AT, "engine", {"recording": "r"})

    store.write(calls)
    seal_minute(store, log.keys, seal_file, AT)
    store.write(answers)
    seal_minute(store, log.keys, seal_file, AT)
    store.write(later)


def unguarded(store: Store, *statements: str) -> None:
    """What an administrator of the database can do."""

    def work(connection: Connection) -> None:
        if store.dialect == "postgresql":
            connection.execute(text("SET session_replication_role = replica"))
        else:
            triggers = connection.execute(
                text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            )
            for (name,) in triggers.all():
                connection.execute(text(f"DROP TRIGGER {name}"))
            connection.execute(text("PRAGMA defer_foreign_keys=ON"))
        for statement in statements:
            connection.execute(text(statement))

    store.write(work)


def test_untouched(store: Store, log: Log, tmp_path: Path) -> None:
    assert verify(store, log.keys, tmp_path / "seals.jsonl") == []
    fill(store, log, tmp_path / "seals.jsonl")
    assert verify(store, log.keys, tmp_path / "seals.jsonl") == []


@pytest.mark.parametrize(
    ("statements", "told"),
    [
        (
            [f"UPDATE order_events SET actor = 'system' WHERE order_no = '{FIRST}' AND seq = 2"],
            f"{FIRST}: event 2 (topic_chosen) was changed",
        ),
        (
            [f"DELETE FROM order_events WHERE order_no = '{FIRST}' AND seq = 3"],
            f"{FIRST}: event 3 is missing",
        ),
        (
            [
                f"UPDATE order_events SET seq = 99 WHERE order_no = '{FIRST}' AND seq = 2",
                f"UPDATE order_events SET seq = 2 WHERE order_no = '{FIRST}' AND seq = 3",
                f"UPDATE order_events SET seq = 3 WHERE order_no = '{FIRST}' AND seq = 99",
            ],
            f"{FIRST}: event 2 (queued) was recorded as event 3: the events were reordered",
        ),
        (
            [
                f"DELETE FROM order_events WHERE order_no = '{FIRST}' AND seq > 4",
                (
                    "UPDATE orders SET events = 4, sealed = 4, t_end = NULL, outcome = NULL,"
                    " hung_up_by = NULL, sex = NULL, head = (SELECT mac FROM order_events e"
                    f" WHERE e.order_no = '{FIRST}' AND seq = 4) WHERE order_no = '{FIRST}'"
                ),
            ],
            f"{FIRST}: events 5 to 6 are missing at the end",
        ),
        (
            [
                f"DELETE FROM {table} WHERE order_no = '{SECOND}'"
                for table in ("order_events", "order_secrets", "orders")
            ]
            + ["DELETE FROM order_numbers WHERE sequence = 2"],
            f"{SECOND}: the order was deleted; seal 2 knows 6 events",
        ),
        (
            [f"UPDATE orders SET outcome = 'voicemail' WHERE order_no = '{FIRST}'"],
            f'{FIRST}: the row says outcome = "voicemail", the events say "answered"',
        ),
        (
            [f"UPDATE order_secrets SET summary = NULL WHERE order_no = '{FIRST}'"],
            f"{FIRST}: the personal field summary is not the one that was recorded",
        ),
        (
            [
                (
                    "UPDATE order_secrets SET caller_id = (SELECT caller_id FROM order_secrets"
                    f" WHERE order_no = '{SECOND}') WHERE order_no = '{FIRST}'"
                )
            ],
            f"{FIRST}: the personal field caller_id was changed",
        ),
        (
            [f"UPDATE order_secrets SET wrapped_key = NULL WHERE order_no = '{FIRST}'"],
            (
                f"{FIRST}: the key of the personal fields was destroyed or changed without being "
                "recorded"
            ),
        ),
        (["UPDATE seals SET orders = 2 WHERE seal_no = 1"], "seal 1 was changed in the store"),
    ],
)
def test_tampering_is_named(
    store: Store, log: Log, tmp_path: Path, statements: list[str], told: str
) -> None:
    fill(store, log, tmp_path / "seals.jsonl")
    unguarded(store, *statements)
    assert told in map(str, verify(store, log.keys, tmp_path / "seals.jsonl"))


def test_log_cut_back_with_its_seals(store: Store, log: Log, tmp_path: Path) -> None:
    """The exported file remembers what the store was made to forget."""
    fill(store, log, tmp_path / "seals.jsonl")
    unguarded(
        store,
        *(
            f"DELETE FROM {table}"
            for table in ("order_events", "order_secrets", "orders", "order_numbers", "seals")
        ),
    )
    told = [str(finding) for finding in verify(store, log.keys, tmp_path / "seals.jsonl")]
    assert f"{FIRST}: the order was deleted; seal 2 knows 6 events" in told
    assert any(line.startswith("seal 2 of") and "not in the store" in line for line in told)
    with pytest.raises(SealFileDiffers):
        seal_minute(store, log.keys, tmp_path / "seals.jsonl", AT)


def test_history_rewritten_with_the_chain_key(store: Store, log: Log, tmp_path: Path) -> None:
    """Even whoever has the key cannot rewrite what is exported."""
    fill(store, log, tmp_path / "seals.jsonl")
    forged = Store(f"sqlite:///{tmp_path / 'forged.db'}")
    forged.create_all()
    fill(forged, log, tmp_path / "forged.jsonl")
    told = [str(each) for each in verify(forged, log.keys, tmp_path / "seals.jsonl")]
    forged.close()
    assert f"{FIRST}: event 6 is not the one that seal 2 knows" in told


def test_exported_line_damaged(store: Store, log: Log, tmp_path: Path) -> None:
    file = tmp_path / "seals.jsonl"
    fill(store, log, file)
    whole = file.read_text()
    file.write_text(whole.replace('"orders":3', '"orders":4', 1))
    assert f"seal 1 was changed in {file}" in map(str, verify(store, log.keys, file))
    file.write_text("garbage\n" + whole)
    assert f"line 1 of {file} is not a seal" in map(str, verify(store, log.keys, file))


def test_export_goes_on_after_a_line_cut_short(store: Store, log: Log, tmp_path: Path) -> None:
    file = tmp_path / "seals.jsonl"
    fill(store, log, file)
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    assert seal_minute(store, log.keys, file, AT) == 1
    assert file.read_bytes().startswith(whole)
    assert verify(store, log.keys, file) == []


def test_engines_seal_at_once(store: Store, log: Log, tmp_path: Path) -> None:
    fill(store, log, tmp_path / "seals.jsonl")
    with ThreadPoolExecutor(6) as pool:
        for number in range(5):
            store.write(
                lambda c, n=number: log.append(c, FIRST, "offer_made", AT, "engine", {"n": n})
            )
            sealing = partial(seal_minute, store, log.keys, tmp_path / "seals.jsonl")
            assert sum(pool.map(sealing, [AT] * 6)) == 1
    assert verify(store, log.keys, tmp_path / "seals.jsonl") == []


@pytest.fixture(scope="module")
def sealed_log(tmp_path_factory: pytest.TempPathFactory, log: Log) -> Path:
    """A folder with a filled SQLite store and its exported seals."""
    load_tables()
    folder = tmp_path_factory.mktemp("sealed")
    store = Store(f"sqlite:///{folder / 'store.db'}")
    store.create_all()
    fill(store, log, folder / "seals.jsonl")
    store.write(lambda c: answer_directly(Case(c, log, THIRD, AT, "counselor:7"), "已答复"))
    store.close()
    return folder


def rows(table: str, key: str) -> st.SearchStrategy[tuple[str, str, int]]:
    return st.tuples(st.just(table), st.just(key), st.integers(0, 99))


PLACES = st.one_of(
    rows("order_events", "order_no, seq"),
    rows("orders", "order_no"),
    rows("order_secrets", "order_no"),
    rows("order_notes", "order_no, seq"),
    rows("seals", "seal_no"),
)
VALUES = st.one_of(st.none(), st.integers(-5, 9), st.text(max_size=5), st.binary(max_size=40))


@settings(max_examples=60, deadline=None)
@given(place=PLACES, column=st.integers(0, 99), value=VALUES, delete=st.booleans())
def test_any_single_change(
    sealed_log: Path, log: Log, place: tuple[str, str, int], column: int, value: Any, delete: bool
) -> None:
    """A value replaced by another, or a row deleted, anywhere."""
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "store.db"
        shutil.copy(sealed_log / "store.db", copy)
        changed = tamper(copy, place, column, value, delete)
        store = Store(f"sqlite:///{copy}")
        found = verify(store, log.keys, sealed_log / "seals.jsonl")
        store.close()
    assert bool(found) == (changed is not None)
    if changed is not None and place[0] != "seals":
        assert changed in {each.order_no for each in found}


def tamper(
    file: Path, place: tuple[str, str, int], column: int, value: Any, delete: bool
) -> str | None:
    """Change one thing in an SQLite store; returns the key of its row, None if nothing changed."""
    table, key, number = place
    raw = sqlite3.connect(file, isolation_level=None)
    for (trigger,) in raw.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
        raw.execute(f"DROP TRIGGER {trigger}")
    keys = raw.execute(f"SELECT {key} FROM {table} ORDER BY {key}").fetchall()
    chosen = keys[number % len(keys)]
    where = " AND ".join(f"{name} = ?" for name in key.split(", "))
    before = raw.execute(f"SELECT * FROM {table}").fetchall()
    if delete:
        raw.execute(f"DELETE FROM {table} WHERE {where}", chosen)
    else:
        names = [row[1] for row in raw.execute(f"PRAGMA table_info({table})")]
        with contextlib.suppress(sqlite3.IntegrityError):
            raw.execute(
                f"UPDATE {table} SET {names[column % len(names)]} = ? WHERE {where}",
                (value, *chosen),
            )
    changed = raw.execute(f"SELECT * FROM {table}").fetchall() != before
    raw.close()
    return str(chosen[0]) if changed else None


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM order_notes WHERE name = 'reply'", "the note reply of event 7 was deleted"),
        (
            "UPDATE order_notes SET name = 'answer'",
            "the note answer of event 7 is not the one that was recorded",
        ),
        (
            (
                "UPDATE order_notes SET text = (SELECT summary FROM order_secrets"
                f" WHERE order_no = '{FIRST}')"
            ),
            "the note reply of event 7 is not the one that was recorded",
        ),
        (
            "UPDATE order_secrets SET wrapped_key = NULL",
            "notes of event 7 are there although they were deleted",
        ),
    ],
)
def test_tampering_with_notes_is_named(
    store: Store, log: Log, tmp_path: Path, statement: str, told: str
) -> None:
    fill(store, log, tmp_path / "seals.jsonl")
    store.write(lambda c: answer_directly(Case(c, log, FIRST, AT, "counselor:7"), "已答复"))
    assert verify(store, log.keys, tmp_path / "seals.jsonl") == []
    with pytest.raises(DatabaseError):
        store.write(lambda c: c.execute(text("UPDATE order_notes SET name = 'answer'")))
    unguarded(store, statement)
    assert f"{FIRST}: {told}" in map(str, verify(store, log.keys, tmp_path / "seals.jsonl"))
