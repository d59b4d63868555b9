"""What `asterisk check` tells an administrator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ivr.asterisk import conf
from ivr.asterisk.check import check
from ivr.asterisk.conf_settings import Account, AsteriskSettings, LastResortPrompts
from ivr.asterisk.install import Installation
from tests.e2e.sipp import free_port

ACCOUNTS = [Account("8001", "sip", "a-secret-of-some-length")]


def _installation(folder: Path, version: str = "22.1.0") -> Installation:
    program = folder / "asterisk"
    program.write_text(f'#!/bin/sh\necho "Asterisk {version}"\n')
    program.chmod(0o755)
    return Installation((str(program),), folder / "modules", folder / "documentation")


def _settings(folder: Path) -> AsteriskSettings:
    prompt = folder / "prompt"
    return AsteriskSettings(
        directory=folder,
        ami_secret="secret-of-the-manager",
        prompts=LastResortPrompts(prompt, prompt, prompt),
        trunks=(),
        ami_port=free_port("127.0.0.1"),
    )


def test_no_asterisk_at_all_names_the_way_out(tmp_path: Path) -> None:
    assert check(_settings(tmp_path), ACCOUNTS, None, tmp_path) == [
        "no Asterisk 20 or later here: `run_ivr.py asterisk install` makes one"
    ]


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    problems = "\n".join(
        check(_settings(tmp_path), ACCOUNTS, _installation(tmp_path, "18.2.0"), tmp_path / "etc")
    )
    assert "Asterisk 18.2.0 is too old" in problems
    assert "modules missing" in problems
    assert "pjsip.conf is missing: `run_ivr.py asterisk conf` writes it" in problems
    assert "spool/calls cannot be written" in problems
    assert "callers would hear nothing" in problems
    assert "does Asterisk run, with our manager.conf?" in problems


def test_a_configuration_edited_by_hand_or_open_to_others_is_told(tmp_path: Path) -> None:
    settings, installation = _settings(tmp_path), _installation(tmp_path)
    etc = tmp_path / "etc"
    conf.write(settings, ACCOUNTS, installation, etc)
    (etc / "extensions.conf").write_text("[call]\n")
    (etc / "accounts.conf").chmod(0o644)
    problems = check(settings, ACCOUNTS, installation, etc)
    assert any("extensions.conf is not what our settings say" in line for line in problems)
    assert any("accounts.conf can be read by others" in line for line in problems)


def test_settings_that_cannot_be_written_are_told_in_a_line(tmp_path: Path) -> None:
    settings = replace(_settings(tmp_path), ami_user="a\nb")
    problems = check(settings, ACCOUNTS, _installation(tmp_path), tmp_path / "etc")
    assert any(line.startswith("our settings cannot be written") for line in problems)
