"""What an engine does about calls that Asterisk has or hasn't."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.settings import CONFIG, Settings
from ivr.assembly import Assembly
from ivr.engine import Engine
from ivr.pending import OfferedCall
from workorders.views import orders_of

NOON = datetime(2026, 6, 7, 4, 0, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Not serving; its Asterisk, called `gz`, is up and has no calls."""
    settings = Settings(
        data_directory=tmp_path, sister_lines_directory=CONFIG / "demo", asterisk_name="gz"
    )
    engine = Engine(Assembly.open(settings), "secret")
    yield engine
    engine._assembly.store.close()


def test_only_calls_of_the_own_asterisk_are_found_lost(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for call_id in ("gz-1780000000.1", "gz-2-1780000000.2", "wuhan-1780000000.3"):
        engine.controller.offered(
            OfferedCall(call_id, "asterisk", "PJSIP/x", "020-12355", None), NOON
        )
    monkeypatch.setattr(engine.ami, "channels", dict)
    engine._reconcile()
    assert [call.call_id for call in engine.controller.open_calls()] == [
        "gz-2-1780000000.2",
        "wuhan-1780000000.3",
    ]
    keys = engine._assembly.log.keys
    outcomes = engine._assembly.store.read(
        lambda c: {order["call_id"]: order["outcome"] for order in orders_of(c, keys, limit=9)}
    )
    assert outcomes["gz-1780000000.1"] == "failed"
