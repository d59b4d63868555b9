"""What keeps the line from starting is told in one line, with the way out."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from config.settings import PORTS, Settings
from ivr.serve import CannotServe, Line


@pytest.mark.parametrize("name", PORTS)
def test_a_port_that_is_taken_is_named(name: str, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        settings = Settings(
            data_directory=tmp_path,
            twilio_account_sid="AC" + "0" * 32,
            twilio_auth_token=SecretStr("token"),
            twilio_assessment="2026-17",
            twilio_public_address="https://ivr.example.cn",
            twilio_caller_id="+862012355000",
            **_free_ports() | {name: port},
        )
        line = Line(settings, Path("run_ivr.py"), lambda text: None, callers=False)
        with pytest.raises(CannotServe, match=rf"port {port} is taken.*IVR_{name.upper()} "):
            line.start()
        assert line.keepers == []


def _free_ports() -> dict[str, Any]:
    """Ports that nobody has."""
    with ExitStack() as held:
        sockets = {name: held.enter_context(socket.socket()) for name in PORTS}
        for each in sockets.values():
            each.bind(("127.0.0.1", 0))
        return {name: each.getsockname()[1] for name, each in sockets.items()}
