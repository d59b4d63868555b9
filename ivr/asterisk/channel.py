"""One live call's channel, spoken to over FastAGI with pyst2's vocabulary.

pyst2 0.5.1 mends here: it installs a signal handler (and so fails in a thread), writes text to
a binary stream, escapes neither quotes nor line ends, leaves file names unquoted, takes 511 and
an end of file for unknown errors, and prints every line, keys pressed included, to stderr.
This class prints nothing at all: keys are nobody's business.

Protocol: https://docs.asterisk.org/Configuration/Interfaces/Asterisk-Gateway-Interface-AGI/
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from asterisk.agi import AGI, AGIAppError, AGIError, AGIInvalidCommand, AGIUsageError

LINE_BYTES = 2047
"""Asterisk reads a command into 2,048 bytes and would take the rest for another command."""
REPLY_BYTES = 65_536
KICKED = "KICKED"
"""CONFBRIDGE_RESULT of whoever was put out of a conference."""
HUNG_UP = "HANGUP"
"""CONFBRIDGE_RESULT of whoever hung up in it."""
FAILED = "FAILED"
"""CONFBRIDGE_RESULT of whoever couldn't get in."""
ANY_KEY = "0123456789*#ABCD"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_INTERPRETED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\"\\$\{\}\[\],&|;^()`']")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_REPLY = re.compile(r"result=(\S*)(?:\s+\((.*)\))?(?:\s+endpos=(-?\d+))?\s*\Z")

Result = dict[str, tuple[str, str]]


class ChannelGone(AGIAppError):  # type: ignore[misc]
    """This AGI no longer has the channel (result -1 or 511). The caller may be alive and well:
    a redirect or a Dial without `g` say the same. Only `h` or AMI tell of a hang-up."""


class ConnectionLost(AGIError):  # type: ignore[misc]
    """The connection to Asterisk ended in the middle of a conversation."""


class UnsafeArgument(AGIError):  # type: ignore[misc]
    """Text that Asterisk would interpret, or a command longer than its line. Nothing was sent."""


