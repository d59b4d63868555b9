"""RTP as a capture file for SIPp to play, RTP played by ourselves, and RTP counted where it
arrives.

A call's whole sound is one stream: a G.711 A-law tone in packets of 20 ms, in which RFC 4733
telephone events take the tone's place while a key is down.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

PACKET_MS = 20
SAMPLES = 160
KEY_MS = 120
ALAW = 8
EVENTS = 101
KEYS = "0123456789*#ABCD"
VOLUME = 10
"""Of a key, in -dBm0."""
CALLER_HERTZ = 400
"""What a capture sounds like, where nothing else is asked for."""


def write_capture(
    path: Path,
    seconds: float,
    keys: Iterable[tuple[float, str]] = (),
    hertz: int = CALLER_HERTZ,
) -> None:
    """A capture of `seconds` of tone in which `keys` are pressed, each at its second."""
    pressed = sorted(keys)
    sequence = itertools.count(1)
    tone = _tone(hertz)
    with path.open("wb") as out:
        # https://wiki.wireshark.org/Development/LibpcapFileFormat, link type Ethernet.
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        down: tuple[int, int] | None = None
        for number in range(int(seconds * 1000) // PACKET_MS):
            now = number * PACKET_MS
            if pressed and down is None and pressed[0][0] * 1000 <= now:
                down = (KEYS.index(pressed.pop(0)[1]), now)
            if down is None:
                payload, kind, marker, stamp = tone, ALAW, False, number * SAMPLES
                repeats = 1
            else:
                event, since = down
                ended = now - since >= KEY_MS
                lasted = (now - since + PACKET_MS) * SAMPLES // PACKET_MS
                payload = struct.pack("!BBH", event, VOLUME | (0x80 if ended else 0), lasted)
                kind, marker, stamp = EVENTS, now == since, since * SAMPLES // PACKET_MS
                # The end is told three times (RFC 4733, 2.5.1.4).
                repeats = 3 if ended else 1
                down = None if ended else down
            for _ in range(repeats):
                out.write(_frame(now, _rtp(kind, marker, next(sequence), stamp, payload)))


@contextmanager
def playing(hertz: int, port: int, to: tuple[str, int]) -> Iterator[None]:
    """Send a tone from this port of 127.0.0.1; what comes back is left to whoever listens."""
    tone = _tone(hertz)
    stopping = threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sound:
        sound.bind(("127.0.0.1", port))

        def run() -> None:
            number = itertools.count(1)
            while not stopping.wait(PACKET_MS / 1000):
                n = next(number)
                sound.sendto(_rtp(ALAW, n == 1, n, n * SAMPLES, tone), to)

        thread = threading.Thread(target=run, name="playing", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()


def _rtp(kind: int, marker: bool, sequence: int, stamp: int, payload: bytes) -> bytes:
    marked = kind | (0x80 if marker else 0)
    return struct.pack("!BBHII", 0x80, marked, sequence & 0xFFFF, stamp, 0x12355) + payload


def _tone(hertz: int) -> bytes:
    """20 ms, of whole waves at any multiple of 50 Hz."""
    turn = 2 * math.pi * hertz / 8000
    return bytes(_alaw(int(6000 * math.sin(turn * n))) for n in range(SAMPLES))


def _alaw(sample: int) -> int:
    """G.711 A-law of a 16-bit sample."""
    sign = 0x80 if sample >= 0 else 0
    magnitude = min(abs(sample) >> 4, 0x7FF)
    if magnitude < 32:
        code = magnitude >> 1
    else:
        exponent = magnitude.bit_length() - 5
        code = exponent << 4 | (magnitude >> exponent) & 0x0F
    return (code | sign) ^ 0x55


def _frame(at_ms: int, payload: bytes) -> bytes:
    udp = struct.pack("!HHHH", 6000, 6000, 8 + len(payload), 0) + payload
    ip = struct.pack(
        "!BBHHHBBH4s4s",
        0x45,
        0,
        20 + len(udp),
        0,
        0,
        64,
        17,
        0,
        bytes([127, 0, 0, 1]),
        bytes([127, 0, 0, 1]),
    )
    frame = bytes(12) + b"\x08\x00" + ip + udp
    header = struct.pack("<IIII", at_ms // 1000, at_ms % 1000 * 1000, len(frame), len(frame))
    return header + frame


class RtpCounter:
    """Counts the RTP packets that arrive at each address of this machine.

    It looks at a copy of all UDP, so that whoever plays the telephone needn't read its socket;
    like playing captures, this needs the right to raw sockets.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_194_304)
        self._socket.settimeout(0.2)
        self._counts: Counter[tuple[str, int]] = Counter()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="rtp-counter", daemon=True)
        self._thread.start()

    def arrived(self, address: str, port: int) -> int:
        return self._counts[address, port]

    def stop(self) -> None:
        self._stopping = True
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._stopping:
            with contextlib.suppress(TimeoutError):
                packet = self._socket.recv(2048)
                header = (packet[0] & 0x0F) * 4
                # RTP is of version 2, and its payload types leave out RTCP's.
                if packet[header + 8] >> 6 == 2 and not 64 <= packet[header + 9] & 0x7F < 96:
                    port = struct.unpack_from("!H", packet, header + 2)[0]
                    self._counts[socket.inet_ntoa(packet[16:20]), port] += 1
