"""A browser that is gone is found so; whoever is silent, muted or back is never cut off."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asterisk.manager import ManagerException

from ivr import page_visits, sessions
from ivr.asterisk.ami import LiveChannel
from ivr.asterisk.page_callers import SILENT_FOR, PageCallers
from ivr.page_visits import AWAY_AFTER, Limits
from ivr.sessions import CallRow
from tests.console_world import NOON, World

CALL = "asterisk-7.1"
LOOK = timedelta(seconds=10)


class Line:
    """One call of the page on an Asterisk, and the browser at its other end."""

    def __init__(self, world: World) -> None:
        self.store, self.at = world.assembly.store, NOON
        self.packets, self.reached = 0, True
        self.hung_up: list[str] = []
        self.callers = PageCallers(self.store, self, "asterisk", lambda: self.at)  # type: ignore[arg-type]

        def begin(connection: Any) -> str:
            word = page_visits.begin(connection, b"p", b"s", None, NOON, Limits(at_once=9))
            assert word is not None
            page_visits.take(connection, word, CALL, NOON)
            order = world.orders["guangzhou"]
            sessions.insert(
                connection,
                CallRow(CALL, order, "asterisk", "x", "engine", 1, 1, "{}", "[]", NOON, None),
            )
            return word

        self.word = self.store.write(begin)

    def asked(self) -> None:
        """The page is asked about the browser's WebSocket, which is there."""
        self.store.write(lambda c: page_visits.opens(c, self.word, self.at))

    def passes(self, time: timedelta, *, sound: bool, socket: bool = False) -> None:
        until = self.at + time
        while self.at < until:
            self.at += LOOK
            self.packets += 500 if sound else 0
            if socket:
                self.asked()
            self.callers.look()

    # As Asterisk tells it.

    def channels(self) -> dict[str, LiveChannel]:
        if not self.reached:
            raise ManagerException("not connected")
        return {CALL: LiveChannel("PJSIP/caller-page-1", CALL, bridged=False, up=True)}

    def variable(self, channel: str, name: str) -> str:
        assert channel == "PJSIP/caller-page-1"
        return str(self.packets)

    def hang_up(self, channel: str) -> None:
        self.hung_up.append(channel)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    world = World(tmp_path)
    yield Line(world)
    world.close()


GONE = AWAY_AFTER + SILENT_FOR + 2 * LOOK


def test_without_websocket_and_sound_a_browser_is_gone(line: Line) -> None:
    line.asked()
    line.passes(AWAY_AFTER + SILENT_FOR - 2 * LOOK, sound=False)
    assert line.hung_up == []
    line.passes(4 * LOOK, sound=False)
    assert line.hung_up[0] == "PJSIP/caller-page-1"


@pytest.mark.parametrize(("sound", "socket"), [(True, False), (False, True), (True, True)])
def test_by_either_of_them_it_is_there(line: Line, sound: bool, socket: bool) -> None:
    line.asked()
    line.passes(3 * GONE, sound=sound, socket=socket)
    assert line.hung_up == []


def test_whoever_is_back_in_time_keeps_the_call(line: Line) -> None:
    line.asked()
    for _ in range(3):
        line.passes(AWAY_AFTER + SILENT_FOR - 2 * LOOK, sound=False)
        line.passes(LOOK, sound=True)
        line.passes(LOOK, sound=False, socket=True)
    assert line.hung_up == []


def test_what_is_not_known_cuts_nobody_off(line: Line) -> None:
    """Of a call without a WebSocket ever, of an Asterisk that tells nothing."""
    line.passes(GONE, sound=False)
    assert line.hung_up == []
    line.asked()
    line.reached = False
    line.passes(GONE, sound=False)
    assert line.hung_up == []
