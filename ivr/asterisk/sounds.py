"""The few sounds that Asterisk itself plays: a tone before recording, and music while waiting.

Composed here, so that nothing needs a licence: a slow pentatonic tune, quiet, without a beat.
"""

from __future__ import annotations

import math
import wave
from array import array
from pathlib import Path

RATE = 8000
LOUDNESS = 5000
"""Peak of 32,767: quieter than a voice."""
NOTE_SECONDS = 1.5
TUNE = (392.0, 440.0, 523.3, 587.3, 659.3, 587.3, 523.3, 440.0, 392.0, 329.6, 392.0, 440.0)


def write_sounds(sounds: Path, music: Path) -> None:
    """Make `beep.wav` and the waiting music, unless they are there. An operator's own music in
    the folder is left alone."""
    beep = sounds / "en/beep.wav"
    if not beep.exists():
        write_wav(beep, tone(1000.0, 0.3))
    if not any(music.iterdir()):
        write_wav(music / "waiting.wav", _tune())


def tone(frequency: float, seconds: float) -> array[int]:
    """Samples of a tone, in Hz."""
    count = int(RATE * seconds)
    step = 2 * math.pi * frequency / RATE
    return array("h", (int(LOUDNESS * math.sin(step * n)) for n in range(count)))


def _tune() -> array[int]:
    """Each note swells and fades into the next over its octave below."""
    count = int(RATE * NOTE_SECONDS)
    samples = array("h")
    for note in TUNE:
        step = 2 * math.pi * note / RATE
        for n in range(count):
            swell = math.sin(math.pi * n / count) ** 2
            sound = 0.7 * math.sin(step * n) + 0.3 * math.sin(step * n / 2)
            samples.append(int(LOUDNESS * swell * sound))
    return samples


def write_wav(path: Path, samples: array[int]) -> None:
    """Write 8 kHz mono, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    with wave.open(str(new), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes())
    new.replace(path)
