"""The audio of each prompt: a person's recording where there is one, else synthesised speech.

Files are named by their content, so a changed text is a new file and an old one is never wrong.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import structlog

from recordings.audio import AudioSegment, for_telephone, levelled, write
from recordings.music import silence
from recordings.speech import VOICES, SpeechError, pronounced, speak

log = structlog.get_logger()

RECIPE = "1"
"""Changed whenever the same text should sound different from before."""
PLACES = range(1, 21)
MINUTES = range(1, 6)


class PromptCache:
    """Audio files in `directory`, made where missing. Safe for many threads and processes.

    :param recorded: people's own recordings, `<prompt>.<language>.wav`, of any sample rate.
    """

    def __init__(self, directory: Path, recorded: Path | None = None) -> None:
        self.directory = directory
        self.recorded = recorded
        self._silence = directory / "silence"
        if not self._silence.with_suffix(".wav").exists():
            write(silence(), self._silence.with_suffix(".wav"))

    def file(self, text: str, language: str, prompt: str = "") -> Path:
        """The audio of a prompt, without its extension. A text that cannot be spoken is silence
        and an error in the log: no call ends for it."""
        try:
            return self.recorded_file(prompt, language) or self._spoken(text, language)
        except (SpeechError, OSError) as error:
            log.error("prompt_not_spoken", prompt=prompt, language=language, reason=str(error))
            return self._silence

    def recorded_file(self, prompt: str, language: str) -> Path | None:
        """A person's recording of a prompt, without its extension; None where there is none."""
        if self.recorded is None or not re.fullmatch(r"\w[\w.-]*", prompt):
            return None
        source = self.recorded / f"{prompt}.{language}.wav"
        try:
            about = source.stat()
        except FileNotFoundError:
            return None
        name = f"{RECIPE}|{source.name}|{about.st_size}|{about.st_mtime_ns}"
        try:
            return self._made(
                name, lambda: levelled(for_telephone(AudioSegment.from_wav(str(source))))
            )
        except Exception as error:  # whatever is wrong with a file, there is speech instead
            log.error("recorded_prompt_unreadable", file=source.name, reason=str(error))
            return None

    def prepare(
        self,
        texts: Iterable[tuple[str, str]],
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        """Make the audio of each (text, language) now; `progress` is told (done, total).
        Raises SpeechError where that cannot be."""
        wanted = list(dict.fromkeys(texts))
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            for done, _path in enumerate(pool.map(lambda one: self._spoken(*one), wanted), 1):
                progress(done, len(wanted))

    def _spoken(self, text: str, language: str) -> Path:
        said = f"{RECIPE}|{VOICES.get(language)}|{pronounced(text, language)}"
        return self._made(said, lambda: speak(text, language))

    def _made(self, what: str, make: Callable[[], AudioSegment]) -> Path:
        path = self.directory / hashlib.sha256(what.encode()).hexdigest()[:32]
        file = path.with_suffix(".wav")
        if not file.exists():
            write(make(), file)
        return path


def fillings(text: str) -> Iterator[str]:
    """`text` with its `{n}` (places in the queue) and `{m}` (minutes) filled in, for the numbers
    callers mostly hear; just `text` where it has neither."""
    places = PLACES if "{n}" in text else range(1)
    minutes = MINUTES if "{m}" in text else range(1)
    for n, m in product(places, minutes):
        yield text.replace("{n}", str(n)).replace("{m}", str(m))
