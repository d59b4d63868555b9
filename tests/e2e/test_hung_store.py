"""PostgreSQL hangs: it takes whatever it is sent and says nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from agents import roster
from routing import waiting
from tests.e2e.line import GUANGZHOU, Deployment
from tests.e2e.scenarios import Behaviour
from tests.postgresql import PostgreSQL

pytestmark = [pytest.mark.e2e, pytest.mark.postgresql]

LAW = [(1.0, "1")]
DUTY_DESK = "8109"
CALLERS = [f"135700003{number:02}" for number in range(10)]
"""More than the store serves at a time."""
AFTER_THE_LAST_RESORT = 45.0
"""Seconds: the dialplan's patience of 15, what it says, and some for a slow machine."""


@pytest.fixture
def line(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(
        tmp_path_factory.mktemp("h"),
        store_url=postgresql.new_database(),
        crisis_last_resort_number=DUTY_DESK,
    )
    deployment.start()
    yield deployment
    deployment.stop()


def test_a_store_that_hangs_costs_no_caller_and_no_order(
    line: Deployment, postgresql: PostgreSQL
) -> None:
    spool = line.settings.spool_directory
    secret = next(p.secret for p in line.store(roster.sip_accounts) if p.number == DUTY_DESK)
    with ExitStack() as there:
        duty = there.enter_context(
            line.phones.counselor(f"sip-{DUTY_DESK}", secret, Behaviour(talks=2.0))
        )
        desk = there.enter_context(line.desk("8002", talks=12.0))
        talk = line.phones.start_call(GUANGZHOU, "13570000351", keys=LAW)
        desk.wait_for("answered")
        line.until(lambda: line.state("8002") == "on_call")
        queued = line.phones.start_call(GUANGZHOU, "13570000352", keys=LAW, talks=60.0)
        line.until(lambda: bool(line.store(waiting.unserved)))
        orders = line.orders()
        with postgresql.hung():
            new = [line.phones.start_call(GUANGZHOU, caller, talks=60.0) for caller in CALLERS]
            danger = line.phones.start_call(
                GUANGZHOU, "13570000353", keys=[(s, "*") for s in (1.0, 2.5, 4.0, 5.5)]
            )
            duty.wait_for("answered", seconds=AFTER_THE_LAST_RESORT)
            messages = spool / "voicemail"
            line.until(
                lambda: len(list(messages.glob("*.wav"))) == len(CALLERS) + 1,
                seconds=AFTER_THE_LAST_RESORT,
            )
            for call in (talk, queued, danger, *new):
                assert line.phones.result(call).ended_by
            line.until(lambda: len(list((spool / "calls").iterdir())) == len(CALLERS) + 3)
            assert line.keeper("engine").restarts == 0
        talked, waited, in_danger = (
            line.order_of(f"+861357000035{number}") for number in (1, 2, 3)
        )
        left = [line.order_of(f"+86{caller}") for caller in CALLERS]
        again = line.phones.start_call(GUANGZHOU, "13570000354", keys=LAW)
        line.until(lambda: "queued" in line.kinds("+8613570000354"))
        again.end()
    assert (talked["outcome"], talked["hung_up_by"]) == ("answered", "counselor")
    assert (in_danger["outcome"], in_danger["hung_up_by"]) == ("transferred", "counselor")
    for order in (waited, *left):
        assert order["outcome"] == "voicemail"
        assert order["recording_ref"]
    assert line.orders() == orders + len(CALLERS) + 2
    assert line.log_verifies() == []
    assert line.keeper("engine").restarts == 0
    assert line.said("fastagi_handler_failed") == line.said("spool_file_not_imported") == []
    assert "Traceback" not in line.engine_log()
