"""Messages that callers leave: how a recording is named, and how much has been said in it."""

from __future__ import annotations

from pathlib import Path

SAMPLES_A_SECOND = 8000
SAMPLE_BYTES = 2
HEADER_BYTES = 44


def reference(call_id: str, verbs_turn: int) -> str:
    """The name of what the Record of this turn records, the same whichever engine performs it."""
    return f"{call_id}-{verbs_turn}"


def samples(path: Path) -> int:
    """How many samples the 16-bit WAV file `path`, named without its `.wav`, holds; 0 if none."""
    file = path.with_name(path.name + ".wav")
    try:
        size = file.stat().st_size
    except FileNotFoundError:
        return 0
    return max(0, size - HEADER_BYTES) // SAMPLE_BYTES
