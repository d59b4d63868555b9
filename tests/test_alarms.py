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
from ivr import heard_keys
from ivr.assembly import Assembly
from ivr.pending import OfferedCall, Pending
from tests.order_life import MONDAY, Desk
from workorders import (
    alarms,
    closing,
    contact_plans,
    earlier_contact,
    harassment,
    number_flags,
    reports,
    risk,
)
from workorders.life import Case, NotPossible
from workorders.log import Log
from workorders.number_flags import Kind
from workorders.personal import caller_hash
from workorders.views import View, order_view

BEGAN = datetime(2026, 6, 7, 13, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


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


def slowed(desk: Desk, at: datetime) -> bool:
    number = caller_hash(desk.log.keys, "+8613570001234")
    return desk.store.read(lambda c: Kind.SLOWED in number_flags.in_force(c, number, at))


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


def test_keys_in_the_talk_are_shown_while_it_lasts_and_kept_nowhere(house: House) -> None:
    house.logs_in("gz-lin")
    pending, store = house.crisis(), house.assembly.store
    press = [0, 10, 11]

    def hear() -> None:
        for seconds in press:
            at = BEGAN + timedelta(seconds=seconds)
            store.write(lambda c, at=at: heard_keys.hear(c, "a", "5", at))  # type: ignore[misc]

    hear()
    assert store.read(lambda c: heard_keys.pressed(c, "a")) == [], "a menu's keys are no answers"
    house.engine.answered_by("a", "gz-lin", BEGAN)
    hear()
    shown = store.read(lambda c: heard_keys.pressed(c, "a"))
    assert [each.times for each in shown] == [1, 2], "yes, then no"
    house.engine.hung_up("a", BEGAN + MINUTE, DialResult.ANSWERED, pending.verbs_turn, 60)
    assert store.read(lambda c: heard_keys.pressed(c, "a")) == []
    assert '"5"' not in str(house.order(pending.order_no)["events"])


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
    with pytest.raises(NotPossible, match="3 minutes"):
        desk.does(alarms.end_silent, after=2 * MINUTE)
    desk.does(alarms.end_silent, after=3 * MINUTE)
    view = desk.view
    assert (view["risk"], view["cause_main"], view["outcomes"]) == ("RX", "N1", ["非咨询"])
    assert "review is still waited for" in desk.lacks(MONDAY + 4 * MINUTE)


def test_harassment_ends_with_a_warning_and_nothing_else(desk: Desk) -> None:
    desk.does(harassment.end_with_warning)
    view = desk.view
    assert (view["state"], view["cause_main"]) == ("closed", "N2")
    assert slowed(desk, MONDAY + MINUTE) is False


def test_a_number_is_slowed_when_a_supervisor_approves_it(desk: Desk) -> None:
    desk.does(harassment.end_with_warning, "一天打来二十次")
    assert raised(desk.view) == {"slowing": MONDAY + 30 * MINUTE}
    with pytest.raises(NotPossible, match="another person"):
        desk.does(harassment.decide_slowing, approved=True, reason="骚扰")
    assert not slowed(desk, MONDAY + MINUTE)
    desk.does(harassment.decide_slowing, approved=True, reason="骚扰", by="counselor:2")
    assert desk.view["state"] == "closed"
    assert slowed(desk, MONDAY + 23 * HOUR)
    assert not slowed(desk, MONDAY + 24 * HOUR)


def test_a_number_that_a_supervisor_does_not_slow(desk: Desk) -> None:
    desk.does(harassment.end_with_warning, "一天打来二十次")
    desk.does(harassment.decide_slowing, approved=False, reason="不够频繁", by="counselor:2")
    assert desk.view["state"] == "closed"
    assert not slowed(desk, MONDAY + MINUTE)


def test_earlier_contact_opens_once_identity_is_checked(desk: Desk) -> None:
    with pytest.raises(NotPossible, match="no earlier contact"):
        desk.does(earlier_contact.check, "说出了上次约定的暗语")
    earlier = {"orders": ["20261122-000001"]}
    desk.store.write(
        lambda c: desk.log.append(
            c, desk.order_no, "possible_earlier_contact", MONDAY, "system", earlier
        )
    )
    assert not desk.store.read(lambda c: earlier_contact.checked(c, desk.order_no))
    desk.does(earlier_contact.check, "说出了上次约定的暗语")
    assert desk.store.read(lambda c: earlier_contact.checked(c, desk.order_no))
    assert desk.store.read(lambda c: earlier_contact.named(c, desk.order_no)) == (
        "20261122-000001",
    )


def test_a_contact_plan_is_of_the_number_until_its_review(desk: Desk) -> None:
    keys, review = desk.log.keys, MONDAY + 30 * DAY

    def written(connection: Connection) -> None:
        contact_plans.write(
            connection, keys, desk.order_no, "每次先问是否安全", "", review, "440100",
            "counselor:1", MONDAY,
        )  # fmt: skip

    desk.store.write(written)
    again = Desk(desk.store, desk.log, "again")
    plan = desk.store.read(lambda c: contact_plans.plan_for(c, keys, again.order_no, MONDAY))
    assert plan is not None
    assert plan.text == "每次先问是否安全"
    assert again.view["priority"] is None, "it says nothing of how urgent a call is"
    to_review = desk.store.read(lambda c: contact_plans.to_review(c, "440100", review))
    assert to_review == [(desk.order_no, review)]
    assert desk.store.read(lambda c: contact_plans.to_review(c, "440100", MONDAY)) == []


def test_an_order_with_an_alarm_is_not_closed(desk: Desk) -> None:
    desk.does(risk.assess, "R1")
    desk.does(alarms.press)
    assert "supervisor_comes is still waited for" in desk.lacks(MONDAY)
    with pytest.raises(NotPossible):
        desk.does(closing.close)
