"""Settings: sane without any, and plain words for what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import Settings, SettingsError
from config.topics import load_topics
from config.yaml_file import ConfigErrors, YamlFile


def test_without_any_variable_everything_is_on_loopback() -> None:
    settings = Settings.read()
    assert settings.bind_address == "127.0.0.1"
    assert settings.store == f"sqlite:///{settings.data_directory / 'ivr.db'}"
    assert (settings.stations_directory / "stations.yaml").exists()


def test_calls_are_named_after_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "GZ_Line.1.example.org")
    assert Settings.read().asterisk_name == "gz-line"


def test_a_variable_changes_a_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IVR_DATA_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("IVR_AMI_PORT", "15038")
    settings = Settings.read()
    assert settings.ami_port == 15038
    assert settings.prompts_directory == tmp_path / "prompts"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("IVR_AMI_PORT", "many", "IVR_AMI_PORT: Input should be a valid integer"),
        ("IVR_SIP_PORT", "70000", "IVR_SIP_PORT: Input should be less than or equal to 65535"),
        ("IVR_AMI_PRT", "5038", "IVR_AMI_PRT: unknown setting (did you mean IVR_AMI_PORT?)"),
        ("IVR_STORE_URL", "mysql://", "IVR_STORE_URL: must begin with sqlite:/// or postgresql"),
        ("IVR_SIP_PORT", "5038", "IVR_AMI_PORT and IVR_SIP_PORT are the same port 5038"),
        ("IVR_LAST_RESORT_NUMBER", "110&x", "IVR_LAST_RESORT_NUMBER: must be digits"),
        ("IVR_TWILIO_FALLBACK_NUMBERS", "8109", "IVR_TWILIO_FALLBACK_NUMBERS: must be numbers"),
        ("IVR_ASTERISK", "off", "IVR_ASTERISK=off leaves no carrier: set IVR_TWILIO_ACCOUNT_SID"),
        ("IVR_ASTERISK_NAME", "广州 1", "IVR_ASTERISK_NAME: String should match pattern"),
    ],
)
def test_a_wrong_variable_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        Settings.read()
    assert str(caught.value).startswith(told) or f"IVR_*: {told}" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_AMI_SECRET", "hush-hush")
    assert "hush-hush" not in repr(Settings.read())


def test_topics_have_names_in_both_languages() -> None:
    topics = load_topics(Settings.read().stations_directory)
    assert topics["psychology"].name("zh-CN") == "心理"
    assert topics["law"].name("en") == "law"
    assert "unknown" in topics


def test_topics_without_one_for_the_silent_caller_are_refused(tmp_path: Path) -> None:
    (tmp_path / "topics.yaml").write_text(
        "topics:\n  law: {zh-CN: 法律, en: law, credential: law}\n", encoding="utf-8"
    )
    with pytest.raises(ConfigErrors, match=r"topics.yaml:1: topics: unknown is missing"):
        load_topics(tmp_path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a: 1\na: 2\n", "x.yaml:2: not YAML: found duplicate key"),
        (b"a: [1\n", "not YAML"),
        (b"\xff\xfe", "not UTF-8 text"),
        (b"a: \x00", "not YAML"),
        (b"#" * 1_000_001, "larger than 1000000 bytes"),
    ],
)
def test_a_file_that_is_no_yaml_is_one_line(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigErrors) as caught:
        YamlFile(path)
    assert told in caught.value.errors[0]
    assert len(str(caught.value).splitlines()) == 1
