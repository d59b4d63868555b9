"""What an engine does about calls that Asterisk has or hasn't, and about stations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection
from structlog.testing import capture_logs

from config.settings import CONFIG, Settings
from ivr.assembly import Assembly
from ivr.asterisk.carrier import AsteriskCarrier
from ivr.asterisk.server import ping
from ivr.engine import Engine
from ivr.pending import OfferedCall
from ivr.twilio.carrier import TwilioCarrier
from tests.e2e.sipp import free_port
from tests.orders import open_order
from workorders.log import Entry
from workorders.views import orders_of

LONGEST = 20.0
NOON = datetime(2026, 6, 7, 4, 0, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Its Asterisk, called `gz`, is up and has no calls."""
    settings = Settings(
        data_directory=tmp_path,
        sister_lines_directory=CONFIG / "demo",
        asterisk_name="gz",
        fastagi_port=free_port("127.0.0.1"),
    )
    engine = Engine(Assembly.open(settings))
    engine.server.start()
    yield engine
    engine.server.stop()
    engine._assembly.store.close()


def _asterisk(engine: Engine) -> AsteriskCarrier:
    assert engine.asterisk is not None
    return engine.asterisk


def test_only_calls_of_the_own_asterisk_are_found_lost(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for call_id in ("gz-1780000000.1", "gz-2-1780000000.2", "wuhan-1780000000.3"):
        engine.controller.offered(
            OfferedCall(call_id, "asterisk", "PJSIP/x", "020-12355", None), NOON
        )
    monkeypatch.setattr(_asterisk(engine).ami, "channels", dict)
    _asterisk(engine).reconcile()
    assert [call.call_id for call in engine.controller.open_calls()] == [
        "gz-2-1780000000.2",
        "wuhan-1780000000.3",
    ]
    keys = engine._assembly.log.keys
    outcomes = engine._assembly.store.read(
        lambda c: {order["call_id"]: order["outcome"] for order in orders_of(c, keys, limit=9)}
    )
    assert outcomes["gz-1780000000.1"] == "failed"


def test_a_message_left_with_the_dialplan_is_kept_with_all_others(engine: Engine) -> None:
    call_id = "gz-1780000000.1"
    engine.controller.offered(OfferedCall(call_id, "asterisk", "PJSIP/x", "020-12355", None), NOON)
    settings = engine._assembly.settings
    for folder in ("calls", "voicemail"):
        (settings.spool_directory / folder).mkdir(parents=True)
    (settings.spool_directory / "voicemail" / f"{call_id}.wav").write_bytes(bytes(44 + 32_000))
    report = {
        "call_id": call_id, "at": 1780000009, "access_number": "02012355", "caller": "",
        "last_resort": "1", "crisis": "", "call_turn": "", "dial_status": "", "dialled": "",
        "talk_seconds": "", "talk_over": "",
    }  # fmt: skip
    file = settings.spool_directory / "calls" / f"{call_id}.json"
    file.write_text(json.dumps(report), "utf-8")
    _asterisk(engine).import_spool()
    keys = engine._assembly.log.keys
    (order,) = engine._assembly.store.read(lambda c: orders_of(c, keys, limit=9))
    assert (order["outcome"], order["recording_ref"]) == ("voicemail", call_id)
    assert (settings.recordings_directory / f"{call_id}.wav").stat().st_size == 44 + 32_000
    assert not list(settings.spool_directory.glob("*/*"))


def test_an_engine_whose_webhooks_have_died_gives_no_sign_of_life(tmp_path: Path) -> None:
    settings = Settings(
        data_directory=tmp_path,
        sister_lines_directory=CONFIG / "demo",
        asterisk=False,
        fastagi_port=free_port("127.0.0.1"),
        twilio_port=free_port("127.0.0.1"),
        twilio_account_sid="AC" + "1" * 32,
        twilio_auth_token=SecretStr("secret"),
        twilio_assessment="2026-17",
        twilio_public_address="https://ivr.example.cn",
        twilio_caller_id="+862012355000",
    )
    engine = Engine(Assembly.open(settings))
    engine.start()
    assert ping(settings.fastagi_address, LONGEST)
    carrier = engine._carriers["twilio"]
    assert isinstance(carrier, TwilioCarrier)
    carrier._server.stop()
    assert not ping(settings.fastagi_address, LONGEST)
    engine.stop()


def test_a_station_that_nobody_answers_is_told_to_the_operator_once(engine: Engine) -> None:
    assembly, at = engine._assembly, datetime.now(UTC) - timedelta(minutes=5)

    def missed(connection: Connection) -> None:
        for number in range(5):
            order_no = open_order(
                assembly.log, connection, call_id=f"gz-{number}", at=at, channel="asterisk",
                access_number="0771-12355", caller_id=None, id_trust="withheld",
                fields={"station_home": "450000", "topic": "law"},
            )  # fmt: skip
            left = Entry.closing(at + timedelta(seconds=30), "abandoned", "caller")
            assembly.log.append_all(connection, order_no, [Entry("queued", at, "engine", {}), left])

    assembly.store.write(missed)
    with capture_logs() as lines:
        engine._reassess()
        engine._reassess()
    told = [line for line in lines if line["event"] == "standing_changed"]
    assert [(line["station"], line["after"]) for line in told] == [("450000", "weak")]


def test_a_late_order_is_told_to_the_operator_once(engine: Engine) -> None:
    assembly, at = engine._assembly, datetime.now(UTC) - timedelta(days=30)

    def answered(connection: Connection) -> str:
        order_no = open_order(
            assembly.log, connection, call_id="gz-1", at=at, channel="asterisk",
            access_number="020-12355", caller_id=None, id_trust="withheld",
            fields={"station_home": "440100"},
        )  # fmt: skip
        assembly.log.append(connection, order_no, "answered", at, "counselor:gz-lin", {})
        return order_no

    order_no = assembly.store.write(answered)
    with capture_logs() as lines:
        engine._tell_due()
        engine._tell_due()
    told = [line for line in lines if line["event"] == "deadline_told"]
    assert [(line["order_no"], line["clock"], line["level"]) for line in told] == [
        (order_no, "decision", 1)
    ]
