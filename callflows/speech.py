"""How long a prompt takes to speak, at the rate the field counts with."""

from __future__ import annotations

import re

SYLLABLES_A_SECOND = 4.0
WORDS_A_SECOND = 2.5

_SYLLABLE = re.compile(r"[\u3400-\u9fff0-9]")
_WORD = re.compile(r"[A-Za-z0-9'{}]+")


def seconds(text: str, language: str) -> float:
    """Chinese by syllables (a character or a digit each), anything else by words."""
    if language == "zh-CN":
        return len(_SYLLABLE.findall(text)) / SYLLABLES_A_SECOND
    return len(_WORD.findall(text)) / WORDS_A_SECOND
