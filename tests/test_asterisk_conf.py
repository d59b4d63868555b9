"""The configuration that is written for Asterisk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ivr.asterisk.conf import dial_strings, files, write
from ivr.asterisk.conf_settings import Account, AsteriskSettings, LastResortPrompts, Trunk
from ivr.asterisk.conf_values import BadValue
from ivr.asterisk.install import Installation

TRUNK = Trunk("guangzhou", "02012355", ("203.0.113.7", "198.51.100.0/24"), "203.0.113.7:5060")
COUNSELOR = Account("1001", "sip", "a-secret-of-1001")


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(("/usr/sbin/asterisk",), tmp_path / "modules", tmp_path / "documentation")


@pytest.fixture
def settings() -> AsteriskSettings:
    prompts = Path("/srv/prompts")
    return AsteriskSettings(
        directory=Path("/srv/asterisk"),
        ami_secret="secret-of-the-manager",
        prompts=LastResortPrompts(prompts / "a", prompts / "b", prompts / "c"),
        trunks=(TRUNK,),
    )


def test_a_second_writing_changes_nothing(
    settings: AsteriskSettings, installation: Installation, tmp_path: Path
) -> None:
    settings = replace(settings, directory=tmp_path / "asterisk")
    conf = tmp_path / "etc"
    assert "pjsip.conf" in write(settings, [COUNSELOR], installation, conf)
    assert write(settings, [COUNSELOR], installation, conf) == []
    assert write(settings, [], installation, conf) == ["accounts.conf"]


def test_only_the_owner_may_read_what_is_written(
    settings: AsteriskSettings, installation: Installation, tmp_path: Path
) -> None:
    settings = replace(settings, directory=tmp_path / "asterisk")
    conf = tmp_path / "etc"
    write(settings, [COUNSELOR], installation, conf)
    private = settings.directory / "keys/private.pem"
    assert {path.stat().st_mode & 0o077 for path in [*conf.iterdir(), private]} == {0}


def test_a_certificate_of_the_operators_own_is_left_alone(
    settings: AsteriskSettings, installation: Installation, tmp_path: Path
) -> None:
    settings = replace(settings, directory=tmp_path / "asterisk")
    keys = settings.directory / "keys"
    keys.mkdir(parents=True)
    for name in ("certificate.pem", "private.pem"):
        (keys / name).write_text("ours")
    write(settings, [], installation, tmp_path / "etc")
    assert (keys / "private.pem").read_text() == "ours"


@pytest.mark.parametrize(
    "bad",
    [
        {"ami_secret": "short"},
        {"ami_secret": "a-long-secret\n[admin]"},
        {"ami_secret": "a-long-secret;comment"},
        {"ami_user": "engine]"},
        {"name": "a.b c"},
        {"bind": "localhost"},
        {"sip_port": 0},
        {"rtp_ports": (20000, 10000)},
        {"engines": ()},
        {"engines": ("127.0.0.1",)},
        {"engines": ("127.0.0.1:4573)\nsame => n,System(id",)},
        {"fallback": ("1001&Local/9@x",)},
        {"duty_phones": ("13800138000@a,b",)},
        {"directory": Path("/srv/a;b")},
        {"directory": Path("/srv/" + "a" * 100)},
        {"directory": Path("relative")},
        {"trunks": (replace(TRUNK, name="a]\n[b"),)},
        {"trunks": (replace(TRUNK, access_number="020-12355"),)},
        {"trunks": (replace(TRUNK, sources=("anywhere",)),)},
        {"trunks": (replace(TRUNK, peer="203.0.113.7:5060;x"),)},
    ],
)
def test_a_value_that_would_be_another_line_is_refused(
    settings: AsteriskSettings, installation: Installation, bad: dict[str, object]
) -> None:
    with pytest.raises(BadValue):
        files(replace(settings, **bad), [], installation, Path("/srv/etc"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "account",
    [replace(COUNSELOR, number="10 01"), replace(COUNSELOR, secret="a secret\npassword=x")],
)
def test_an_account_that_would_be_another_line_is_refused(
    settings: AsteriskSettings, installation: Installation, account: Account
) -> None:
    with pytest.raises(BadValue):
        files(settings, [account], installation, Path("/srv/etc"))


def test_a_refused_secret_is_not_told(
    settings: AsteriskSettings, installation: Installation
) -> None:
    with pytest.raises(BadValue) as refused:
        files(replace(settings, ami_secret="hush hush hush"), [], installation, Path("/srv/etc"))
    assert "hush" not in str(refused.value)


def test_a_caller_with_a_counselors_number_is_no_counselor(
    settings: AsteriskSettings, installation: Installation
) -> None:
    """Asterisk knows a telephone by the name in From: no account may be a bare number."""
    text = files(settings, [COUNSELOR], installation, Path("/srv/etc"))["accounts.conf"]
    assert "[sip-1001]" in text
    assert "[1001]" not in text


def test_an_outside_number_is_dialled_where_somebody_has_to_accept() -> None:
    assert (
        dial_strings(["sip-1001", "13800138000@guangzhou"])
        == "PJSIP/sip-1001&Local/13800138000@outside-guangzhou"
    )
