"""What may be dialled of the directory, and who has to accept."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import CONFIG, Settings
from ivr.assembly import Assembly
from ivr.asterisk.provisions import Phone, Provisions
from recordings.prompts import PromptCache

DIRECTORY = """
verify_every_days: 90
services:
  duty_phone: {zh-CN: 值班电话, en: duty phone, short_code: null, reach: nation}
  psychology: {zh-CN: 心理援助, en: psychological aid, short_code: "12356", reach: nation}
  desk: {zh-CN: 分机, en: desk, short_code: null, reach: nation}
entries:
  duty: {service: duty_phone, region: null, number: "13800138000", verified: 2026-01-01}
  aid: {service: psychology, region: null, number: "02012356", verified: 2026-01-01}
  desk: {service: desk, region: null, number: "9000", verified: 2026-01-01, local: true}
  asked: {service: psychology, region: "440100", number: "02012345", verified: null}
"""


@pytest.fixture
def provisions(tmp_path: Path) -> Provisions:
    (tmp_path / "directory.yaml").write_text(DIRECTORY, encoding="utf-8")
    settings = Settings(
        data_directory=tmp_path / "data",
        sister_lines_directory=tmp_path,
        trunks_file=CONFIG / "demo" / "trunks.yaml",
        outbound_trunk="guangzhou",
    )
    assembly = Assembly.open(settings)
    controller = assembly.controller("one", lambda woken: None)
    return Provisions(assembly, controller, PromptCache(tmp_path))


@pytest.mark.parametrize(
    ("entry", "phone"),
    [
        ("duty", Phone("duty", "outside", "13800138000@guangzhou")),
        ("aid", Phone("aid", "sister_line", "02012356@guangzhou")),
        ("desk", Phone("desk", "sip", "sip-9000")),
        ("asked", None),
        ("withdrawn", None),
    ],
)
def test_a_directory_line(provisions: Provisions, entry: str, phone: Phone | None) -> None:
    assert provisions.directory_line(entry) == phone
