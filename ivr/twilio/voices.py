"""The voice and the language code by which Twilio speaks each language of a call.

Source: Twilio, "TwiML Voice: Say", available voices and languages. A language without a row is
spoken by the voice of the first: Chinese.
"""

from __future__ import annotations

from typing import NamedTuple


class Voice(NamedTuple):
    name: str
    language: str


_VOICES = {
    "zh-CN": Voice("Polly.Zhiyu", "cmn-CN"),
    "en": Voice("Polly.Joanna", "en-US"),
    "yue": Voice("Polly.Hiujin-Neural", "yue-CN"),
}


def voice_of(language: str) -> Voice:
    return _VOICES.get(language, _VOICES["zh-CN"])
