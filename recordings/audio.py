"""Sound as a telephone takes it: 8 kHz, mono, 16 bits, at an even level."""

from __future__ import annotations

import audioop
import os
import warnings
from pathlib import Path

from recordings.whole_file import whole_file

with warnings.catch_warnings():
    # It warns of a missing ffmpeg, which WAV needs not, and of its own regular expressions.
    warnings.simplefilter("ignore")
    from pydub import AudioSegment

TELEPHONE_HZ = 8000
SPEECH_DBFS = -20.0
PEAK_DBFS = -1.0

__all__ = ["AudioSegment", "for_telephone", "levelled", "write"]


def for_telephone(sound: AudioSegment) -> AudioSegment:
    """`sound` at 8 kHz, mono, 16 bits, without what would fold back into the voice band."""
    sound = sound.set_channels(1).set_sample_width(2)
    if sound.frame_rate > TELEPHONE_HZ * 2:
        sound = sound._spawn(_softened(sound.raw_data))
    return sound.set_frame_rate(TELEPHONE_HZ)


def levelled(sound: AudioSegment, dbfs: float = SPEECH_DBFS) -> AudioSegment:
    """`sound` at an average of `dbfs`, or as near as its peaks allow without clipping."""
    if sound.rms == 0:
        return sound
    return sound.apply_gain(min(dbfs - sound.dBFS, PEAK_DBFS - sound.max_dBFS))


def write(sound: AudioSegment, path: Path) -> None:
    """Write a WAV file that appears whole or not at all, and that Asterisk may read."""
    with whole_file(path) as file:
        sound.export(file, format="wav")
        os.fchmod(file.fileno(), 0o644)


def _softened(samples: bytes) -> bytes:
    """The mean of each three neighbours: at 22 kHz its first zero is at 7.4 kHz, and what folds
    onto telephone speech is 6 dB lower and more."""
    third = audioop.mul(samples, 2, 1 / 3)
    pair = audioop.add(third[:-4], third[2:-2], 2)
    return audioop.add(pair, third[4:], 2)
