"""What reaches Asterisk from a channel, and what its answers mean."""

from __future__ import annotations

import socket
import threading

import pytest
from asterisk.agi import AGIAppError, AGIError, AGIInvalidCommand, AGIUsageError
from hypothesis import given
from hypothesis import strategies as st

from ivr.asterisk.calls import offered_call
from ivr.asterisk.channel import (
    LINE_BYTES,
    Channel,
    ChannelGone,
    ConnectionLost,
    Recorded,
    UnsafeArgument,
    plain,
)
from tests.asterisk_peer import ENV, conversation

ATTACKS = [
    'a"\nEXEC System "rm -rf"\n"',
    "a\r\nHANGUP\r\n",
    "a\0b",
    "\\",
    '\\"',
    "${SHELL(id)}",
    "PJSIP/1&PJSIP/2",
    "1,30,g",
    "a|b",
]


class Sent(socket.socket):
    """A socket that only remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = b""

    def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override]
        self.lines += data

    def recv(self, size: int, flags: int = 0) -> bytes:
        return b"200 result=0\n"


def words(line: str) -> list[str]:
    """A command's words as Asterisk's own `parse_args` sees them (res_agi.c)."""
    found, word, quoted, escaped, started = [], "", False, False, False
    for character in line:
        if escaped:
            word, escaped = word + character, False
        elif character == "\\":
            escaped = started = True
        elif character == '"':
            quoted, started = not quoted, True
        elif character in " \t" and not quoted:
            if started:
                found.append(word)
            word, started = "", False
        else:
            word, started = word + character, True
    assert not quoted
    assert not escaped
    return [*found, word] if started else found


@given(st.text() | st.sampled_from(ATTACKS))
def test_any_text_as_argument_is_one_word_of_one_line(text: str) -> None:
    with Sent() as sent:
        try:
            Channel(sent, {}).stream_file(text or "a", text)
        except UnsafeArgument:
            assert sent.lines == b""
            return
    line = sent.lines.decode()
    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert not set(line[:-1]) & {"\r", "\0"}
    assert len(sent.lines) <= LINE_BYTES
    command = words(line[:-1])
    assert command[:2] == ["STREAM", "FILE"]
    assert len(command) == 5


@given(st.text(min_size=1) | st.sampled_from(ATTACKS))
def test_an_applications_argument_is_never_two_and_never_expanded(text: str) -> None:
    with Sent() as sent:
        channel = Channel(sent, {})
        for attempt in (
            lambda: channel.appexec("Playback", text),
            lambda: channel.dial([text], 20, True),
            lambda: channel.set_variable("NAME", text),
            lambda: channel.set_variables(NAME=text),
        ):
            sent.lines = b""
            try:
                attempt()
            except UnsafeArgument:
                assert sent.lines == b""
            else:
                assert not set(text) & set(',&|${}"\\\r\n\0')
                assert sent.lines.count(b"\n") == 1


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_asterisk_would_interpret_is_refused(attack: str) -> None:
    with Sent() as sent:
        with pytest.raises(UnsafeArgument):
            Channel(sent, {}).dial([attack], 20, True)
        assert sent.lines == b""


@given(st.text() | st.sampled_from(ATTACKS), st.text())
def test_a_callers_name_and_number_are_harmless_whatever_they_are(name: str, number: str) -> None:
    call = offered_call({**ENV, "agi_calleridname": name, "agi_callerid": number})
    assert call.caller_id is None or not set(call.caller_id) - set("+-0123456789")
    with Sent() as sent:
        Channel(sent, {}).set_variable("NAME", call.caller_name or "")
        assert sent.lines.count(b"\n") == 1


def test_a_withheld_number_is_not_passed_on() -> None:
    assert offered_call({**ENV, "agi_callingpres": "35"}).caller_id is None
    assert offered_call({**ENV, "agi_callerid": "unknown"}).caller_id is None
    assert offered_call(ENV).caller_id == "13570001234"
    assert offered_call(ENV).access_number == "020-12355"


@given(st.text())
def test_plain_text_is_always_accepted(text: str) -> None:
    with Sent() as sent:
        Channel(sent, {}).set_variable("NAME", plain(text))


def test_a_line_longer_than_asterisks_is_not_sent() -> None:
    with Sent() as sent:
        with pytest.raises(UnsafeArgument):
            Channel(sent, {}).stream_file("老" * 700)
        assert sent.lines == b""


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ("< 200 result=-1", ChannelGone),
        ("< 200 result=-1 endpos=0", ChannelGone),
        ("< 511 Command Not Permitted on a dead channel or intercept routine", ChannelGone),
        ("< 510 Invalid or unknown command", AGIInvalidCommand),
        ("< 520 Invalid command syntax.  Proper usage not available.", AGIUsageError),
        ("< EOF", ConnectionLost),
        ("< 200 nonsense", AGIError),
        ("< nonsense", AGIError),
    ],
)
def test_each_bad_reply_has_its_error(reply: str, error: type[Exception]) -> None:
    with conversation("> WAIT FOR DIGIT", reply) as (channel, _), pytest.raises(error):
        channel.wait_for_digit(1000)


def test_a_usage_text_of_many_lines_is_read_to_its_end() -> None:
    usage = ("< 520-Invalid command syntax.  Proper usage follows:", "< Plays.", "< 520 End.")
    with conversation("> STREAM", *usage, "> NOOP", "< 200 result=0") as (channel, _):
        with pytest.raises(AGIUsageError):
            channel.stream_file("a")
        channel.noop()


def test_an_endless_reply_is_given_up() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        flood = threading.Thread(target=_flood, args=[theirs], daemon=True)
        flood.start()
        with pytest.raises(AGIError, match="longer"):
            Channel(ours, {}).noop()
        ours.close()
        flood.join()


def _flood(connection: socket.socket) -> None:
    try:
        while True:
            connection.sendall(b"x" * 4096)
    except OSError:
        return


def test_a_hangup_notice_between_replies_is_tolerated() -> None:
    with conversation("> WAIT", "< HANGUP", "< 200 result=53") as (channel, _):
        assert channel.wait_for_digit(1000) == "5"


def test_a_variable_may_hold_anything_a_reply_may_look_like() -> None:
    with conversation("> GET", "< 200 result=1 (result=-1 (x) endpos=3)") as (channel, _):
        assert channel.get_variables("NAME") == {"NAME": "result=-1 (x) endpos=3"}
    with conversation("> GET", "< 200 result=0") as (channel, _):
        assert channel.get_variables("NAME") == {"NAME": ""}


def test_several_variables_are_read_in_one_exchange() -> None:
    with conversation("> GET", "< 200 result=1 (3||x)") as (channel, peer):
        assert channel.get_variables("A", "B", "C") == {"A": "3", "B": "", "C": "x"}
    assert peer.heard == ['> GET FULL VARIABLE "${A}|${B}|${C}"']


@pytest.mark.parametrize(
    ("reply", "recorded"),
    [
        ("200 result=0 (timeout) endpos=8000", Recorded("timeout", "", 8000)),
        ("200 result=42 (dtmf) endpos=16000", Recorded("key", "*", 16000)),
        ("200 result=-1 (hangup) endpos=4000", Recorded("channel_gone", "", 4000)),
        ("200 result=0 (hangup) endpos=4000", Recorded("channel_gone", "", 4000)),
    ],
)
def test_how_a_recording_ended(reply: str, recorded: Recorded) -> None:
    with conversation("> RECORD", f"< {reply}") as (channel, peer):
        assert channel.record_file("/data/message", silence=8) == recorded
    assert peer.heard == [
        '> RECORD FILE "/data/message" "wav" "0123456789*#ABCD" "120000" "0" "BEEP" "s=8"'
    ]


def test_a_recording_that_cannot_be_written_is_an_error() -> None:
    with (
        conversation("> RECORD", "< 200 result=-1 (writefile) endpos=0") as (channel, _),
        pytest.raises(AGIAppError, match="writefile"),
    ):
        channel.record_file("/data/message")


def test_keys_and_numbers_are_printed_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    with conversation("> WAIT", "< 200 result=53", "> HANGUP", "< 200 result=1") as (channel, peer):
        channel.wait_for_digit(1000)
        channel.hangup()
    assert peer.heard[1] == "> HANGUP"
    assert capfd.readouterr() == ("", "")
