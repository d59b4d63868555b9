"""RECORD FILE: until a key, the time-out, silence, or a hang-up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.asterisk_stand_in.signals import Key
from tests.twilio_stand_in.failures import HungUp
from tests.twilio_stand_in.process import Steps, Wait, sleep

if TYPE_CHECKING:
    from tests.asterisk_stand_in.channel import Channel

RATE = 8000
HEADER_BYTES = 44
SAMPLE_BYTES = 2


def record(
    channel: Channel,
    file: str,
    form: str,
    keys: str,
    timeout: str,
    offset: str,
    *options: str,
) -> Steps[str]:
    clock = channel.asterisk.clock
    silence = next((float(option[2:]) for option in options if option.startswith("s=")), 0.0)
    began = clock.elapsed
    key, ended = "", "timeout"
    try:
        if "BEEP" in options:
            yield from sleep(channel.asterisk.beep_seconds, clock)
        began = clock.elapsed
        key = yield from _listen(channel, keys, began + int(timeout) / 1000, silence)
    except HungUp:
        channel.gone = True
        ended = "hangup"
    seconds = clock.elapsed - began
    if not key and ended == "timeout" and seconds * 1000 < int(timeout):
        # Of the silence that ended it a second is kept: ast_stream_rewind(fs, silence - 1000).
        seconds -= silence - 1
    samples = int(offset) + round(seconds * RATE)
    _write(Path(f"{file}.{form}"), samples)
    if key:
        return f"200 result={ord(key)} (dtmf) endpos={samples}"
    return f"200 result={-1 if ended == 'hangup' else 0} ({ended}) endpos={samples}"


def _listen(channel: Channel, keys: str, longest: float, silence: float) -> Steps[str]:
    clock = channel.asterisk.clock
    began = clock.elapsed
    while True:
        end = longest
        if silence:
            end = min(longest, max(began, channel.speaks_until) + silence)
        if (left := end - clock.elapsed) <= 0:
            return ""
        signal = yield Wait(left)
        if isinstance(signal, Key) and signal.digit in keys:
            return signal.digit


def _write(file: Path, samples: int) -> None:
    """As long as it would be, without sound; a sparse file."""
    with file.open("wb") as opened:
        opened.truncate(HEADER_BYTES + SAMPLE_BYTES * samples)
