"""Every way a call can end, by real calls: SIPp dials, Asterisk asks the engine, SIPp answers."""

from __future__ import annotations

import array
import signal
import wave
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents import roster
from callflows.data_dips import Priority
from ivr.asterisk.deployment import sister_line_secret
from tests.e2e.line import GUANGZHOU, WUHAN, Deployment
from tests.e2e.scenarios import Behaviour
from tests.e2e.short_flow import write_stations
from tests.e2e.sipp import Phone
from workorders.views import View, orders_of

pytestmark = pytest.mark.e2e

LAW = (1.0, "1")
PSYCHOLOGY = (1.0, "2")
WITHHELD = "P-Asserted-Identity: <sip:13570000099@127.0.0.1>\nPrivacy: id\n"
"""The network knows the number, and says that it is not to be told."""
SHORT_TALK = 4
"""Seconds; nobody is asked how a shorter one was."""
TIMES = ("t_offer", "t_queue", "t_ring", "t_answer", "t_end")


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    stations = write_stations(tmp_path_factory.mktemp("configuration") / "stations", SHORT_TALK)
    deployment = Deployment(tmp_path_factory.mktemp("l"), stations_directory=stations)
    deployment.start()
    yield deployment
    deployment.stop()


@pytest.fixture(autouse=True)
def sound_log(line: Deployment) -> Iterator[None]:
    """Whatever a call was, its order's chain holds."""
    yield
    assert line.log_verifies() == []


def ended(line: Deployment, caller: str, outcome: str, by: str | None, topic: str) -> View:
    """The caller's order once it is over, with what every order must have."""
    order = line.order_of(caller)
    assert (order["outcome"], order["hung_up_by"], order["topic"]) == (outcome, by, topic)
    assert order["handler"]
    times = [order[name] for name in TIMES if order[name] is not None]
    assert times == sorted(times)
    assert order["t_offer"]
    assert order["t_end"]
    return order


@contextmanager
def sister_line(line: Deployment, number: str, **behaviour: object) -> Iterator[Phone]:
    """The telephone of one of the demonstration's sister lines."""
    secret = sister_line_secret(line.settings)
    how = Behaviour(**behaviour)  # type: ignore[arg-type]
    with line.phones.counselor(f"sip-{number}", secret, how) as phone:
        yield phone
    line.phones.log_in(f"sip-{number}", secret, phone.address, phone.port, 0)


@dataclass
class Silent:
    """Callers who press nothing: one, one who also withholds the number, and a wrong number.
    They take long, so they wait in Wuhan while Guangzhou is busy with the other tests."""

    calls: list[Phone]
    desks: ExitStack


@pytest.fixture(scope="module", autouse=True)
def silent(line: Deployment) -> Iterator[Silent]:
    with ExitStack() as desks:
        for number in ("8201", "8202"):
            desks.enter_context(line.desk(number, talks=2.0))
        calls = [
            line.phones.start_call(WUHAN, "13570000003"),
            line.phones.start_call(WUHAN, None, extra_headers=WITHHELD),
            line.phones.start_call(WUHAN, "13570000004", dialled="02788888888"),
        ]
        yield Silent(calls, desks)


@pytest.fixture
def no_duty_phone(line: Deployment) -> Iterator[None]:
    """Nobody at all is on duty, not even the duty phone."""

    def everybody() -> list[roster.Counselor]:
        return line.store(roster.everybody)

    duty = next(person for person in everybody() if person.role is roster.Role.DUTY_PHONE)
    line.rooms.store.write(lambda connection: roster.remove(connection, duty.id, datetime.now(UTC)))
    yield
    line.rooms.store.write(lambda connection: roster.add(connection, duty, datetime.now(UTC)))


def test_a_caller_presses_a_key_and_talks_with_a_counselor(line: Deployment) -> None:
    """Two at once: one counselor hangs up, and the caller says by a key how it was; the other's
    caller hangs up, and nobody is asked."""
    with line.desk("8002", talks=SHORT_TALK + 2.0) as law, line.desk("8001") as psychology:
        calls = [
            line.phones.start_call(GUANGZHOU, "13570000001", keys=[LAW, (20.0, "3")]),
            line.phones.start_call(GUANGZHOU, "13570000002", keys=[PSYCHOLOGY], talks=7.5),
        ]
        assert [line.phones.result(call).ended_by for call in calls] == ["line", "caller"]
        psychology.wait_for("other_hung_up")
        assert law.count("hung_up") == 1
        assert min(phone.heard for phone in (*calls, law, psychology)) > 50
        order = ended(line, "+8613570000001", "answered", "counselor", "law")
        assert order["station_answering"] == order["region_access"] == "440100"
        assert order["first_responder"] == order["handler"] == "counselor:gz-chen"
        assert order["t_answer"] is not None
        assert order["notice_given"]
        assert order["satisfaction"] == 3
        assert "revisit" in {each["clock"] for each in order["deadlines"]}
        talked = datetime.fromisoformat(order["t_end"]) - datetime.fromisoformat(order["t_answer"])
        assert talked < timedelta(seconds=SHORT_TALK + 6)
        assert "survey_asked" not in line.kinds("+8613570000002")
        order = ended(line, "+8613570000002", "answered", "caller", "psychology")
        assert order["first_responder"] == "counselor:gz-lin"


