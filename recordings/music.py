"""Hold music, a beep and silence, made from tones: nobody holds rights in them."""

from __future__ import annotations

import warnings
from pathlib import Path

from recordings.audio import TELEPHONE_HZ, AudioSegment, levelled, write

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pydub.generators import Sine

MUSIC_DBFS = -27.0
CHORD_MS = 6000
OVERLAP_MS = 2000
CHORDS = (
    (130.8, 261.6, 329.6, 493.9),
    (110.0, 261.6, 329.6, 392.0),
    (174.6, 261.6, 349.2, 440.0),
    (196.0, 246.9, 293.7, 440.0),
)
"""C major 7, A minor 7, F, G with a ninth; in Hz."""
LOOP_MS = (CHORD_MS - OVERLAP_MS) * len(CHORDS)


def write_tones(sounds: Path, music: Path) -> None:
    """Make the beep that recording begins with, and the waiting music, unless they are there: an
    operator's own music in the folder is left alone. The first time takes a second or two."""
    if not (sounds / "beep.wav").exists():
        write(beep(), sounds / "beep.wav")
    if not any(music.glob("*")):
        write(hold_music(), music / "waiting.wav")


def hold_music() -> AudioSegment:
    """Soft slow chords that flow into each other; its end flows into its beginning."""
    size = CHORD_MS - OVERLAP_MS
    loop = AudioSegment.silent(duration=LOOP_MS, frame_rate=TELEPHONE_HZ)
    for number, chord in enumerate(CHORDS):
        sound = _chord(chord)
        loop = loop.overlay(sound, position=number * size)
        over_the_end = number * size + CHORD_MS - len(loop)
        if over_the_end > 0:
            loop = loop.overlay(sound[-over_the_end:])
    return levelled(loop, MUSIC_DBFS)


def beep() -> AudioSegment:
    """The tone after which a caller speaks."""
    tone = Sine(880, sample_rate=TELEPHONE_HZ).to_audio_segment(duration=300, volume=-20)
    return tone.fade_in(10).fade_out(30)


def silence() -> AudioSegment:
    return AudioSegment.silent(duration=250, frame_rate=TELEPHONE_HZ)


def _chord(notes: tuple[float, ...]) -> AudioSegment:
    sound = AudioSegment.silent(duration=CHORD_MS, frame_rate=TELEPHONE_HZ)
    for note in notes:
        for harmonic, volume in ((1, -24), (2, -40)):
            tone = Sine(note * harmonic, sample_rate=TELEPHONE_HZ)
            sound = sound.overlay(tone.to_audio_segment(duration=CHORD_MS, volume=volume))
    return sound.fade_in(OVERLAP_MS).fade_out(OVERLAP_MS)
