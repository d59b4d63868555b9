"""What Twilio plays of ours: people's recorded prompts, and the waiting music in pieces.

A prompt that nobody has recorded is spoken by Twilio's own voice. Every file is named by a digest
of its content or of how it was made, so its address never changes its meaning.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path

from recordings.audio import AudioSegment, write
from recordings.music import hold_music
from recordings.prompts import PromptCache

_NAME = re.compile(r"[a-z0-9-]{1,64}\Z")


class TwilioSounds:
    """:param directory: where pieces of music are kept."""

    def __init__(self, prompts: PromptCache, directory: Path) -> None:
        self._prompts = prompts
        self._directory = directory
        self._music: AudioSegment | None = None
        self._making = threading.Lock()

    def recorded(self, prompt: str, language: str) -> str | None:
        """The name of a person's recording of a prompt."""
        path = self._prompts.recorded_file(prompt, language)
        return path.name if path is not None else None

    def music(self, waited: int, seconds: int) -> str:
        """The name of the next `seconds` of music for who has waited so long."""
        with self._making:
            if self._music is None:
                self._music = hold_music()
            begin = waited * 1000 % (len(self._music) - seconds * 1000 + 1)
            begin -= begin % 1000
            name = f"music-{begin // 1000}-{seconds}"
            file = self._directory / f"{name}.wav"
            if not file.exists():
                self._directory.mkdir(parents=True, exist_ok=True)
                write(self._music[begin : begin + seconds * 1000], file)
            return name

    def file(self, name: str) -> Path | None:
        """The file behind a name; None for a name that we never gave."""
        if not _NAME.match(name):
            return None
        for folder in (self._directory, self._prompts.directory):
            file = folder / f"{name}.wav"
            if file.exists():
                return file
        return None
