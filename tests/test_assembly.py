"""What a deployment wrote wrongly keeps the line from starting, and is told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import Settings
from config.yaml_file import ConfigErrors
from ivr.assembly import Assembly

TRUNK = '  - {name: %s, access_number: "%s", sources: [192.0.2.1], peer: "192.0.2.1:5060"}\n'


def settings(folder: Path, *trunks: tuple[str, str], outbound_trunk: str = "") -> Settings:
    file = folder / "trunks.yaml"
    file.write_text("trunks:\n" + "".join(TRUNK % trunk for trunk in trunks), encoding="utf-8")
    return Settings(data_directory=folder, trunks_file=file, outbound_trunk=outbound_trunk)


def test_a_misspelt_outbound_trunk_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as caught:
        Assembly.open(settings(tmp_path, ("guangzhou", "020-12355"), outbound_trunk="guangzou"))
    (told,) = caught.value.errors
    assert told.startswith(f"IVR_OUTBOUND_TRUNK: {tmp_path / 'trunks.yaml'} has no trunk guangzou")
    assert told.endswith("(did you mean guangzhou?)")


def test_a_trunk_whose_callers_nobody_would_serve_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match=r"trunks.yaml:2: .*no station has 020-12345"):
        Assembly.open(settings(tmp_path, ("guangzhou", "020-12345")))
