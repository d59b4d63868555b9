"""Prompts, music and tones: what comes out of the loudspeaker."""

from __future__ import annotations

import shutil
import wave
from pathlib import Path

import pytest
from pydub import AudioSegment
from pydub.generators import Sine

from recordings.music import silence, write_tones
from recordings.prompts import PromptCache, fillings
from recordings.speech import SpeechError, pronounced

GREETING = (
    "你好，这里是12355青少年服务台。情况紧急请按星号键；法律请按1，心理请按2。"
    "不用按键，也会有人接听。"
)

spoken = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng not installed")


@pytest.fixture
def prompts(tmp_path: Path) -> PromptCache:
    (tmp_path / "recorded").mkdir()
    return PromptCache(tmp_path / "prompts", tmp_path / "recorded")


def sound(path: Path) -> AudioSegment:
    return AudioSegment.from_wav(f"{path}.wav")


@spoken
def test_the_greeting_is_telephone_audio_at_a_speaking_pace(prompts: PromptCache) -> None:
    path = prompts.file(GREETING, "zh-CN", "greeting")
    with wave.open(f"{path}.wav") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
    greeting = sound(path)
    assert 9 <= greeting.duration_seconds <= 13
    assert -24 <= greeting.dBFS <= -16
    assert greeting.max_dBFS < -0.5


@spoken
def test_a_prompt_is_made_once(prompts: PromptCache) -> None:
    first = prompts.file("你好", "zh-CN")
    made = first.with_suffix(".wav").stat().st_mtime_ns
    assert prompts.file("你好", "zh-CN") == first
    assert first.with_suffix(".wav").stat().st_mtime_ns == made
    assert prompts.file("hello", "en") != first


@spoken
@pytest.mark.parametrize(
    "text", ["; touch stolen", "$(touch stolen)", "-f /etc/passwd", "--help", "<s>&|`\n\"'", "[[x"]
)
def test_no_text_is_more_than_text(
    prompts: PromptCache, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert prompts.file(text, "en").with_suffix(".wav").exists()
    assert not (tmp_path / "stolen").exists()


def test_telephone_numbers_are_said_digit_by_digit() -> None:
    assert pronounced("拨120或12355，前面还有12位", "zh-CN") == "拨幺二零或幺二三五五，前面还有12位"
    assert pronounced("前面还有2位，约12分钟", "zh-CN") == "前面还有两位，约12分钟"
    assert pronounced("dial 110, press 1", "en") == "dial 1 1 0, press 1"


@pytest.mark.parametrize("prompt", ["greeting", "crisis.wait"])
def test_a_persons_recording_wins_and_is_made_fit(
    prompts: PromptCache, tmp_path: Path, prompt: str
) -> None:
    tone = Sine(440, sample_rate=44100).to_audio_segment(duration=1000, volume=-45)
    source = tmp_path / "recorded" / f"{prompt}.zh-CN.wav"
    tone.set_channels(2).export(str(source), format="wav")
    path = prompts.file("任何文字", "zh-CN", prompt)
    with wave.open(f"{path}.wav") as file:
        assert (file.getframerate(), file.getnchannels()) == (8000, 1)
    assert sound(path).dBFS > -25
    tone[:500].export(str(source), format="wav")
    assert prompts.file("任何文字", "zh-CN", prompt) != path


@spoken
def test_a_broken_recording_gives_speech(prompts: PromptCache, tmp_path: Path) -> None:
    (tmp_path / "recorded" / "greeting.zh-CN.wav").write_bytes(b"not sound")
    assert prompts.file("你好", "zh-CN", "greeting") == prompts.file("你好", "zh-CN")


def test_a_prompts_name_leads_nowhere_else(prompts: PromptCache, tmp_path: Path) -> None:
    (tmp_path / "secret.xx.wav").write_bytes(b"")
    assert prompts.file("x", "xx", "../secret").name == "silence"


def test_a_text_that_cannot_be_spoken_is_silence_and_no_exception(
    prompts: PromptCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    path = prompts.file("从没说过的话", "zh-CN")
    assert sound(path).rms == 0


def test_a_missing_espeak_is_told_in_one_line_at_start(
    prompts: PromptCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SpeechError, match=r"^espeak-ng is not installed: apt-get install"):
        prompts.prepare([("从没说过的话", "zh-CN")])


@spoken
def test_prompts_are_prepared_ahead_with_progress(prompts: PromptCache) -> None:
    texts = [(text, "zh-CN") for text in fillings("还有{n}位") if int(text[2:-1]) <= 4]
    told: list[tuple[int, int]] = []
    prompts.prepare([*texts, *texts], lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_fillings_cover_what_callers_mostly_hear() -> None:
    assert list(fillings("请稍等")) == ["请稍等"]
    assert len(list(fillings("前面还有{n}位，约{m}分钟"))) == 100


def test_music_is_calm_and_there(tmp_path: Path) -> None:
    write_tones(tmp_path, tmp_path / "music")
    music = sound(tmp_path / "music" / "waiting")
    assert music.duration_seconds > 10
    assert -32 < music.dBFS < -22
    assert all(music[at : at + 1000].dBFS > -45 for at in range(0, 15000, 1000))
    assert sound(tmp_path / "beep").dBFS > -30
    assert silence().rms == 0


def test_an_operators_own_music_is_left_alone(tmp_path: Path) -> None:
    own = tmp_path / "music" / "ours.wav"
    own.parent.mkdir()
    own.touch()
    write_tones(tmp_path, own.parent)
    assert list(own.parent.iterdir()) == [own]