def test_a_caller_who_cannot_speak_presses_5(line: Deployment) -> None:
    with line.desk("8101"):
        line.phones.call(GUANGZHOU, "13570000005", keys=[(1.0, "5")], talks=8.5)
        order = ended(line, "+8613570000005", "answered", "caller", "unknown")
        assert order["priority"] == Priority.SILENT_CONFIRMED
        assert not order["notice_given"]


def test_a_call_that_rings_is_abandoned_without_blame(line: Deployment) -> None:
    with line.desk("8002", answers_after=None) as desk:
        call = line.phones.start_call(GUANGZHOU, "13570000008", keys=[LAW], talks=6.5)
        desk.wait_for("rings")
        line.phones.result(call)
        desk.wait_for("cancelled")
        ended(line, "+8613570000008", "abandoned_in_queue", "caller", "law")
        line.until(lambda: line.state("8002") == "available")


def test_the_crisis_key_ends_the_ringing_without_blame(line: Deployment) -> None:
    """Law rings one; in the crisis the psychologist rings too, and answers."""
    with line.desk("8002", answers_after=None) as law, line.desk("8001") as psychologist:
        keys = [LAW, (7.0, "*")]
        call = line.phones.start_call(GUANGZHOU, "13570000014", keys=keys, talks=13.0)
        law.wait_for("cancelled")
        psychologist.wait_for("answered")
        line.phones.result(call)
        assert law.count("rings") == law.count("cancelled") == 2
        order = ended(line, "+8613570000014", "answered", "caller", "law")
        assert order["priority"] == Priority.CRISIS
        line.until(lambda: line.state("8002") == "available")


def test_callers_leave_menu_and_queue_and_a_message_by_key_9(line: Deployment) -> None:
    with line.desk("8001"):  # takes psychology: a law caller waits a while
        talks = {"06": 1.5, "07": 5.0, "09": 13.0}
        keys = {"06": [], "07": [LAW], "09": [LAW, (3.0, "9")]}
        calls = [
            line.phones.start_call(GUANGZHOU, f"135700000{n}", keys=keys[n], talks=talks[n])
            for n in talks
        ]
        assert [line.phones.result(call).ended_by for call in calls] == ["caller"] * 3
        assert line.state("8001") == "available"
    menu = ended(line, "+8613570000006", "abandoned_in_menu", "caller", "unknown")
    assert menu["t_queue"] is None
    queue = ended(line, "+8613570000007", "abandoned_in_queue", "caller", "law")
    assert queue["t_queue"] is not None
    assert queue["t_answer"] is None
    order = ended(line, "+8613570000009", "voicemail", "caller", "law")
    seconds, loudness = sound_of(
        line.settings.recordings_directory / f"{order['recording_ref']}.wav"
    )
    assert 1 < seconds < 10
    assert loudness > 500
    left = next(e["data"] for e in order["events"] if e["kind"] == "voicemail_left")
    assert abs(left["seconds"] - seconds) <= 1


def sound_of(file: Path) -> tuple[float, float]:
    """Seconds, and the mean amplitude of 16-bit samples."""
    with wave.open(str(file)) as recording:
        samples = array.array("h", recording.readframes(recording.getnframes()))
        seconds = recording.getnframes() / recording.getframerate()
    return seconds, sum(map(abs, samples)) / max(1, len(samples))


def test_whoever_presses_nothing_reaches_a_human(line: Deployment, silent: Silent) -> None:
    assert {line.phones.result(call).ended_by for call in silent.calls} == {"line"}
    ended(line, "+8613570000003", "answered", "counselor", "unknown")
    silent.desks.close()


def test_a_caller_may_withhold_the_number(line: Deployment, silent: Silent) -> None:
    assert line.phones.result(silent.calls[1]).ended_by == "line"
    orders = line.store(lambda c: orders_of(c, line.rooms.log.keys))
    withheld = [order for order in orders if order["id_trust"] == "withheld"]
    assert [(order["outcome"], order["caller"]) for order in withheld] == [("answered", None)]


def test_a_wrong_number_is_told_so(line: Deployment, silent: Silent) -> None:
    assert line.phones.result(silent.calls[2]).heard > 100
    wrong = ended(line, "+8613570000004", "wrong_number", "flow", "unknown")
    assert wrong["t_queue"] is None


