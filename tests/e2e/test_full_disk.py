"""The whole disk is full, spool included: callers are served, and every order is there
afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agents import roster
from config.reserve import WHOLE
from tests.e2e.line import GUANGZHOU, Deployment
from tests.e2e.scenarios import Behaviour
from tests.small_disk import filled, small_disk

pytestmark = pytest.mark.e2e

LAW = [(1.0, "1")]
DUTY_DESK = "8109"


@pytest.fixture
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with small_disk(tmp_path_factory.mktemp("d"), megabytes=128) as place:
        yield place


@pytest.fixture
def line(disk: Path) -> Iterator[Deployment]:
    """All that it writes is on the small disk."""
    deployment = Deployment(disk, crisis_last_resort_number=DUTY_DESK)
    deployment.start()
    yield deployment
    deployment.stop()


def test_a_full_disk_costs_no_caller_and_no_order(line: Deployment, disk: Path) -> None:
    calls_spool = line.settings.spool_directory / "calls"
    secret = next(p.secret for p in line.store(roster.sip_accounts) if p.number == DUTY_DESK)
    with ExitStack() as there:
        duty = there.enter_context(
            line.phones.counselor(f"sip-{DUTY_DESK}", secret, Behaviour(talks=2.0))
        )
        desk = there.enter_context(line.desk("8002", talks=6.0))
        talk = line.phones.start_call(GUANGZHOU, "13570000201", keys=LAW)
        desk.wait_for("answered")
        line.until(lambda: line.state("8002") == "on_call")
        orders = line.orders()
        with filled(disk):
            message = line.phones.start_call(GUANGZHOU, "13570000202", talks=56.0)
            danger = line.phones.start_call(
                GUANGZHOU, "13570000203", keys=[(s, "*") for s in (1.0, 2.5, 4.0)]
            )
            duty.wait_for("answered")
            for call in (talk, message, danger):
                assert line.phones.result(call).ended_by
            line.until(lambda: len(list(calls_spool.iterdir())) == 3)
            for file in calls_spool.iterdir():
                assert json.loads(file.read_text("utf-8"))["call_id"] == file.stem
            # A commit that fits into pages written before may still succeed.
            assert line.orders() <= orders + 2
            assert len(line.said("disk_full")) == 1
        talked, left, in_danger = (
            line.order_of(caller)
            for caller in ("+8613570000201", "+8613570000202", "+8613570000203")
        )
        line.until(lambda: line.state("8002") in ("wrap_up", "available"))
        again = line.phones.start_call(GUANGZHOU, "13570000204")
        again.wait_for("answered")
        again.end()
    assert (talked["outcome"], talked["hung_up_by"]) == ("answered", "counselor")
    assert left["outcome"] == "voicemail"
    recorded = line.settings.recordings_directory / f"{left['recording_ref']}.wav"
    assert recorded.stat().st_size > 5 * 16_000
    assert (in_danger["outcome"], in_danger["hung_up_by"]) == ("transferred", "counselor")
    assert line.orders() == orders + 3
    assert line.log_verifies() == []
    line.until(lambda: not list(calls_spool.iterdir()))
    assert line.settings.spool_reserve.stat().st_size == WHOLE
    assert line.keeper("engine").restarts == 0
    assert "Traceback" not in line.engine_log()
