"""A call outlives the engine, and whatever else dies under it."""

from __future__ import annotations

import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from agents import presence, roster
from ivr import sessions
from ivr.asterisk.server import ping
from ivr.supervisor import Keeper
from routing import waiting
from tests.e2e.line import GUANGZHOU, WUHAN, Deployment
from tests.e2e.scenarios import Behaviour
from tests.e2e.sipp import Phone
from tests.postgresql import PostgreSQL
from workorders.views import View, orders_of

pytestmark = pytest.mark.e2e

LAW = [(1.0, "1")]
PSYCHOLOGY = [(1.0, "2")]
LAW_WHENEVER_ASKED = [(4.0 + 1.5 * press, "1") for press in range(15)]
FALLBACK_DESK, DUTY_DESK = "8003", "8109"
AFTER_THE_LAST_RESORT = 45.0
"""Seconds: the dialplan's patience of 15, and some for a slow machine."""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(
        tmp_path_factory.mktemp("l"),
        last_resort_number=FALLBACK_DESK,
        crisis_last_resort_number=DUTY_DESK,
    )
    deployment.start()
    yield deployment
    deployment.stop()


@pytest.fixture(autouse=True)
def sound(line: Deployment) -> Iterator[None]:
    """Whatever dies: every log is whole, no report is left over, nothing went wrong unseen."""
    yield
    assert line.log_verifies() == []
    line.until(lambda: not spooled(line))
    for mishap in ("fastagi_handler_failed", "ami_handler_failed", "spool_file_not_imported"):
        assert line.said(mishap) == []
    assert "Traceback" not in line.engine_log()


# What happens to the line.


def engine_lives(line: Deployment) -> bool:
    return ping((line.settings.bind_address, line.settings.fastagi_port), 1.5)


def kill_engine(line: Deployment) -> None:
    line.kill("engine")
    line.until(lambda: engine_lives(line))


@contextmanager
def engine_down(line: Deployment) -> Iterator[None]:
    """kill -9, and nobody starts it again for a while."""
    keeper = line.keeper("engine")
    keeper.program = replace(keeper.program, stop_signal=signal.SIGKILL)
    keeper.stop()
    keeper.join()
    try:
        yield
    finally:
        again = Keeper(keeper.program)
        line.line.keepers[line.line.keepers.index(keeper)] = again
        again.start()
        line.until(lambda: engine_lives(line))


@contextmanager
def store_refuses(line: Deployment) -> Iterator[None]:
    """The engine may not write a single byte to any file, its log's among them."""
    process = line.keeper("engine").process
    assert process is not None
    soft, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (soft, hard))


def spooled(line: Deployment) -> list[Path]:
    return list((line.settings.spool_directory / "calls").iterdir())


# Who is there.


@contextmanager
def telephone(line: Deployment, number: str, **behaviour: object) -> Iterator[Phone]:
    """The telephone of a desk that nobody has logged in to."""
    secret = next(p.secret for p in line.store(roster.sip_accounts) if p.number == number)
    with line.phones.counselor(f"sip-{number}", secret, Behaviour(**behaviour)) as phone:  # type: ignore[arg-type]
        yield phone


def enqueued_at(line: Deployment) -> datetime | None:
    """Since when the caller waits for whom nobody is held."""
    unserved = line.store(waiting.unserved)
    return unserved[0].enqueued_at if unserved else None


def waits(line: Deployment) -> Callable[[], bool]:
    return lambda: enqueued_at(line) is not None


def pause(line: Deployment, number: str) -> None:
    line.presence(number, lambda c, who, at: presence.pause(c, who, "break", at))


def answered_once(order: View) -> bool:
    kinds = [event["kind"] for event in order["events"]]
    return kinds.count("offered") == kinds.count("answered") == kinds.count("ended") == 1


def outcome(order: View) -> tuple[str, str]:
    return order["outcome"], order["hung_up_by"]


# kill -9, and the supervisor.


def test_the_engine_dies_while_the_caller_is_in_the_menu(line: Deployment) -> None:
    orders = line.orders()
    with line.desk("8002", talks=2.0):
        call = line.phones.start_call(GUANGZHOU, "13570000101", keys=LAW_WHENEVER_ASKED)
        call.wait_for("answered")
        kill_engine(line)
        assert line.phones.result(call).ended_by == "line"
        order = line.order_of("+8613570000101")
    assert outcome(order) == ("answered", "counselor")
    assert order["topic"] == "law"
    assert answered_once(order)
    assert line.orders() == orders + 1


