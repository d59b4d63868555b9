"""What the number alone tells of a caller: causes of priority, possible earlier contacts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Connection, update
from sqlalchemy.exc import DBAPIError

from agents import presence
from callflows.events import DialEnded, DialResult, DigitsCollected
from callflows.verbs import Dial
from config.database import Store
from config.settings import CONFIG, Settings
from ivr.assembly import Assembly
from ivr.callers_command_line import callers as callers_commands
from ivr.pending import OfferedCall, Pending
from tests.orders import open_order
from workorders import number_flags
from workorders.callers import NOTHING, known
from workorders.command_line import workorders
from workorders.life import Case
from workorders.log import Log
from workorders.number_flags import Kind
from workorders.personal import caller_hash
from workorders.risk import assess
from workorders.verify import verify
from workorders.views import View, order_view

NOON = datetime(2026, 6, 8, 4, 0, tzinfo=UTC)
NUMBER = "+8613570001234"


class Numbers:
    """Earlier orders and supervisors' words, in a store of either kind."""

    def __init__(self, store: Store, log: Log) -> None:
        self.store = store
        self.log = log
        self.hash = caller_hash(log.keys, NUMBER)

    def order(
        self, hour: int, risk: str | None = None, by: str | None = None, caller: str = NUMBER,
        ended: bool = True, **form: Any,
    ) -> str:  # fmt: skip
        """An order of `hour` o'clock, answered by somebody, assessed and filled in."""
        at = NOON + timedelta(hours=hour)

        def work(connection: Connection) -> str:
            order_no = open_order(
                self.log, connection, call_id=f"call {hour}", at=at, channel="asterisk",
                access_number="020-12355", caller_id=caller, id_trust="original",
                fields={"station_home": "440100"},
            )  # fmt: skip
            if by is not None:
                self.log.append(connection, order_no, "answered", at, f"counselor:{by}", {})
            if ended:
                self.log.close(connection, order_no, at, "answered", "caller")
            if risk is not None:
                assess(Case(connection, self.log, order_no, at, "counselor:gz-chen"), risk)
            if form:
                self.log.fill_in(connection, order_no, at, "counselor:gz-chen", form)
            return order_no

        return self.store.write(work)

    def say(self, kind: Kind, hours: float = 2) -> number_flags.Flag:
        until = NOON + timedelta(hours=hours)
        return self.store.write(
            lambda c: number_flags.say(c, self.hash, kind, NOON, until, "gd-liang", "why")
        )

    def known(self, hours: float = 1):
        return self.store.read(lambda c: known(c, self.hash, NOON + timedelta(hours=hours)))


@pytest.fixture
def numbers(store: Store, log: Log) -> Numbers:
    return Numbers(store, log)


def test_nothing_is_known_of_a_new_number(numbers: Numbers) -> None:
    numbers.order(-5, risk="R4", by="gz-chen", caller="+8613800138000")
    assert numbers.known() == NOTHING


@pytest.mark.parametrize(
    ("risk", "cause"),
    [("R4", "open_order_at_risk"), ("R3", "open_order_at_risk"), ("R2", None), ("RX", None)],
)
def test_an_open_order_raises_at_risk_alone(numbers: Numbers, risk: str, cause: str | None) -> None:
    order_no = numbers.order(-5, risk=risk)
    assert numbers.known().cause == cause
    assert numbers.known().orders == (order_no,)


def test_a_call_that_goes_on_is_somebody_elses_at_the_same_line(numbers: Numbers) -> None:
    numbers.order(-1, risk="R4", by="gz-chen", ended=False)
    assert numbers.known() == NOTHING


def test_a_closed_order_tells_nothing(numbers: Numbers) -> None:
    order_no = numbers.order(-5, risk="R3", by="gz-chen")
    for kind in ("answered_directly", "closed"):
        numbers.store.write(
            lambda c, k=kind: numbers.log.append(c, order_no, k, NOON, "counselor:gz-chen", {})
        )
    assert numbers.known() == NOTHING


def test_a_forgotten_order_tells_nothing(numbers: Numbers) -> None:
    order_no = numbers.order(-5, risk="R4", by="gz-chen")
    numbers.store.write(lambda c: numbers.log.forget(c, order_no, NOON, "admin", "asked"))
    assert numbers.known() == NOTHING


def test_the_handler_is_whoever_has_the_order_at_risk_else_the_newest(numbers: Numbers) -> None:
    older = numbers.order(-9, by="gz-chen")
    newer = numbers.order(-8, by="gz-huang")
    unanswered = numbers.order(-7)
    assert numbers.known().handler == "gz-huang"
    assert numbers.known().orders == (unanswered, newer, older)
    at_risk = numbers.order(-30, risk="R3", by="gz-wu")
    assert numbers.known().handler == "gz-wu"
    assert numbers.known().orders[0] == at_risk


