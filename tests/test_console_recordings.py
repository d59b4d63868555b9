"""What was recorded of an order's talks: in order, for whom the table says, and each time
audited."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from console.audit import Action
from console.roles import ROLES, Orders, Role
from tests.console_world import GUANGZHOU, NOON, PEOPLE, WUHAN, World, account_of
from workorders.log import Entry

BOSS = account_of(Role.MANAGER, GUANGZHOU)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    folder = world.assembly.settings.recordings_directory
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for number, seconds in ((1, 2), (2, 3)):
        reference, at = f"vm-1.1-{number}", NOON + timedelta(minutes=number)
        with wave.open(str(folder / f"{reference}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(bytes(16_000 * seconds))
        began = (at - timedelta(seconds=seconds)).isoformat()
        told = {"recording": reference, "began_at": began, "seconds": seconds}
        entries.append(Entry("talk_recorded", at, "asterisk", told, {"recording_ref": reference}))
    order_no = world.orders["guangzhou"]
    log = world.assembly.log
    world.assembly.store.write(lambda c: log.append_all(c, order_no, entries))
    yield world
    world.close()


def test_each_is_heard_in_order_and_the_audit_has_it(world: World) -> None:
    browser, order_no = world.browser(BOSS), world.orders["guangzhou"]
    page = browser.get(f"/orders/{order_no}").text
    assert "第1段 · 12:00:58–12:01:00 · 2秒" in page
    assert "第2段 · 12:01:57–12:02:00 · 3秒" in page
    sounds = [browser.get(f"/orders/{order_no}/recordings/{number}") for number in (1, 2)]
    assert [len(sound.data) for sound in sounds] == [44 + 32_000, 44 + 48_000]
    assert browser.get(f"/orders/{order_no}/recordings/3").status_code == 404
    assert world.audited(Action.RECORDING_OPENED)[:2] == [
        (BOSS, "recording_opened", order_no, "1"), (BOSS, "recording_opened", order_no, "2"),
    ]  # fmt: skip
    assert "听了第2段录音" in browser.get(f"/orders/{order_no}").text


@pytest.mark.parametrize("role", PEOPLE)
def test_a_recording_is_for_whom_the_table_says(world: World, role: Role) -> None:
    order_no, may = world.orders["guangzhou"], ROLES[role]
    for station, theirs in ((GUANGZHOU, may.orders is Orders.STATION), (WUHAN, False)):
        browser = world.browser(account_of(role, station))
        answer = browser.get(f"/orders/{order_no}/recordings/1")
        assert answer.status_code == (403 if not may.listens else 200 if theirs else 404)
        # A talk is no message: nobody hears it by that way.
        assert browser.get(f"/orders/{order_no}/message").status_code in (403, 404)
