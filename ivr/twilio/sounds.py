"""What Twilio plays of ours: people's recorded prompts, and the waiting music in pieces.

A prompt that nobody has recorded is spoken by Twilio's own voice. Every file is named by a digest
of its content or of how it was made, so its address never changes its meaning.
"""

from __future__ import annotations

import re
from pathlib import Path

from recordings.audio import write
from recordings.music import LOOP_MS, hold_music
from recordings.prompts import PromptCache

MUSIC_SECONDS = 4
"""A piece: a reservation that REST couldn't tell is noticed after it and a second of Gather's."""
BEGINNINGS = range(LOOP_MS // 1000 - MUSIC_SECONDS + 1)
"""Seconds of the loop at which a piece may begin."""

_NAME = re.compile(r"[a-z0-9-]{1,64}\Z")


class TwilioSounds:
    """:param directory: where pieces of music are kept."""

    def __init__(self, prompts: PromptCache, directory: Path) -> None:
        self._prompts = prompts
        self._directory = directory

    def recorded(self, prompt: str, language: str) -> str | None:
        """The name of a person's recording of a prompt."""
        path = self._prompts.recorded_file(prompt, language)
        return path.name if path is not None else None

    def prepare(self) -> None:
        """Make the pieces of music that aren't there: no caller waits for them. The first time
        takes a second or two."""
        missing = [begin for begin in BEGINNINGS if not self._piece(begin).exists()]
        if missing:
            music = hold_music()
            for begin in missing:
                write(music[begin * 1000 : (begin + MUSIC_SECONDS) * 1000], self._piece(begin))

    def music(self, waited: int) -> str:
        """The name of the music's next piece, for who has waited so many seconds."""
        return self._piece(waited % len(BEGINNINGS)).stem

    def file(self, name: str) -> Path | None:
        """The file behind a name; None for a name that we never gave."""
        if not _NAME.match(name):
            return None
        for folder in (self._directory, self._prompts.directory):
            file = folder / f"{name}.wav"
            if file.exists():
                return file
        return None

    def _piece(self, begin: int) -> Path:
        return self._directory / f"music-{begin}-{MUSIC_SECONDS}.wav"