def test_the_engine_dies_while_the_caller_waits_and_the_place_is_kept(line: Deployment) -> None:
    with line.desk("8002", talks=2.0) as desk:
        pause(line, "8002")
        call = line.phones.start_call(GUANGZHOU, "13570000102", keys=LAW)
        line.until(waits(line))
        since = enqueued_at(line)
        kill_engine(line)
        assert enqueued_at(line) == since
        line.presence("8002", presence.log_in)
        desk.wait_for("answered")
        assert line.phones.result(call).ended_by == "line"
        order = line.order_of("+8613570000102")
    assert outcome(order) == ("answered", "counselor")
    assert answered_once(order)
    assert [event["kind"] for event in order["events"]].count("queued") == 1


def test_the_engine_dies_while_they_talk_and_they_talk_on(line: Deployment) -> None:
    with line.desk("8002", talks=6.0) as desk:
        call = line.phones.start_call(GUANGZHOU, "13570000103", keys=LAW)
        desk.wait_for("answered")
        line.until(lambda: line.state("8002") == "on_call")
        kill_engine(line)
        assert desk.count("hung_up") == 0
        heard = call.heard
        assert line.phones.result(call).ended_by == "line"
        order = line.order_of("+8613570000103")
        assert desk.count("rings") == 1
    assert call.heard > heard
    assert (desk.wait_for("hung_up").at - desk.wait_for("answered").at).total_seconds() > 5.5
    assert outcome(order) == ("answered", "counselor")
    assert answered_once(order)


def test_a_talk_that_began_while_the_engine_was_down_is_known_afterwards(
    line: Deployment,
) -> None:
    with line.desk("8002", answers_after=3.0, talks=8.0) as desk:
        call = line.phones.start_call(GUANGZHOU, "13570000104", keys=LAW)
        desk.wait_for("rings")
        with engine_down(line):
            desk.wait_for("answered")
        line.until(lambda: line.state("8002") == "on_call")
        assert desk.count("hung_up") == 0
        order = line.order_of("+8613570000104", ended=False)
        assert order["first_responder"] == "counselor:gz-chen"
        answered = order["t_answer"]
        assert line.phones.result(call).ended_by == "line"
        order = line.order_of("+8613570000104")
        assert desk.count("rings") == 1
    assert outcome(order) == ("answered", "counselor")
    assert answered_once(order)
    assert order["t_answer"] == answered


def test_a_hung_engine_is_ended_and_its_calls_go_on(line: Deployment) -> None:
    keeper = line.keeper("engine")
    with line.desk("8002", talks=2.0), line.desk("8001", talks=14.0) as talking:
        talk = line.phones.start_call(GUANGZHOU, "13570000105", keys=PSYCHOLOGY)
        talking.wait_for("answered")
        menu = line.phones.start_call(GUANGZHOU, "13570000106", keys=LAW_WHENEVER_ASKED[3:])
        menu.wait_for("answered")
        before = keeper.restarts
        line.signal("engine", signal.SIGSTOP)
        line.until(lambda: keeper.restarts > before, seconds=12.0)
        line.until(lambda: engine_lives(line))
        for call in (talk, menu):
            assert line.phones.result(call).ended_by == "line"
        for caller in ("+8613570000105", "+8613570000106"):
            order = line.order_of(caller)
            assert outcome(order) == ("answered", "counselor")
            assert answered_once(order)


# Hang-ups that no engine hears of.


