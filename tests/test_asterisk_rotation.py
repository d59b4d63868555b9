"""Browsers' passwords, replaced while Asterisk serves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivr.asterisk import rotation
from ivr.asterisk.browser_phones import browser_password, key_file
from ivr.asterisk.install import Installation, InstallFailed
from tests.console_world import World

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def rotate(world: World, program: str, conf: Path) -> None:
    """Tell an Asterisk in whose place `program` is."""
    there = Installation((program,), Path("/modules"), Path("/documentation"))
    rotation.rotate(world.assembly, there, conf, callers=False)


def test_a_new_password_stands_in_asterisks_configuration(world: World, tmp_path: Path) -> None:
    settings, conf = world.assembly.settings, tmp_path / "etc"
    before = browser_password(settings, "8001")
    rotate(world, "true", conf)
    after = browser_password(settings, "8001")
    text = (conf / "accounts.conf").read_text("utf-8")
    assert after != before
    assert after in text
    assert before not in text


def test_where_asterisk_cannot_be_told_the_old_one_holds(world: World, tmp_path: Path) -> None:
    settings, conf = world.assembly.settings, tmp_path / "etc"
    before = browser_password(settings, "8001")
    with pytest.raises(InstallFailed):
        rotate(world, "false", conf)
    assert browser_password(settings, "8001") == before
    assert before in (conf / "accounts.conf").read_text("utf-8")


def test_it_is_time_twice_a_day(world: World) -> None:
    settings = world.assembly.settings
    assert not rotation.due(settings, datetime.now(UTC))
    made = NOW.timestamp()
    os.utime(key_file(settings), (made, made))
    assert not rotation.due(settings, NOW + rotation.EVERY - timedelta(minutes=1))
    assert rotation.due(settings, NOW + rotation.EVERY)
