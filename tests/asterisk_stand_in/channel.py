"""One caller's channel under the dialplan: handed to AGI `call`, and to `hangup` at its end."""

from __future__ import annotations

import math
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.asterisk_stand_in.dial import dial
from tests.asterisk_stand_in.recording import record
from tests.asterisk_stand_in.signals import Key, Spoke
from tests.twilio_stand_in.failures import HungUp
from tests.twilio_stand_in.process import Process, Steps, Wait

if TYPE_CHECKING:
    from tests.asterisk_stand_in.asterisk import Asterisk

READ_SECONDS = 20.0
"""Real ones: an engine that says nothing for so long hangs."""
ON_A_DEAD_CHANNEL = ("EXEC", "GET FULL VARIABLE", "SET VARIABLE")
DEAD = "511 Command Not Permitted on a dead channel or intercept routine"
SAMPLES_A_SECOND = 8000

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_VARIABLE = re.compile(r"\$\{([A-Za-z0-9_]+)\}")


@dataclass(eq=False)
class Channel:
    """`lines`: the conversation with the engine; `>` what it says, `<` what we answer, `#` what
    callers and telephones do."""

    asterisk: Asterisk
    unique_id: str
    name: str
    env: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    answered: bool = False
    gone: bool = False
    over: bool = False
    speaks_until: float = -math.inf
    _process: Process | None = None

    # What the caller does.

    def begin(self) -> None:
        self._process = Process(self.asterisk.clock, self._live())
        self.began = self.asterisk.clock.elapsed
        self._process.start()

    def press(self, digit: str) -> None:
        """Lost where nobody listens."""
        if self._process is not None and self._process.waiting:
            self.remark(f"{'AMI plays' if digit == 'D' else 'the caller presses'} {digit}")
            self._process.signal(Key(digit))

    def hang_up(self) -> None:
        assert self._process is not None
        if not self.gone:
            self.remark("the caller hangs up")
            self._process.interrupt(HungUp())

    def speak(self, seconds: float) -> None:
        """Speak from now on: a recording ends after silence."""
        assert self._process is not None
        self.remark(f"the caller speaks for {seconds:g} s")
        self.speaks_until = self.asterisk.clock.elapsed + seconds
        self._process.signal(Spoke())

    def remark(self, text: str) -> None:
        minutes, seconds = divmod(int(self.asterisk.clock.elapsed - self.began), 60)
        self.lines.append(f"# {minutes:02}:{seconds:02} {text}")

    # The dialplan.

    def _live(self) -> Steps[None]:
        yield from self._agi("call")
        if not self.gone:
            raise AssertionError(f"{self.unique_id}: the engine left the call to the dialplan")
        self.over = True
        if self.variables.get("HANGUP_TOLD") != "1":
            yield from self._agi("hangup")

    def _agi(self, request: str) -> Steps[None]:
        host, port = self.asterisk.engine
        self.lines.append(f"# agi://engine/{request}")
        connection = socket.create_connection((host, port), READ_SECONDS)
        with connection, connection.makefile("rb") as commands:
            header = {"agi_network_script": request, **self.env}
            text = "".join(f"{name}: {value}\n" for name, value in header.items())
            connection.sendall(text.encode() + b"\n")
            while line := commands.readline().decode().rstrip("\n"):
                self.lines.append(f"> {line}")
                reply = yield from self._perform(line)
                self.lines.append(f"< {reply}")
                connection.sendall(reply.encode() + b"\n")

    def _perform(self, line: str) -> Steps[str]:
        name = line.partition('"')[0].strip()
        arguments = [re.sub(r"\\(.)", r"\1", text) for text in _QUOTED.findall(line)]
        if self.gone and name not in ON_A_DEAD_CHANNEL:
            return DEAD
        if name == "EXEC":
            application, *rest = arguments
            return (yield from APPLICATIONS[application](self, *rest))
        return (yield from COMMANDS[name](self, *arguments))

    # What commands are made of.

    def listen(self, seconds: float, keys: str) -> Steps[str]:
        """The first of these keys within so many seconds, "" for none."""
        clock = self.asterisk.clock
        end = clock.elapsed + seconds
        while (left := end - clock.elapsed) > 0:
            signal = yield Wait(left)
            if isinstance(signal, Key) and signal.digit in keys:
                return signal.digit
        return ""

    def expand(self, text: str) -> str:
        now = {"EPOCH": str(int(self.asterisk.clock.now().timestamp()))}
        return _VARIABLE.sub(lambda name: {**self.variables, **now}.get(name[1], ""), text)