def test_an_order_at_risk_is_found_behind_any_number_of_others(numbers: Numbers) -> None:
    at_risk = numbers.order(-99, risk="R4")
    for hour in range(8):
        numbers.order(-hour)
    assert numbers.known().orders[0] == at_risk
    assert len(numbers.known().orders) == 5


def test_harassment_is_passed_to_nobody_in_particular(numbers: Numbers) -> None:
    numbers.order(-9, by="gz-chen")
    numbers.order(-8, by="gz-huang", cause_main="N2")
    assert numbers.known().handler is None


@pytest.mark.parametrize(
    ("kinds", "at_risk", "cause", "handler"),
    [
        ([], False, None, "gz-chen"),
        ([Kind.RAISED], False, "supervisor", "gz-chen"),
        ([Kind.RAISED], True, "supervisor", "gz-chen"),
        ([Kind.SLOWED], False, "harassment", None),
        ([Kind.SLOWED], True, "open_order_at_risk", None),
        ([Kind.SLOWED, Kind.RAISED], False, "supervisor", None),
        ([Kind.SHARED], True, None, None),
        ([Kind.SHARED, Kind.RAISED], True, "supervisor", None),
    ],
)
def test_a_supervisors_word(
    numbers: Numbers, kinds: list[Kind], at_risk: bool, cause: str | None, handler: str | None
) -> None:
    numbers.order(-5, risk="R3" if at_risk else None, by="gz-chen")
    for kind in kinds:
        numbers.say(kind)
    found = numbers.known()
    assert (found.cause, found.handler) == (cause, handler)
    assert bool(found.orders) == (Kind.SHARED not in kinds)
    assert numbers.known(hours=2).cause == ("open_order_at_risk" if at_risk else None)


def test_the_latest_word_holds_until_it_is_lifted(numbers: Numbers) -> None:
    numbers.say(Kind.RAISED, hours=1)
    numbers.say(Kind.RAISED, hours=9)
    assert numbers.known(hours=5).cause == "supervisor"
    lifted = NOON + timedelta(hours=3)
    numbers.store.write(
        lambda c: number_flags.lift(c, numbers.hash, Kind.RAISED, lifted, "gd-liang", "well again")
    )
    assert numbers.known(hours=5).cause is None
    said = numbers.store.read(lambda c: list(number_flags.history(c, numbers.hash)))
    assert [word.reason for word in said] == ["why", "why", "well again"]


def test_a_word_is_never_changed(numbers: Numbers) -> None:
    numbers.say(Kind.RAISED)
    with pytest.raises(DBAPIError, match="refuses this change"):
        numbers.store.write(
            lambda c: c.execute(update(number_flags.number_flags).values(said_by="somebody"))
        )


def test_a_risk_assessed_is_in_the_chain_and_in_the_row(numbers: Numbers) -> None:
    order_no = numbers.order(-1, risk="R3")
    view = numbers.store.read(lambda c: order_view(c, numbers.log.keys, order_no))
    assert (view["risk"], view["risk_by"]) == ("R3", "counselor:gz-chen")
    assert view["risk_at"].startswith("2026-06-08T11:00:00")
    assert view["events"][-1]["kind"] == "risk_assessed"
    with pytest.raises(ValueError, match="risk: 'R9' is not one of"):
        numbers.store.write(lambda c: assess(Case(c, numbers.log, order_no, NOON, "x"), "R9"))


# A call through the controller.


class House:
    def __init__(self, folder: Path, **more: Any) -> None:
        settings = Settings(data_directory=folder, sister_lines_directory=CONFIG / "demo", **more)
        self.assembly = Assembly.open(settings)
        self.assembly.import_roster(NOON)
        self.store, self.log = self.assembly.store, self.assembly.log
        self.engine = self.assembly.controller("one", lambda woken: None)

    def offered(self, call_id: str, seconds: int, caller: str = "13570001234") -> Pending:
        call = OfferedCall(call_id, "asterisk", "PJSIP/x", "020-12355", caller)
        return self.engine.offered(call, at(seconds))

    def pressed(self, pending: Pending, key: str, seconds: int) -> Pending:
        return self.engine.advanced(
            pending.call_id, pending.turn, DigitsCollected(at(seconds), key)
        )

    def log_in(self, *who: str, seconds: float = 0) -> None:
        def work(connection: Connection) -> None:
            for counselor in who:
                presence.log_in(connection, counselor, at(seconds))

        self.engine.counselors_changed(work, at(seconds))

    def order(self, order_no: str) -> View:
        return self.store.read(lambda c: order_view(c, self.log.keys, order_no))

    def command(self, group: Any, *words: str) -> Result:
        return CliRunner().invoke(group, words, obj=self.assembly)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    assert verify(house.store, house.log.keys, house.assembly.settings.seal_file) == []
    house.store.close()