def test_after_hours_key_1_reaches_12356(line: Deployment) -> None:
    with sister_line(line, "9356", talks=2.0) as psychology:
        keys = [LAW, (3.0, "1")]
        call = line.phones.start_call(GUANGZHOU, "13570000010", keys=keys)
        result = line.phones.result(call)
        assert result.ended_by == "line"
        assert psychology.count("answered") == 1
        assert psychology.heard > 50
    order = ended(line, "+8613570000010", "transferred", "sister_line", "law")
    assert order["t_answer"] is None
    assert order["handler"] == "station:440100"


def test_after_hours_the_crisis_key_does_not_wait_for_a_sister_line(line: Deployment) -> None:
    with sister_line(line, "9356", answers_after=None) as psychology:
        keys = [LAW, (3.0, "1"), (9.0, "*")]
        call = line.phones.start_call(GUANGZHOU, "13570000015", keys=keys, talks=12.0)
        psychology.wait_for("cancelled")
        line.phones.result(call)
    order = line.order_of("+8613570000015")
    assert order["priority"] == Priority.CRISIS


@pytest.mark.usefixtures("no_duty_phone")
def test_a_crisis_that_nobody_is_there_for_reaches_a_sister_line(line: Deployment) -> None:
    """The local police where the city is known and has an entry, by key 1; 12356 by key 2."""
    with sister_line(line, "9110") as police:
        keys = {key: [(1.0, "*"), *((at, key) for at in range(6, 30, 2))] for key in "12"}
        calls = [
            line.phones.start_call(GUANGZHOU, "13570000011", keys=keys["1"], talks=15.0),
            line.phones.start_call(WUHAN, "13570000012", keys=keys["2"], talks=20.0),
        ]
        police.wait_for("answered", seconds=30)
        with sister_line(line, "9356") as psychology:
            psychology.wait_for("answered", seconds=30)
            assert [line.phones.result(call).ended_by for call in calls] == ["caller"] * 2
        police.wait_for("other_hung_up")
        assert police.count("rings") == psychology.count("rings") == 1
    for caller in ("+8613570000011", "+8613570000012"):
        order = ended(line, caller, "transferred", "caller", "unknown")
        assert order["priority"] == Priority.CRISIS


def test_a_crisis_rings_several_and_the_first_wins(line: Deployment) -> None:
    """Wherever it comes from: this one dialled a wrong number."""
    with ExitStack() as desks:
        first = desks.enter_context(line.desk("8003", answers_after=1.0))
        others = [
            desks.enter_context(line.desk(number, answers_after=None))
            for number in ("8001", "8101")
        ]
        call = line.phones.start_call(
            GUANGZHOU, "13570000013", dialled="02088888888", keys=[(1.0, "*")], talks=9.0
        )
        first.wait_for("answered")
        for other in others:
            other.wait_for("cancelled")
            assert other.count("rings") == 1
        line.until(lambda: line.state("8001") == line.state("8101") == "available")
        line.phones.result(call)
        order = ended(line, "+8613570000013", "answered", "caller", "unknown")
        assert order["first_responder"] == "counselor:gz-huang"
        assert order["priority"] == Priority.CRISIS
        assert not order["notice_given"]
        assert line.state("8001") == line.state("8101") == "available"


def test_star_is_heard_in_the_queue_and_in_a_recording(line: Deployment) -> None:
    calls = {
        "13570000014": [LAW, (6.0, "*")],
        "13570000015": [LAW, (3.0, "9"), (12.0, "*")],
    }
    with line.desk("8001"), line.desk("8102"):
        callers = [
            line.phones.start_call(GUANGZHOU, number, keys=keys, talks=17.5)
            for number, keys in calls.items()
        ]
        for caller in callers:
            line.phones.result(caller)
        orders = [ended(line, f"+86{n}", "answered", "caller", "law") for n in calls]
    assert {order["priority"] for order in orders} == {Priority.CRISIS}
    answered_by = {order["first_responder"] for order in orders}
    assert answered_by == {"counselor:gz-lin", "counselor:gd-liang"}
    assert orders[1]["recording_ref"]


def test_a_call_that_asterisk_loses_has_failed(line: Deployment) -> None:
    with line.desk("8002") as desk:
        line.phones.start_call(GUANGZHOU, "13570000017", keys=[LAW])
        desk.wait_for("answered")
        offered = datetime.fromisoformat(line.order_of("+8613570000017", ended=False)["t_offer"])
        line.until(lambda: datetime.now(UTC) - offered > timedelta(seconds=10))
        line.signal("asterisk", signal.SIGKILL)
        ended(line, "+8613570000017", "failed", None, "law")