def _answer(channel: Channel) -> Steps[str]:
    yield from ()
    channel.answered = True
    return "200 result=0"


def _hangup(channel: Channel) -> Steps[str]:
    yield from ()
    channel.gone = True
    return "200 result=1"


def _set_music(channel: Channel, switch: str, music_class: str) -> Steps[str]:
    yield from ()
    return "200 result=0"


def _set_variable(channel: Channel, name: str, value: str) -> Steps[str]:
    yield from ()
    channel.variables[name] = value
    return "200 result=1"


def _get_full_variable(channel: Channel, expression: str) -> Steps[str]:
    yield from ()
    return f"200 result=1 ({channel.expand(expression)})"


def _wait_for_digit(channel: Channel, milliseconds: str) -> Steps[str]:
    try:
        key = yield from channel.listen(int(milliseconds) / 1000, "0123456789*#ABCD")
    except HungUp:
        channel.gone = True
        return "200 result=-1"
    return f"200 result={ord(key) if key else 0}"


def _stream_file(channel: Channel, file: str, keys: str, offset: str) -> Steps[str]:
    begun = channel.asterisk.clock.elapsed
    try:
        key = yield from channel.listen(channel.asterisk.voice_seconds, keys)
    except HungUp:
        channel.gone = True
        key = None
    result = -1 if key is None else ord(key) if key else 0
    samples = round((channel.asterisk.clock.elapsed - begun) * SAMPLES_A_SECOND)
    return f"200 result={result} endpos={samples}"


def _mset(channel: Channel, values: str) -> Steps[str]:
    yield from ()
    for one in values.split(","):
        name, _, value = one.partition("=")
        channel.variables[name] = value
    return "200 result=0"


def _read(channel: Channel, arguments: str) -> Steps[str]:
    """Read: with `t()` no key ends the entry, so each is one; `timeout` follows the last prompt."""
    variable, files, digits, options, attempts, timeout = arguments.split(",")
    assert (digits, options, attempts) == ("1", "t()", "1"), "the stand-in reads one key"
    speech = len(files.split("&")) * channel.asterisk.voice_seconds
    try:
        if channel.gone:
            raise HungUp()
        key = yield from channel.listen(speech + float(timeout), "0123456789*#ABCD")
    except HungUp:
        channel.gone = True
        channel.variables |= {variable: "", "READSTATUS": "HANGUP"}
        return "200 result=0"
    channel.variables |= {variable: key, "READSTATUS": "OK" if key else "TIMEOUT"}
    return "200 result=0"


Command = Callable[..., Steps[str]]
COMMANDS: dict[str, Command] = {
    "ANSWER": _answer,
    "HANGUP": _hangup,
    "SET MUSIC": _set_music,
    "SET VARIABLE": _set_variable,
    "GET FULL VARIABLE": _get_full_variable,
    "WAIT FOR DIGIT": _wait_for_digit,
    "STREAM FILE": _stream_file,
    "RECORD FILE": record,
}


def _recorded(channel: Channel, arguments: str) -> Steps[str]:
    """What it would hold isn't there: no sound is."""
    yield from ()
    return "200 result=0"


APPLICATIONS: dict[str, Command] = {
    "MSet": _mset,
    "Read": _read,
    "Dial": dial,
    "MixMonitor": _recorded,
    "StopMixMonitor": _recorded,
}