def history(order: View) -> list[tuple[int, str]]:
    return [(change["priority"], change["cause"]) for change in order["priority_history"]]


def test_the_history_names_each_cause(house: House) -> None:
    house.log_in("gz-chen")
    first = house.pressed(house.offered("a", 0), "1", 1)
    assert history(house.order(first.order_no)) == []
    house.engine.hung_up("a", at(2))
    told = house.command(workorders, "assess", first.order_no, "--risk", "R3", "--by", "gz-chen")
    assert told.output == f"{first.order_no}: R3\n"

    second = house.offered("b", 10)
    kinds = [event["kind"] for event in house.order(second.order_no)["events"]]
    assert kinds == ["offered", "possible_earlier_contact", "priority_raised"]
    silent = house.pressed(second, "5", 11)
    house.engine.advanced("b", silent.turn, DialEnded(at(12), DialResult.NO_ANSWER))
    star = house.engine.standing("b")
    assert star is not None
    house.pressed(star, "*", 13)
    order = house.order(second.order_no)
    assert history(order) == [(2, "open_order_at_risk"), (3, "key_5"), (4, "star")]
    matched = order["events"][1]["data"]
    assert matched == {"orders": [first.order_no]}
    assert order["events"][2]["data"]["orders"] == [first.order_no]


def test_another_number_is_no_earlier_contact(house: House) -> None:
    house.offered("a", 0)
    other = house.offered("b", 2, caller="13800138000")
    withheld = house.offered("c", 3, caller="")
    line = house.offered("d", 4, caller="12345")
    for pending in (other, withheld, line):
        kinds = [event["kind"] for event in house.order(pending.order_no)["events"]]
        assert kinds == ["offered"]


def soon(**more: float) -> str:
    return (datetime.now(UTC) + timedelta(**more)).isoformat()


def test_a_number_is_slowed_and_its_star_counts(house: House) -> None:
    said = house.command(
        callers_commands, "flag", "13570001234", "--kind", "slowed", "--until", soon(hours=23),
        "--reason", "obscene calls", "--by", "gd-liang",
    )  # fmt: skip
    assert said.output.startswith("135****1234 is slowed until ")
    now = datetime.now(UTC)
    call = OfferedCall("a", "asterisk", "PJSIP/x", "020-12355", "13570001234")
    pending = house.engine.offered(call, now)
    assert history(house.order(pending.order_no)) == [(0, "harassment")]
    house.engine.advanced("a", pending.turn, DigitsCollected(now, "*"))
    assert history(house.order(pending.order_no)) == [(0, "harassment"), (4, "star")]

    shown = house.command(callers_commands, "flags", "13570001234").output
    assert "slowed" in shown
    assert "gd-liang: obscene calls" in shown
    assert "13570001234" not in shown
    lifted = ["13570001234", "--kind", "slowed", "--reason", "over", "--by", "gd-liang"]
    told = house.command(callers_commands, "lift", *lifted).output
    assert told.startswith("135****1234 is no longer slowed")
    again = house.command(callers_commands, "lift", *lifted)
    assert again.output == "Error: this number isn't slowed now\n"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"number": "12345"}, "'12345' is no caller's own number: write +8613800138000"),
        ({"kind": "blocked"}, "'blocked' is not one of 'raised', 'slowed', 'shared'"),
        ({"until": "2020-01-01"}, "a word about a number ends in the future"),
        ({"until": soon(hours=25)}, "a number is slowed for 24 hours at most"),
        ({"reason": " "}, "a word about a number needs a reason"),
        ({"by": "gz-chen"}, "--by gz-chen: no supervisor of the roster"),
        ({"by": "nobody"}, "--by nobody: no supervisor of the roster"),
    ],
)
def test_a_wrong_word_is_one_line(house: House, changed: dict[str, str], told: str) -> None:
    said = {
        "number": "13570001234", "kind": "slowed", "until": soon(hours=1), "reason": "why",
        "by": "gd-liang", **changed,
    }  # fmt: skip
    number = said.pop("number")
    options = [word for name, value in said.items() for word in (f"--{name}", value)]
    result = house.command(callers_commands, "flag", number, *options)
    assert result.exit_code != 0
    assert told in result.output.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["20260608-000009", "--risk", "R3", "--by", "gz-chen"], "there is no order 2026"),
        (["{}", "--risk", "R5", "--by", "gz-chen"], "risk: 'R5' is not one of R4 R3 R2 R1 RX"),
        (["{}", "--risk", "R3", "--by", "nobody"], "--by nobody: nobody of the roster"),
    ],
)
def test_a_wrong_assessment_is_one_line(house: House, words: list[str], told: str) -> None:
    order_no = house.offered("a", 0).order_no
    result = house.command(workorders, "assess", *(word.format(order_no) for word in words))
    assert result.exit_code == 1
    assert told in result.output


