"""The engine's log: a disk that is full must cost the line a log line, not a call."""

from __future__ import annotations

import contextlib
from typing import TextIO


class LogOutput:
    """Writes to `file`; what cannot be written is lost."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._file.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._file.flush()