def test_who_hangs_up_while_the_engine_is_down_is_known_afterwards(line: Deployment) -> None:
    with line.desk("8001") as hears_the_end, line.desk("8002", talks=10.0) as ends:
        ended_by_counselor = line.phones.start_call(GUANGZHOU, "13570000111", keys=LAW)
        ended_by_caller = line.phones.start_call(
            GUANGZHOU, "13570000112", keys=PSYCHOLOGY, talks=14.5
        )
        hears_the_end.wait_for("answered")
        in_queue = line.phones.start_call(GUANGZHOU, "13570000113", keys=PSYCHOLOGY, talks=12.0)
        in_menu = line.phones.start_call(GUANGZHOU, "13570000114", talks=12.0)
        ends.wait_for("answered")
        line.until(waits(line))
        in_menu.wait_for("answered")
        with engine_down(line):
            assert ends.count("hung_up") == 0
            for phone in (ends, ended_by_caller, in_queue, in_menu):
                phone.wait_for("hung_up")
            hears_the_end.wait_for("other_hung_up")
            line.until(lambda: len(spooled(line)) == 3)
        assert line.phones.result(ended_by_counselor).ended_by == "line"
        talked = [line.order_of(caller) for caller in ("+8613570000111", "+8613570000112")]
        for number in ("8001", "8002"):
            line.until(lambda number=number: line.state(number) in ("wrap_up", "available"))
    assert [outcome(order) for order in talked] == [
        ("answered", "counselor"),
        ("answered", "caller"),
    ]
    assert all(answered_once(order) for order in talked)
    assert outcome(line.order_of("+8613570000113")) == ("abandoned_in_queue", "caller")
    assert outcome(line.order_of("+8613570000114")) == ("abandoned_in_menu", "caller")


# Asterisk dies.


def test_asterisk_dies_and_nobody_is_held_by_a_call_that_is_gone(line: Deployment) -> None:
    with line.desk("8002") as desk:
        talk = line.phones.start_call(GUANGZHOU, "13570000121", keys=LAW)
        desk.wait_for("answered")
        line.until(lambda: line.state("8002") == "on_call")
        menu = line.phones.start_call(GUANGZHOU, "13570000122")
        menu.wait_for("answered")
        line.kill("asterisk")
        for caller in ("+8613570000121", "+8613570000122"):
            order = line.order_of(caller)
            assert outcome(order) == ("failed", None)
        line.until(lambda: line.state("8002") in ("wrap_up", "available"))
        for phone in (talk, menu):
            phone.end()
    with line.desk("8002", talks=1.0):
        again = line.phones.start_call(GUANGZHOU, "13570000123", keys=LAW)
        assert line.phones.result(again).ended_by == "line"
        assert outcome(line.order_of("+8613570000123")) == ("answered", "counselor")


# The store is down.


def test_a_store_that_cannot_write_costs_no_caller_and_no_order(line: Deployment) -> None:
    orders = line.orders()
    with ExitStack() as there:
        fallback = there.enter_context(telephone(line, FALLBACK_DESK, talks=2.0))
        duty = there.enter_context(telephone(line, DUTY_DESK, talks=2.0))
        desk = there.enter_context(line.desk("8002", talks=6.0))
        talk = line.phones.start_call(GUANGZHOU, "13570000131", keys=LAW)
        desk.wait_for("answered")
        line.until(lambda: line.state("8002") == "on_call")
        with store_refuses(line):
            assert desk.count("hung_up") == 0
            new = line.phones.start_call(GUANGZHOU, "13570000132")
            danger = line.phones.start_call(
                GUANGZHOU, "13570000133", keys=[(s, "*") for s in (1.0, 2.5, 4.0)]
            )
            duty.wait_for("answered")
            fallback.wait_for("answered", seconds=AFTER_THE_LAST_RESORT)
            for call in (talk, new, danger):
                assert line.phones.result(call).ended_by == "line"
            line.until(lambda: len(spooled(line)) == 3)
            assert line.orders() == orders + 1
        talked, served, in_danger = (
            line.order_of(caller)
            for caller in ("+8613570000131", "+8613570000132", "+8613570000133")
        )
        again = line.phones.start_call(GUANGZHOU, "13570000134")
        again.wait_for("answered")
        again.end()
    assert outcome(talked) == ("answered", "counselor")
    assert outcome(served) == outcome(in_danger) == ("transferred", "counselor")
    told = [[e for e in o["events"] if e["kind"] == "last_resort"] for o in (served, in_danger)]
    assert [len(events) for events in told] == [1, 1]
    assert line.orders() == orders + 4


