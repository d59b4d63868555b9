"""What must be seen to at once: danger that drops, messages, the crisis button, silent calls."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, true

from agents import presence
from callflows.events import DialResult, DigitsCollected, NoInput
from callflows.verbs import Gather, Record
from config.database import Store
from config.settings import CONFIG, Settings
from ivr.assembly import Assembly
from ivr.pending import OfferedCall, Pending
from tests.order_life import MONDAY, Desk
from workorders import alarms, closing, reports, risk
from workorders.life import Case, NotPossible
from workorders.log import Log
from workorders.order import Row
from workorders.views import View, order_view

BEGAN = datetime(2026, 6, 7, 13, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class House:
    """One engine's calls, without a telephone."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(data_directory=folder, sister_lines_directory=CONFIG / "demo")
        self.assembly = Assembly.open(settings)
        self.assembly.import_roster(BEGAN)
        self.engine = self.assembly.controller("one", lambda woken: None)

    def logs_in(self, who: str) -> None:
        self.engine.counselors_changed(lambda c: presence.log_in(c, who, BEGAN), BEGAN)

    def call(self) -> Pending:
        call = OfferedCall("a", "asterisk", "PJSIP/x", "020-12355", "13570001234")
        return self.engine.offered(call, BEGAN)

    def crisis(self) -> Pending:
        pending = self.call()
        return self.engine.advanced("a", pending.turn, DigitsCollected(BEGAN, "*"))

    def order(self, order_no: str) -> View:
        keys = self.assembly.log.keys
        return self.assembly.store.read(lambda c: order_view(c, keys, order_no))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.assembly.store.close()


@pytest.fixture
def desk(store: Store, log: Log) -> Desk:
    return Desk(store, log)


def raised(view: View) -> dict[str, datetime]:
    return {each["kind"]: datetime.fromisoformat(each["due"]) for each in view["alarms"] or ()}


def row(desk: Desk) -> Row:
    return desk.store.read(lambda c: Case(c, desk.log, desk.order_no, MONDAY, "", to_read=True).row)


def test_danger_that_drops_is_a_supervisors_at_once(house: House) -> None:
    pending = house.crisis()
    house.engine.hung_up("a", BEGAN + MINUTE)
    order = house.order(pending.order_no)
    assert raised(order) == {"dropped_crisis": BEGAN + 6 * MINUTE}
    assert order["risk"] == "RX"
    assert order["events"][-1]["kind"] == "crisis_dropped"


@pytest.mark.parametrize("safe", [False, True])
def test_danger_that_ends_in_the_talk_has_dropped_unless_it_was_safe_to_end(
    house: House, safe: bool
) -> None:
    house.logs_in("gz-lin")
    pending = house.crisis()
    house.engine.answered_by("a", "gz-lin", BEGAN)
    if safe:
        log = house.assembly.log
        house.assembly.store.write(
            lambda c: alarms.safe_to_end(Case(c, log, pending.order_no, BEGAN, "counselor:gz-lin"))
        )
    house.engine.hung_up("a", BEGAN + MINUTE, DialResult.ANSWERED, pending.verbs_turn, 60)
    order = house.order(pending.order_no)
    assert order["first_responder"] == "counselor:gz-lin"
    assert raised(order).keys() == (set() if safe else {"dropped_crisis"})


def test_danger_that_only_the_last_resort_served_is_one_too(house: House) -> None:
    call = OfferedCall("a", "asterisk", "PJSIP/x", "020-12355", None)
    house.engine.served_without_us(call, BEGAN, DialResult.NO_ANSWER, [], crisis=True)
    view = house.assembly.store.read(lambda c: alarms.waiting(c, true()))
    assert [each["kind"] for row in view for each in row["alarms"]] == ["dropped_crisis"]


def test_a_call_without_danger_that_drops_is_none(house: House) -> None:
    pending = house.call()
    house.engine.hung_up("a", BEGAN + MINUTE)
    assert raised(house.order(pending.order_no)) == {}


@pytest.mark.parametrize(("staffed", "within"), [(True, 30 * MINUTE), (False, 12 * HOUR)])
def test_a_message_is_to_be_heard_sooner_while_somebody_is_there(
    house: House, staffed: bool, within: timedelta
) -> None:
    if staffed:
        house.logs_in("gz-lin")

        def pause(connection: Connection) -> None:
            presence.pause(connection, "gz-lin", "meal", BEGAN)

        house.engine.counselors_changed(pause, BEGAN)
    pending, heard = house.call(), BEGAN + MINUTE
    while not isinstance(pending.verbs[-1], Record):
        asked: Any = pending.verbs[-1]
        event = DigitsCollected(heard, "9") if isinstance(asked, Gather) else NoInput(heard)
        pending = house.engine.advanced("a", pending.turn, event)
    recordings = house.assembly.settings.recordings_directory
    recordings.mkdir()
    (recordings / f"a-{pending.verbs_turn}.wav").write_bytes(bytes(44 + 64_000))
    house.engine.hung_up("a", heard)
    assert raised(house.order(pending.order_no)) == {"message": heard + within}


def test_the_crisis_button_keeps_the_recording_and_calls_the_supervisor(desk: Desk) -> None:
    desk.does(alarms.press, "体育西路")
    assert raised(desk.view) == {"supervisor_comes": MONDAY + MINUTE}
    assert desk.view["recording_held"]
    desk.does(alarms.press, "体育西路3号")
    assert len(desk.view["alarms"]) == 1
    desk.does(alarms.take, "supervisor_comes", by="account:boss")
    assert desk.view["alarms"] is None
    assert "supervisor_comes" not in desk.waits_for()
    with pytest.raises(NotPossible, match="supervisor_comes is over"):
        desk.does(alarms.take, "supervisor_comes", by="account:other")


def test_one_colleague_reports_while_the_counselor_talks_on(desk: Desk) -> None:
    with pytest.raises(NotPossible, match="the address"):
        desk.does(alarms.ask_colleague, " ")
    desk.does(alarms.ask_colleague, "体育西路3号")
    desk.does(alarms.take, "colleague_reports", by="counselor:2")
    with pytest.raises(NotPossible, match="counselor:2 has taken it"):
        desk.does(alarms.take, "colleague_reports", by="counselor:3")
    assert "colleague_reports" in desk.waits_for(), "taken isn't done"
    desk.does(reports.report, "公安", "电话", MONDAY, "李警官", by="counselor:2")
    desk.does(alarms.colleague_reported, by="counselor:2")
    assert desk.view["alarms"] is None
    assert "colleague_reports" not in desk.waits_for()


def test_a_silent_call_is_never_shown_as_low(desk: Desk) -> None:
    assert not alarms.may_close_silent(row(desk), MONDAY + 2 * MINUTE)
    assert alarms.may_close_silent(row(desk), MONDAY + 3 * MINUTE)
    desk.does(alarms.class_silent)
    assert (desk.view["risk"], desk.view["cause_main"]) == ("RX", "N1")
    assert desk.waits_for() == {"review": MONDAY + HOUR}


def test_an_order_with_an_alarm_is_not_closed(desk: Desk) -> None:
    desk.does(risk.assess, "R1")
    desk.does(alarms.press)
    assert "supervisor_comes is still waited for" in desk.lacks(MONDAY)
    with pytest.raises(NotPossible):
        desk.does(closing.close)
