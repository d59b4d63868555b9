"""Real calls over a real Asterisk: keys, sound, offers, hang-ups; the engine is a stand-in."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.asterisk import RunningAsterisk
from tests.e2e.conftest import secret
from tests.e2e.scenarios import Behaviour
from tests.e2e.sipp import Telephones
from tests.e2e.stub_engine import Agi, Flow, Script

pytestmark = pytest.mark.e2e

GUANGZHOU = "127.0.0.11"


@pytest.fixture
def prompt(asterisk: RunningAsterisk) -> Path:
    return asterisk.settings.prompts.apology


def offer(prompt: Path, dialled: str, results: dict[str, tuple[str, ...]]) -> Script:
    """A menu of one key that offers the call to `dialled`."""

    def script(agi: Agi) -> None:
        agi.do("ANSWER")
        if agi.key(str(prompt), 4000) != "1":
            agi.finish()
            return
        agi.do("SET VARIABLE CALL_TURN 3")
        agi.do(f'EXEC Dial "{dialled},2,gmU(answered)"')
        results[agi.env["agi_callerid"]] = agi.variables(
            "DIALSTATUS", "DIALEDPEERNUMBER", "HANGUPCAUSE"
        )
        agi.finish()

    return script


@pytest.mark.usefixtures("engines")
def test_a_key_reaches_the_engine_and_sound_flows_both_ways(
    flow: Flow, telephones: Telephones, prompt: Path
) -> None:
    flow.scripts["13570001001"] = offer(prompt, "PJSIP/sip-1001", {})
    with telephones.counselor("sip-1001", secret("sip-1001"), Behaviour(0.2)) as counselor:
        call = telephones.start_call(GUANGZHOU, "13570001001", keys=[(0.6, "1")], talks=4)
        counselor.wait_for("answered")
        result = telephones.result(call)
        counselor.wait_for("other_hung_up")
        assert (result.status, result.ended_by) == (200, "caller")
        assert result.heard > 150
        assert counselor.heard > 100
    ended = flow.wait_for("hangup", "13570001001")
    assert ended.report == ("ANSWER", "sip-1001", "16", "3")
    offered = flow.wait_for("call", "13570001001")
    assert offered.env["agi_arg_1"] == "02012355"
    assert offered.env["agi_arg_2"] == "guangzhou"
    assert offered.call_id == ended.call_id


@pytest.mark.usefixtures("engines")
def test_a_counselor_who_hangs_up_leaves_the_call_to_the_engine(
    flow: Flow, telephones: Telephones, prompt: Path
) -> None:
    results: dict[str, tuple[str, ...]] = {}
    flow.scripts["13570001002"] = offer(prompt, "PJSIP/sip-1002", results)
    with telephones.counselor("sip-1002", secret("sip-1002"), Behaviour(talks=1.0)):
        result = telephones.call(GUANGZHOU, "13570001002", keys=[(0.3, "1")])
    assert result.ended_by == "line"
    assert results["13570001002"] == ("ANSWER", "sip-1002", "16")


@pytest.mark.usefixtures("engines")
def test_every_key_of_a_telephone_arrives(flow: Flow, telephones: Telephones) -> None:
    pressed: list[str] = []

    def script(agi: Agi) -> None:
        agi.do("ANSWER")
        for _ in range(12):
            pressed.append(chr(int(agi.do("WAIT FOR DIGIT 4000"))))
        agi.finish()

    flow.scripts["13570001003"] = script
    keys = [(0.5 + 0.25 * n, key) for n, key in enumerate("1234567890*#")]
    telephones.call(GUANGZHOU, "13570001003", keys=keys)
    assert "".join(pressed) == "1234567890*#"


@pytest.mark.usefixtures("engines")
def test_the_crisis_key_ends_the_ringing_and_the_engine_serves_on(
    flow: Flow, telephones: Telephones
) -> None:
    said: list[tuple[str, ...]] = []

    def script(agi: Agi) -> None:
        agi.do("ANSWER")
        agi.do('EXEC Dial "PJSIP/sip-1003,20,gmdU(answered)"')
        said.append(agi.variables("DIALSTATUS", "EXTEN"))
        agi.do('EXEC Dial "PJSIP/sip-1004,20,gmU(answered)"')
        said.append(agi.variables("DIALSTATUS", "DIALEDPEERNUMBER"))
        agi.finish()

    flow.scripts["13570001007"] = script
    with (
        telephones.counselor("sip-1003", secret("sip-1003"), Behaviour(answers_after=None)),
        telephones.counselor("sip-1004", secret("sip-1004"), Behaviour(talks=0.5)),
    ):
        keys = [(1.0, "1"), (2.0, "*")]
        assert telephones.call(GUANGZHOU, "13570001007", keys=keys).ended_by == "line"
    assert said == [("CANCEL", "*"), ("ANSWER", "sip-1004")]


@pytest.mark.usefixtures("engines")
def test_each_way_an_offer_fails(flow: Flow, telephones: Telephones, prompt: Path) -> None:
    results: dict[str, tuple[str, ...]] = {}
    ways = {
        "1003": Behaviour(refuses=486),
        "1004": Behaviour(refuses=603),
        "1005": Behaviour(answers_after=None),
        "1006": None,
    }
    with ExitStack() as phones:
        for number, behaviour in ways.items():
            account = f"sip-{number}"
            flow.scripts[f"1357000{number}"] = offer(prompt, f"PJSIP/{account}", results)
            if behaviour is not None:
                phones.enter_context(telephones.counselor(account, secret(account), behaviour))
        calls = [
            telephones.start_call(GUANGZHOU, f"1357000{number}", keys=[(0.3, "1")])
            for number in ways
        ]
        assert all(telephones.result(call).ended_by == "line" for call in calls)
    assert {number: results[f"1357000{number}"] for number in ways} == {
        "1003": ("BUSY", "", "17"),
        "1004": ("CHANUNAVAIL", "", "21"),
        "1005": ("NOANSWER", "", "0"),
        "1006": ("CHANUNAVAIL", "", "3"),
    }
