"""What `asterisk check` says of a running Asterisk."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from ivr.asterisk.check import check
from ivr.asterisk.install import Installation, install
from tests.e2e.asterisk import ROOT, RunningAsterisk
from tests.e2e.sipp import free_port

pytestmark = pytest.mark.e2e

NAME = Path("/proc/self/comm").read_text().strip()
"""How the system names us."""


def problems(asterisk: RunningAsterisk, **other: object) -> list[str]:
    settings = replace(asterisk.settings, **other)  # type: ignore[arg-type]
    return check(settings, list(asterisk.accounts), asterisk.installation, asterisk.conf_dir)


def test_nothing_is_wrong_with_our_own(asterisk: RunningAsterisk) -> None:
    assert problems(asterisk) == []


def test_no_asterisk_is_told_with_the_way_out(asterisk: RunningAsterisk) -> None:
    (told,) = check(asterisk.settings, [], None, asterisk.conf_dir)
    assert "asterisk install" in told


def test_another_secret_is_told_without_telling_it(asterisk: RunningAsterisk) -> None:
    told = problems(asterisk, ami_secret="another-secret-of-ours")
    assert any("manager.conf" in line and "settings" in line for line in told)
    assert any("AMI" in line and "secret" in line for line in told)
    assert not any("another-secret-of-ours" in line for line in told)


def test_a_manager_that_does_not_answer_is_told(asterisk: RunningAsterisk) -> None:
    told = problems(asterisk, ami_port=free_port("127.0.0.1"))
    assert any("AMI" in line and "does Asterisk run" in line for line in told)


def test_who_took_our_port_is_told(asterisk: RunningAsterisk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        told = problems(asterisk, tls_port=port)
    assert any(f"port {port}" in line and NAME in line for line in told)


def test_missing_modules_and_files_are_told(asterisk: RunningAsterisk, tmp_path: Path) -> None:
    lean = Installation(asterisk.installation.program, tmp_path, tmp_path)
    told = check(asterisk.settings, [], lean, tmp_path)
    assert any("chan_pjsip.so" in line for line in told)
    assert any("pjsip.conf is missing" in line for line in told)


def test_an_install_that_is_there_is_left_as_it_is() -> None:
    said: list[str] = []
    if (ROOT / "usr").exists():
        assert install(ROOT, said.append).major() >= 20
        assert len(said) == 1
