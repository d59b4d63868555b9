"""What a telephone hears: its RTP taken from the wire, and tones and recordings in it."""

from __future__ import annotations

import contextlib
import io
import math
import socket
import struct
import threading
import wave
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import mul
from pathlib import Path

from tests.e2e.media import ALAW, EVENTS, KEYS

RATE = 8000
QUIET = 100
"""Samples below are nobody's voice."""
WINDOW = 800
"""Samples looked at for a tone: a tenth of a second."""


class Ear:
    """The sound that reaches one port, oldest first, as 16-bit samples; and the keys pressed on the
    other side, each by its time (RFC 4733)."""

    def __init__(self, samples: Sequence[int] = ()) -> None:
        self.samples = list(samples)
        self.pressed: dict[bytes, str] = {}

    @classmethod
    def at(cls, recording: bytes) -> Ear:
        """What a WAV of 16 bits sounds like."""
        with wave.open(io.BytesIO(recording)) as file:
            return cls(array("h", file.readframes(file.getnframes())))

    @property
    def keys(self) -> list[str]:
        return list(self.pressed.values())

    def silent(self, since: int) -> bool:
        """Has nothing been heard for a second, of what came after so many samples?"""
        heard = self.samples[since:][-RATE:]
        return len(heard) == RATE and max(map(abs, heard)) < QUIET

    def hears(self, hertz: int) -> bool:
        """Has a pure tone of this pitch sounded for a tenth of a second?"""
        return self.hears_among_others(hertz, 0.8)

    def hears_among_others(self, hertz: int, share: float = 0.2) -> bool:
        """Has a tone of this pitch sounded, maybe with others?"""
        windows = _windows(self.samples)
        return any(_share(window, hertz) > share for window in windows if any(window))

    def hears_recording(self, file: Path, beside: int = 0) -> bool:
        """Has the loudest tenth of a second of a recording sounded?

        :param beside: the pitch of a tone that sounded all the while, a divisor of `RATE`.
        """
        with wave.open(str(file)) as recording:
            spoken = array("h", recording.readframes(recording.getnframes()))
        heard, likeness = self.samples, 0.95
        if beside:
            spoken, heard = _without(spoken, beside), _without(heard, beside)
            likeness = 0.8
        loudest = max(_windows(spoken), key=_energy)
        return any(
            _likeness(loudest, heard[start : start + WINDOW]) > likeness
            for start in range(len(heard) - WINDOW)
        )


@contextmanager
def listening(address: str, port: int) -> Iterator[Ear]:
    """Listen to a copy of what arrives there; needs the right to raw sockets."""
    ear = Ear()
    stopping = threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_194_304)
        wire.settimeout(0.2)

        def run() -> None:
            while not stopping.is_set():
                with contextlib.suppress(TimeoutError):
                    packet = wire.recv(2048)
                    udp = (packet[0] & 0x0F) * 4
                    reached = socket.inet_ntoa(packet[16:20])
                    if (reached, *struct.unpack_from("!H", packet, udp + 2)) != (address, port):
                        continue
                    rtp = packet[udp + 8 :]
                    if rtp[0] >> 6 == 2 and rtp[1] & 0x7F == ALAW:
                        ear.samples.extend(_LINEAR[code] for code in rtp[12:])
                    elif rtp[0] >> 6 == 2 and rtp[1] & 0x7F == EVENTS:
                        ear.pressed[rtp[4:8]] = KEYS[rtp[12]]

        thread = threading.Thread(target=run, name="ear", daemon=True)
        thread.start()
        try:
            yield ear
        finally:
            stopping.set()
            thread.join()


def _without(samples: Sequence[int], hertz: int) -> Sequence[int]:
    """Less of everything, and nothing of this tone: each sample without that of a wave before."""
    wave_before = RATE // hertz
    return [now - then for now, then in zip(samples[wave_before:], samples, strict=False)]


def _windows(samples: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(samples) - WINDOW, WINDOW):
        yield samples[start : start + WINDOW]


def _share(samples: Sequence[int], hertz: int) -> float:
    """How much of the sound's energy is at `hertz` (Goertzel), 0 to 1."""
    turn = 2 * math.pi * hertz / RATE
    real = sum(sample * math.cos(turn * n) for n, sample in enumerate(samples))
    imaginary = sum(sample * math.sin(turn * n) for n, sample in enumerate(samples))
    return 2 * (real * real + imaginary * imaginary) / (len(samples) * _energy(samples))


def _likeness(one: Sequence[int], other: Sequence[int]) -> float:
    """1 for the same sound, however loud, 0 for sounds that have nothing in common."""
    energies = _energy(one) * _energy(other)
    return sum(map(mul, one, other)) / math.sqrt(energies) if energies else 0.0


def _energy(samples: Sequence[int]) -> int:
    return sum(map(mul, samples, samples))


def _linear(code: int) -> int:
    """The 16-bit sample of a G.711 A-law code."""
    code ^= 0x55
    exponent, mantissa = (code >> 4) & 0x07, code & 0x0F
    sample = (mantissa << 4) + 8 if exponent == 0 else ((mantissa << 4) + 0x108) << (exponent - 1)
    return sample if code & 0x80 else -sample


_LINEAR = [_linear(code) for code in range(256)]
