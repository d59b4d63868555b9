"""Speech for prompts that nobody has recorded yet, by espeak-ng.

The Mandarin voice is `cmn-latn-pinyin`: plain `cmn` of espeak-ng 1.51 spells most characters
as English letters. At its speed here it speaks about four syllables a second.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from recordings.audio import AudioSegment, for_telephone, levelled

LONGEST_SECONDS = 20
LONGEST_TEXT = 2000


class SpeechError(Exception):
    """A text cannot be spoken; the message is one line."""


@dataclass(frozen=True, slots=True)
class Voice:
    name: str
    words_per_minute: int


VOICES: Mapping[str, Voice] = {
    "zh-CN": Voice("cmn-latn-pinyin", 205),
    "en": Voice("en-us", 160),
}
CHINESE_DIGITS = str.maketrans("0123456789", "零幺二三四五六七八九")


def speak(text: str, language: str) -> AudioSegment:
    """Telephone audio of `text`. Raises SpeechError."""
    voice = VOICES.get(language)
    if voice is None:
        raise SpeechError(f"no voice speaks {language}: record the prompt")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "speech.wav"
        command = ["espeak-ng", "-v", voice.name, "-s", str(voice.words_per_minute)]
        try:
            subprocess.run(
                [*command, "--stdin", "-w", str(path)],
                input=pronounced(text, language).encode(),
                capture_output=True,
                check=True,
                timeout=LONGEST_SECONDS,
            )
            return levelled(for_telephone(AudioSegment.from_wav(str(path))))
        except FileNotFoundError:
            message = "espeak-ng is not installed: apt-get install espeak-ng"
            raise SpeechError(message) from None
        except subprocess.TimeoutExpired:
            raise SpeechError(f"espeak-ng took over {LONGEST_SECONDS} s") from None
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode(errors="replace").strip().splitlines() or ["no reason"]
            raise SpeechError(f"espeak-ng failed: {said[0]}") from None


def pronounced(text: str, language: str) -> str:
    """`text` as it is to be spoken: telephone numbers digit by digit, two as 两 of a count."""
    text = " ".join(text.replace("[[", " ").split())[:LONGEST_TEXT]
    if language == "zh-CN":
        text = re.sub(r"\d{3,}", lambda digits: digits[0].translate(CHINESE_DIGITS), text)
        return re.sub(r"(?<!\d)2(?=[位个])", "两", text)
    return re.sub(r"\d{3,}", lambda digits: " ".join(digits[0]), text)