class _Quoted(str):
    """An argument that already is in quotes."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """How a RECORD FILE ended: `samples` is where the file ends now, `key` what ended it."""

    reason: Literal["key", "timeout", "channel_gone"]
    key: str
    samples: int


def plain(text: str, limit: int = 80) -> str:
    """`text` without anything that Asterisk could interpret, at most `limit` characters."""
    return " ".join(_INTERPRETED.sub(" ", text).split())[:limit]


class Channel(AGI):  # type: ignore[misc]
    """The commands of pyst2's AGI over a connected socket.

    Every command raises `ChannelGone`, `ConnectionLost`, `UnsafeArgument`, or pyst2's
    `AGIInvalidCommand`, `AGIUsageError`, `AGIAppError`.

    :param connection: blocking, positioned after the AGI header.
    :param env: the header's lines, `agi_uniqueid` and the like.
    :param received: bytes that came in with the header's last ones.
    """

    def __init__(
        self, connection: socket.socket, env: Mapping[str, str], received: bytes = b""
    ) -> None:
        self.env = dict(env)
        self._connection = connection
        self._received = bytearray(received)
        self._got_sighup = False

    def _quote(self, string: object) -> str:
        if isinstance(string, _Quoted):
            return string
        clean = _CONTROL.sub(" ", str(string)).replace("\\", "\\\\").replace('"', '\\"')
        return _Quoted(f'"{clean}"')

    def send_command(self, command: str, *args: object) -> None:
        """Send one line. An empty argument that isn't quoted is left out, as pyst2 means it."""
        words = [self._quote(argument) for argument in args if argument != ""]
        line = f"{' '.join([command, *words])}\n".encode("utf-8", "replace")
        if len(line) > LINE_BYTES:
            raise UnsafeArgument(f"{command} is {len(line)} bytes long, {LINE_BYTES} are allowed")
        try:
            self._connection.sendall(line)
        except OSError as error:
            raise ConnectionLost(command) from error

    def execute(self, command: str, *args: object) -> Result:
        """Send a command, wait for its result."""
        self.send_command(command, *args)
        return self.get_result()

    def get_result(self, stdin: object = None) -> Result:
        result = self._reply()
        if result["result"][0] == "-1":
            raise ChannelGone(result["result"][1] or "result=-1")
        return result

    def _reply(self) -> Result:
        line = self._line()
        # In-band notice, comes between replies unless AGISIGHUP=no.
        while line == "HANGUP":
            line = self._line()
        code, rest = line[:3], line[3:]
        if code == "200":
            match = _REPLY.match(rest.strip())
            if match is None:
                raise AGIError("a result that cannot be read")
            value, data, endpos = match.groups()
            return {"result": (value, data or ""), "endpos": (endpos or "0", "")}
        if code == "511":
            raise ChannelGone("511")
        if code == "510":
            raise AGIInvalidCommand(rest.strip())
        if code == "520":
            usage = [rest[1:]]
            while rest.startswith("-") and not line.startswith("520 "):
                line = self._line()
                usage.append(line)
            raise AGIUsageError("\n".join(usage))
        raise AGIError(f"unknown code {code!r}")

    def _line(self) -> str:
        while (end := self._received.find(b"\n")) < 0:
            if len(self._received) > REPLY_BYTES:
                raise AGIError(f"a reply longer than {REPLY_BYTES} bytes")
            try:
                more = self._connection.recv(4096)
            except OSError as error:
                raise ConnectionLost("while waiting for a reply") from error
            if not more:
                raise ConnectionLost("while waiting for a reply")
            self._received += more
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line.decode("utf-8", "replace").rstrip("\r")

    def appexec(self, application: str, *arguments: object) -> str:
        """Run a dialplan application. Each argument is one argument of it: whatever would start
        another, or be expanded, is refused. Gives the application's result."""
        return self._appexec(application, [_argument(argument) for argument in arguments])

    def _appexec(self, application: str, arguments: list[str]) -> str:
        if not _NAME.match(application):
            raise UnsafeArgument("not the name of an application")
        value = self.execute("EXEC", application, self._quote(",".join(arguments)))["result"][0]
        if value == "-2":
            raise AGIAppError(f"Asterisk has no application {application}")
        return value

    def dial(self, contacts: Sequence[str], seconds: int, until_star: bool) -> None:
        """Ring all contacts at once (`PJSIP/sip-1001`, `PJSIP/13800138000@trunk`) for `seconds`,
        with music for the caller. Whoever answers runs the dialplan's subroutine `answered`.

        Returns when the conversation or the ringing is over (`g`: a counselor's hang-up ends no
        call); what came of it is in the channel's variables. With `until_star` the key `*` ends
        the ringing, and the dialplan goes on at its extension `*` if the engine is lost.
        """
        rung = "&".join(_argument(contact) for contact in contacts)
        options = "gmdU(answered)" if until_star else "gmU(answered)"
        self._appexec("Dial", [rung, str(int(seconds)), options])

    def record_talk(self, filename: str | Path) -> None:
        """Record what is said and heard on this channel while it is bridged, as WAV. One file at a
        time: what an engine that was lost had begun is ended."""
        self._appexec("StopMixMonitor", [])
        self._appexec("MixMonitor", [f"{_argument(filename)}.wav", "b"])

    def stop_recording(self) -> None:
        """The file is whole when this returns."""
        self._appexec("StopMixMonitor", [])

    def ring_back(self, contact: str, seconds: int, safe_to_talk: str | Path, placed: str) -> None:
        """Ring a caller from a counselor's leg, the call `placed`, which hears it ringing. Whoever
        answers runs the dialplan's subroutine `safe`, which speaks `safe_to_talk`; only a key
        connects them.

        Returns when it is over; what came of it is in the channel's variables.
        """
        self.set_variables(
            CALLBACK_TRY=1, DIALSTATUS="", SAFE_AT="",
            __SAFE_TO_TALK=safe_to_talk, __CALLBACK=placed,
        )  # fmt: skip
        self._appexec("Dial", [_argument(contact), str(int(seconds)), "grU(safe)"])

    def confer(self, room: str, verbs_turn: int) -> None:
        """Talk in the conference `room`, with music until somebody of ours is there.

        Returns when the last of them has left; why is its `conference_result`.
        """
        self.set_variables(CALL_TURN=verbs_turn, CONFBRIDGE_RESULT="", ROOM=room)
        self._appexec("ConfBridge", [_argument(room), "", "caller"])

    def end_conference(self, room: str) -> None:
        """Everybody is put out of it."""
        self._appexec("ConfKick", [_argument(room)])

    def conference_result(self, verbs_turn: int | None = None) -> str:
        """How the last conference ended, "" where none did; with `verbs_turn`, of that turn's."""
        said = self.get_variables("CALL_TURN", "CONFBRIDGE_RESULT")
        ours = verbs_turn is None or said["CALL_TURN"] == str(verbs_turn)
        return said["CONFBRIDGE_RESULT"] if ours else ""

    def set_variables(self, **values: object) -> None:
        """Set several channel variables in one exchange."""
        self._appexec("MSet", [f"{name}={_argument(value)}" for name, value in values.items()])

    def set_variable(self, name: str, value: object) -> None:
        if not _NAME.match(name):
            raise UnsafeArgument("not the name of a variable")
        self.execute("SET VARIABLE", self._quote(name), self._quote(_argument(value)))

    def get_variables(self, *names: str) -> dict[str, str]:
        """Several variables' values in one exchange; none of them may hold a `|`."""
        if not all(_NAME.match(name) for name in names):
            raise UnsafeArgument("not the name of a variable")
        expression = "|".join(f"${{{name}}}" for name in names)
        reply = self.execute("GET FULL VARIABLE", self._quote(expression))["result"][1]
        return dict(zip(names, reply.split("|"), strict=False))

    def first_key(self, filenames: Sequence[str], timeout: float) -> str:
        """Play prompts one after the other until the first key, which ends them, or `timeout`
        seconds after the last; the key, "" for none.

        The application Read does it in one command, so that no key is lost between prompts, and
        with no end key every key is one; GET DATA takes one prompt and swallows `#`.
        """
        prompts = "&".join(_argument(name) for name in filenames)
        self._appexec("Read", ["KEY", prompts, "1", "t()", "1", f"{timeout:.3f}"])
        said = self.get_variables("KEY", "READSTATUS")
        if said["READSTATUS"] == "HANGUP":
            raise ChannelGone("while reading a key")
        if said["READSTATUS"] == "ERROR":  # the last prompt cannot be played
            return self.wait_for_digit(round(timeout * 1000))
        return said["KEY"]

    def wait_for_digit(self, timeout: int = 2000) -> str:
        """The key pressed within `timeout` ms, "" for none."""
        return str(super().wait_for_digit(timeout))

    def stream_file(
        self, filename: str | Path, escape_digits: str = "", sample_offset: int = 0
    ) -> str:
        """Play a prompt; the key of `escape_digits` that ended it, "" for none. A file that
        isn't there raises ChannelGone: Asterisk makes no difference."""
        return str(super().stream_file(filename, escape_digits, sample_offset))

    def record_file(
        self,
        filename: str | Path,
        format: str = "wav",
        escape_digits: str = ANY_KEY,
        timeout: int = 120_000,
        offset: int = 0,
        beep: bool = True,
        silence: int = 0,
    ) -> Recorded:
        """Record until a key of `escape_digits`, `timeout` ms, or `silence` seconds of it.

        :param offset: in samples, where to go on in a file that is there.
        :raises AGIAppError: the file could not be written.
        """
        options = [*(["BEEP"] if beep else []), *([f"s={silence}"] if silence else [])]
        self.send_command(
            "RECORD FILE", filename, format, self._quote(escape_digits), timeout, offset, *options
        )
        reply = self._reply()
        value, data = reply["result"]
        samples = int(reply["endpos"][0])
        if data == "hangup":
            return Recorded("channel_gone", "", samples)
        if value == "-1":
            raise AGIAppError(f"recording failed: {data}")
        if data == "dtmf":
            return Recorded("key", chr(int(value)), samples)
        return Recorded("timeout", "", samples)

    def set_music(self, on: bool, music_class: str = "default") -> None:
        self.execute("SET MUSIC", "ON" if on else "OFF", music_class)

    def hangup(self, channel: str = "") -> None:
        """Hang up this channel (or the one named)."""
        self.execute("HANGUP", channel)


def _argument(value: object) -> str:
    text = str(value)
    if _INTERPRETED.search(text):
        raise UnsafeArgument("an argument holds characters that Asterisk interprets")
    return text
