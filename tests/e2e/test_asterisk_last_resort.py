"""What the dialplan does while no engine can serve: try the next, wait, then serve by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ivr.asterisk.conf_settings import LastResortPrompts
from tests.e2e.asterisk import RunningAsterisk, free_settings
from tests.e2e.conftest import ACCOUNTS, secret
from tests.e2e.scenarios import Behaviour
from tests.e2e.sipp import Telephones
from tests.e2e.stub_engine import Agi, Flow, StubEngine

pytestmark = pytest.mark.e2e

GUANGZHOU = "127.0.0.11"


def answer_and_die(agi: Agi) -> None:
    agi.do("ANSWER")


@pytest.fixture(autouse=True)
def empty_spool(asterisk: RunningAsterisk) -> None:
    """What earlier calls left is taken away."""
    for file in asterisk.settings.calls_spool.iterdir():
        file.unlink()


@pytest.fixture(scope="module")
def bare(
    tmp_path_factory: pytest.TempPathFactory, spoken: LastResortPrompts
) -> Iterator[RunningAsterisk]:
    """An Asterisk whose only engine is gone for good, without a fallback; duty phone 1012."""
    settings = free_settings(tmp_path_factory.mktemp("bare"), spoken)
    settings = replace(settings, duty_phones=("sip-1012",), patience_seconds=0)
    running = RunningAsterisk(settings, ACCOUNTS)
    running.start()
    yield running
    running.stop()


@pytest.mark.usefixtures("engines")
def test_a_call_goes_on_with_the_next_engine_when_one_dies(
    flow: Flow, telephones: Telephones
) -> None:
    seen: list[tuple[str, str]] = []

    def script(agi: Agi) -> None:
        seen.append((agi.env["agi_uniqueid"], agi.env["agi_request"]))
        agi.do("ANSWER")
        if len(seen) == 2:
            agi.finish()

    flow.scripts["13570002001"] = script
    result = telephones.call(GUANGZHOU, "13570002001")
    assert (result.status, result.ended_by) == (200, "line")
    assert result.lasted < 1.5
    assert len({call_id for call_id, _ in seen}) == 1
    assert len({engine for _, engine in seen}) == 2


@pytest.mark.usefixtures("engines")
def test_a_crisis_key_pressed_while_telephones_ring_outlives_the_engine(
    flow: Flow, telephones: Telephones
) -> None:
    seen: list[tuple[str, ...]] = []

    def script(agi: Agi) -> None:
        seen.append(
            (agi.env.get("agi_arg_3", ""), *agi.variables("DIALSTATUS", "CALL_TURN", "EXTEN"))
        )
        if len(seen) == 2:
            agi.finish()
            return
        agi.do("ANSWER")
        agi.do("SET VARIABLE CALL_TURN 3")
        agi.do('EXEC Dial "PJSIP/sip-1003,20,gmdU(answered)"')

    flow.scripts["13570002008"] = script
    silent = Behaviour(answers_after=None)
    with telephones.counselor("sip-1003", secret("sip-1003"), silent) as counselor:
        call = telephones.start_call(GUANGZHOU, "13570002008", keys=[(2.0, "*")])
        counselor.wait_for("cancelled")
        assert telephones.result(call).ended_by == "line"
    assert seen == [("", "", "", "s"), ("1", "", "", "s")]


@pytest.mark.usefixtures("engines")
def test_a_crisis_key_that_ends_a_menu_outlives_the_engine(
    flow: Flow, telephones: Telephones, spoken: LastResortPrompts
) -> None:
    pressed: list[str] = []

    def script(agi: Agi) -> None:
        pressed.append(agi.env.get("agi_arg_3", ""))
        if len(pressed) == 2:
            agi.finish()
            return
        agi.do("ANSWER")
        agi.send(f'EXEC "Read" "KEY,{spoken.stay},1,t(),1,4.000"')

    flow.scripts["13570002009"] = script
    telephones.call(GUANGZHOU, "13570002009", keys=[(1.5, "*")])
    assert pressed == ["", "1"]


def test_a_caller_waits_with_music_until_an_engine_is_back(
    engines: list[StubEngine], flow: Flow, telephones: Telephones
) -> None:
    engines[0].stop()
    engines[1].stop()
    flow.scripts["13570002002"] = Agi.finish
    call = telephones.start_call(GUANGZHOU, "13570002002")
    call.wait_for("answered")
    engines[1].start()
    result = telephones.result(call)
    assert (result.status, result.ended_by) == (200, "line")
    assert result.heard > 20
    flow.wait_for("hangup", "13570002002")


def test_the_fallback_phone_rings_when_no_engine_comes_back(
    asterisk: RunningAsterisk, engines: list[StubEngine], telephones: Telephones
) -> None:
    engines[0].stop()
    engines[1].stop()
    with telephones.counselor("sip-1011", secret("sip-1011"), Behaviour(talks=1.5)) as fallback:
        result = telephones.call(GUANGZHOU, "13570002003")
        assert result.ended_by == "line"
        assert fallback.heard > 40
    said = asterisk.wait_for_spool()
    assert said["access_number"] == "02012355"
    assert said["last_resort"] == "1"
    assert said["dial_status"] == "ANSWER"
    assert said["dialled"] == "sip-1011"
    assert said["talk_seconds"] in ("1", "2")


@pytest.mark.usefixtures("engines")
def test_the_wait_for_a_store_that_hangs_is_no_service(
    asterisk: RunningAsterisk, flow: Flow, telephones: Telephones
) -> None:
    def refused_late(agi: Agi) -> None:
        agi.do("ANSWER")
        # As long as service that would earn patience anew.
        agi.do("WAIT FOR DIGIT 6500")
        agi.do("SET VARIABLE REFUSED 1")

    flow.scripts["13570002014"] = refused_late
    with telephones.counselor("sip-1011", secret("sip-1011"), Behaviour(talks=1.0)):
        result = telephones.call(GUANGZHOU, "13570002014")
    assert result.ended_by == "line"
    said = asterisk.wait_for_spool()
    assert (said["last_resort"], said["dial_status"]) == ("1", "ANSWER")


def test_a_caller_in_danger_reaches_the_duty_phone_however_long_it_takes(
    asterisk: RunningAsterisk, engines: list[StubEngine], flow: Flow, telephones: Telephones
) -> None:
    def die_in_crisis(agi: Agi) -> None:
        agi.do("ANSWER")
        agi.do("SET VARIABLE CRISIS 1")
        engines[0].stop()
        engines[1].stop()

    flow.scripts["13570002004"] = die_in_crisis
    with telephones.counselor("sip-1012", secret("sip-1012"), Behaviour(refuses=486)) as busy:
        call = telephones.start_call(GUANGZHOU, "13570002004")
        busy.wait_for("rings")
    with telephones.counselor("sip-1012", secret("sip-1012"), Behaviour(talks=1.0)):
        result = telephones.result(call)
    assert result.ended_by == "line"
    said = asterisk.wait_for_spool()
    assert (said["crisis"], said["dial_status"]) == ("1", "ANSWER")


def test_a_message_is_kept_where_nobody_is_left(bare: RunningAsterisk) -> None:
    telephones = Telephones(bare.sip)
    try:
        result = telephones.call(GUANGZHOU, "13570002005", talks=5.0)
    finally:
        telephones.end()
    assert (result.status, result.ended_by) == (200, "caller")
    said = bare.wait_for_spool()
    message = Path(said["voicemail"] + ".wav")
    assert message.stat().st_size > 16_000


def test_an_engine_that_is_back_is_not_told_of_a_call_that_the_dialplan_served(
    asterisk: RunningAsterisk, engines: list[StubEngine], flow: Flow, telephones: Telephones
) -> None:
    for engine in engines:
        engine.stop()
    with telephones.counselor("sip-1011", secret("sip-1011"), Behaviour(talks=2.0)) as fallback:
        call = telephones.start_call(GUANGZHOU, "13570002012")
        fallback.wait_for("answered")
        for engine in engines:
            engine.start()
        assert telephones.result(call).ended_by == "line"
    said = asterisk.wait_for_spool()
    assert (said["last_resort"], said["dial_status"]) == ("1", "ANSWER")
    assert not [r for r in flow.requests if r.env["agi_callerid"] == "13570002012"]


def test_in_a_crisis_a_counselor_who_is_gone_and_no_engine_ring_the_duty_phone(
    asterisk: RunningAsterisk, engines: list[StubEngine], flow: Flow, telephones: Telephones
) -> None:
    def talk_and_die(agi: Agi) -> None:
        agi.do("ANSWER")
        agi.do("SET VARIABLE CRISIS 1")
        for engine in engines:
            engine.stop()
        agi.do('EXEC Dial "PJSIP/sip-1011,15,gmU(answered)"')

    flow.scripts["13570002013"] = talk_and_die
    with (
        telephones.counselor("sip-1011", secret("sip-1011"), Behaviour(talks=1.0)),
        telephones.counselor("sip-1012", secret("sip-1012"), Behaviour(talks=1.0)) as duty,
    ):
        result = telephones.call(GUANGZHOU, "13570002013")
        duty.wait_for("answered")
    assert result.ended_by == "line"
    said = asterisk.wait_for_spool()
    assert (said["crisis"], said["dial_status"], said["dialled"]) == ("1", "ANSWER", "sip-1012")


def test_the_crisis_key_ends_the_message_and_rings_the_duty_phone(bare: RunningAsterisk) -> None:
    telephones = Telephones(bare.sip)
    try:
        with telephones.counselor("sip-1012", secret("sip-1012"), Behaviour(talks=1.0)) as duty:
            result = telephones.call(GUANGZHOU, "13570002006", keys=[(4.0, "*")])
            duty.wait_for("hung_up")
    finally:
        telephones.end()
    assert result.ended_by == "line"


def test_a_hang_up_that_no_engine_hears_of_is_written_down(
    asterisk: RunningAsterisk, engines: list[StubEngine], flow: Flow, telephones: Telephones
) -> None:
    def script(agi: Agi) -> None:
        agi.do("ANSWER")
        agi.do("SET VARIABLE CALL_TURN 7")
        engines[0].stop()
        engines[1].stop()
        agi.do("WAIT FOR DIGIT 10000")

    flow.scripts["13570002007"] = script
    telephones.call(GUANGZHOU, "13570002007", talks=0.5)
    said = asterisk.wait_for_spool()
    assert (said["call_turn"], said["last_resort"], said["dial_status"]) == ("7", "", "")