@pytest.mark.postgresql
def test_postgresql_is_down_and_comes_back(
    line: Deployment, postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Deployment(tmp_path_factory.mktemp("p"), store_url=postgresql.new_database())
    other.start()
    try:
        waiting_call = other.phones.start_call(
            GUANGZHOU, "13570000141", keys=[(3.0, "1")], talks=36.0
        )
        waiting_call.wait_for("answered")
        postgresql.stop()
        message = other.phones.start_call(GUANGZHOU, "13570000142", talks=34.0)
        for call in (waiting_call, message):
            assert other.phones.result(call).ended_by
        other.until(lambda: len(spooled(other)) == 2)
        postgresql.start()
        orders = [other.order_of(caller) for caller in ("+8613570000141", "+8613570000142")]
        assert [order["outcome"] for order in orders] == ["voicemail", "voicemail"]
        assert all(order["recording_ref"] for order in orders)
        with other.desk("8002", talks=1.0):
            call = other.phones.start_call(GUANGZHOU, "13570000143", keys=LAW)
            assert other.phones.result(call).ended_by == "line"
            assert outcome(other.order_of("+8613570000143")) == ("answered", "counselor")
        assert other.log_verifies() == []
    finally:
        other.stop()


# Whoever else connects.


def test_idle_and_garbage_connections_hold_no_caller_up(line: Deployment) -> None:
    address = (line.settings.bind_address, line.settings.fastagi_port)
    restarts = line.keeper("engine").restarts
    with ExitStack() as open_connections, line.desk("8002", talks=1.0):

        def connect(sent: bytes) -> socket.socket:
            connection = open_connections.enter_context(socket.create_connection(address, 10))
            connection.sendall(sent)
            return connection

        idle = [connect(b"") for _ in range(1000)]
        halfway = connect(b"agi_network: yes\nagi_network_script: ca")
        garbage = [connect(bytes([255, 0, n, 10]) * 500) for n in range(50)]
        call = line.phones.start_call(GUANGZHOU, "13570000151", keys=LAW)
        assert line.phones.result(call).ended_by == "line"
        assert outcome(line.order_of("+8613570000151")) == ("answered", "counselor")
        for connection in (*idle, halfway, *garbage):
            connection.settimeout(20)
            with suppress(ConnectionResetError):
                assert connection.recv(1) == b""
    assert line.keeper("engine").restarts == restarts


NASTY = (
    '\\" , \\"SET VARIABLE CALL_DONE 1',
    "\\r\\nHANGUP\\r\\n%0D%0AEXEC System x",
    "${SHELL(touch {owned})}",
    "$(touch {owned})|&,;{}`touch {owned}`",
)
NASTY_NUMBERS = (
    "1357%22%0Aagi_uniqueid%3A%20another-call%0Aagi_x%3A%20",
    "%24%7BSHELL(touch%20{owned})%7D",
    "13570000161%7C%26%2C)%7D",
    "1357%0D%0A%0D%0Aagi_uniqueid%3A%20another-call",
)


def test_a_callers_name_and_number_are_never_a_command(line: Deployment, tmp_path: Path) -> None:
    owned = tmp_path / "owned"

    def all_call(trunk: str) -> list[Phone]:
        return [
            line.phones.start_call(
                trunk,
                number.replace("{owned}", str(owned).replace("/", "%2F")),
                name=name.replace("{owned}", str(owned)),
                talks=3.0,
            )
            for name, number in zip(NASTY, NASTY_NUMBERS, strict=True)
        ]

    def open_calls() -> set[str]:
        return {call.call_id for call in line.store(sessions.open_calls)}

    before, left = line.orders(), open_calls()
    for call in all_call(GUANGZHOU):
        assert line.phones.result(call).status == 200
    assert line.orders() == before + len(NASTY)
    # A hang-up that is still on its way would be spooled too.
    line.until(lambda: open_calls() <= left)
    with store_refuses(line):
        for call in all_call(WUHAN):
            assert line.phones.result(call).status == 200
        line.until(lambda: len(spooled(line)) == len(NASTY))
    line.until(lambda: line.orders() == before + 2 * len(NASTY))
    orders = line.store(lambda c: orders_of(c, line.rooms.log.keys, limit=2 * len(NASTY)))
    assert {order["access_number"] for order in orders} == {"02012355", "02712355"}
    assert not owned.exists()