def test_the_star_rings_a_supervisor_too(house: House) -> None:
    house.log_in("gz-chen", "gd-liang")
    ringing = house.pressed(house.offered("a", 0), "*", 1)
    assert isinstance(ringing.verbs[-1], Dial)
    rung = house.order(ringing.order_no)["offers"][0]["counselors"]
    assert set(rung) >= {"gz-chen", "gd-liang"}


def test_a_returning_caller_is_offered_to_the_handler_of_the_open_order(house: House) -> None:
    house.log_in("gz-huang")
    ringing = house.pressed(house.offered("a", 0), "2", 1)
    house.engine.answered_by("a", "gz-huang", at(2))
    house.engine.advanced("a", ringing.turn, DialEnded(at(60), DialResult.ANSWERED, "gz-huang", 58))
    house.engine.hung_up("a", at(61))
    assert house.order(ringing.order_no)["handler"] == "counselor:gz-huang"
    house.log_in("gz-lin")
    house.log_in("gz-huang", seconds=90)

    again = house.pressed(house.offered("b", 100), "2", 101)
    offer = house.order(again.order_no)["offers"][0]
    assert offer["counselors"] == ["gz-huang"]
    assert offer["reason"] == "home, handles an open order of this number"
    house.engine.hung_up("b", at(102))

    star = house.pressed(house.offered("c", 110), "*", 111)
    rung = house.order(star.order_no)["offers"][0]
    assert set(rung["counselors"]) >= {"gz-lin", "gz-huang"}


def test_not_where_the_caller_asked_for_somebody_else(tmp_path: Path) -> None:
    flows = shutil.copytree(CONFIG.parent / "callflows" / "library", tmp_path / "flows")
    text = (flows / "12355.yaml").read_text(encoding="utf-8")
    asked = text.replace("{topic: psychology}", "{topic: psychology, counselor: anybody}")
    (flows / "12355.yaml").write_text(asked, encoding="utf-8")
    house = House(tmp_path, flows_directory=flows)
    house.log_in("gz-huang")
    ringing = house.pressed(house.offered("a", 0), "2", 1)
    house.engine.answered_by("a", "gz-huang", at(2))
    house.engine.hung_up("a", at(3), DialResult.ANSWERED, ringing.verbs_turn, 1)
    house.log_in("gz-lin")
    house.log_in("gz-huang", seconds=4)
    again = house.pressed(house.offered("b", 5), "2", 6)
    assert house.order(ringing.order_no)["handler"] == "counselor:gz-huang"
    assert house.order(again.order_no)["offers"][0]["counselors"] == ["gz-lin"]
    house.store.close()


def test_a_stations_own_number_is_nobodys_earlier_contact(tmp_path: Path) -> None:
    """A line that passes calls on may show its own number, whoever calls."""
    stations = tmp_path / "stations"
    stations.mkdir()
    for name in ("regions.yaml", "stations.yaml", "topics.yaml"):
        shutil.copy(CONFIG / name, stations / name)
    file = stations / "stations.yaml"
    trunk = '  "440100": {access_numbers: ["020-83330000"]}\n  "110000": {'
    file.write_text(file.read_text(encoding="utf-8").replace('  "110000": {', trunk, 1), "utf-8")
    house = House(tmp_path / "data", stations_directory=stations)
    for call_id in ("a", "b"):
        pending = house.offered(call_id, 0, caller="02083330000")
        house.engine.hung_up(call_id, at(1))
        kinds = [event["kind"] for event in house.order(pending.order_no)["events"]]
        assert kinds == ["offered", "ended"]
    house.store.close()


def test_two_persons_lower_the_highest_risk(house: House) -> None:
    order_no = house.offered("a", 0).order_no

    def says(risk: str, by: str) -> str:
        return house.command(workorders, "assess", order_no, "--risk", risk, "--by", by).output

    assert says("R4", "gz-chen") == f"{order_no}: R4\n"
    assert says("R2", "gz-chen") == f"{order_no}: R2 once a second person says so\n"
    assert house.order(order_no)["risk"] == "R4"
    assert says("R2", "gd-liang") == f"{order_no}: R2\n"
    assert house.order(order_no)["risk"] == "R2"
