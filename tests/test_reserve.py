"""What is left of a full disk is the spool's, not the store's."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from config.database import Store, StoreUnavailable
from config.reserve import PIECE, WHOLE, Reserve
from tests.small_disk import filled, small_disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path, megabytes=64) as place:
        yield place


@pytest.fixture
def store(disk: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{disk / 'store.db'}", Reserve(disk / "spool" / "reserve"))
    opened.write(lambda c: c.execute(text("CREATE TABLE said (what TEXT)")))
    yield opened
    opened.close()


def say(connection: Connection) -> None:
    # More than the log of a young database can take without growing.
    connection.execute(text("INSERT INTO said VALUES (:what)"), {"what": "x" * 100_000})


def free(disk: Path) -> int:
    return shutil.disk_usage(disk).free


def test_a_full_disk_leaves_room_that_the_store_does_not_eat(disk: Path, store: Store) -> None:
    with filled(disk):
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                store.write(say)
        assert free(disk) >= PIECE - 2**16
        (disk / "spool" / "report.json").write_bytes(bytes(1000))


def test_another_piece_is_freed_when_one_is_used_up(disk: Path, store: Store) -> None:
    with filled(disk):
        for number in range(WHOLE // PIECE):
            with pytest.raises(StoreUnavailable):
                store.write(say)
            (disk / "spool" / f"message{number}.wav").write_bytes(bytes(PIECE - 2**17))


def test_with_room_again_the_store_writes_and_the_reserve_is_whole(
    disk: Path, store: Store
) -> None:
    with filled(disk), pytest.raises(StoreUnavailable):
        store.write(say)
    store.write(say)
    assert (disk / "spool" / "reserve").stat().st_blocks * 512 >= WHOLE


def test_a_store_that_fails_for_other_reasons_frees_nothing(disk: Path, store: Store) -> None:
    other = Store(f"sqlite:///{disk / 'nowhere' / 'store.db'}", Reserve(disk / "spool/reserve"))
    with pytest.raises(StoreUnavailable):
        other.write(say)
    other.close()
    assert (disk / "spool" / "reserve").stat().st_size == WHOLE
